"""How much the regions of languages have in common, counted one matrix at a time."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from linguistic_regions.regions.region import Region, count_ones
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.progress import progress

Pairs = dict[tuple[str, str], float]


def parameters(regions: Mapping[str, Region]) -> list[str]:
    """The parameters of the regions.

    Raises:
        UserError: the regions belong to different models.
    """
    shapes = [region.shapes for region in regions.values()]
    for name, other in zip(regions, shapes, strict=True):
        if other != shapes[0]:
            raise UserError(
                f"{name} and {next(iter(regions))} belong to different models (parameters or shapes differ): compare "
                "regions of one model"
            )
    return list(shapes[0]) if shapes else []


def jaccard(both: int, either: int) -> float:
    """The Jaccard index of two regions: weights in both over weights in either; 1 for two empty regions."""
    return both / either if either else 1.0


def of_tops(tops: Mapping[str, Region]) -> tuple[Pairs, Pairs]:
    """How much the top regions of each two languages have in common.

    Args:
        tops: the top region of each language.

    Returns:
        Two Jaccard indices by pair of languages. The first is that of the top regions. The second is that of what is
        left of the two when the tops of all languages but these two are taken out.

    Raises:
        UserError: the regions belong to different models.
    """
    pairs = list(combinations(tops, 2))
    shared, shared_alone = dict.fromkeys(pairs, 0), dict.fromkeys(pairs, 0)
    size, size_alone = dict.fromkeys(tops, 0), dict.fromkeys(tops, 0)
    for parameter in progress(parameters(tops), "overlap", unit="matrix"):
        masks = {code: top.packed[parameter] for code, top in tops.items()}
        once, twice = _one_and_two(masks.values())
        for code, mask in masks.items():
            size[code] += count_ones(mask)
            size_alone[code] += count_ones(mask & once)
        for first, second in pairs:
            both = masks[first] & masks[second]
            shared[first, second] += count_ones(both)
            shared_alone[first, second] += count_ones(both & twice)
    top = {(a, b): jaccard(both, size[a] + size[b] - both) for (a, b), both in shared.items()}
    alone = {(a, b): jaccard(both, size_alone[a] + size_alone[b] + both) for (a, b), both in shared_alone.items()}
    return top, alone


def _one_and_two(masks) -> tuple[np.ndarray, np.ndarray]:
    """Packed masks of what is in exactly one, and in exactly two, of several packed masks."""
    one = two = more = np.uint8(0)
    for mask in masks:
        one, two, more = one | mask, two | one & mask, more | two & mask
    return one & ~two, two & ~more
