"""Regions selected by score, and random regions."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from linguistic_regions.regions import ranking
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.tensorfile import Shape


class Scored(Protocol):
    """Scores of all weights, by parameter name: flat, float32."""

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of each parameter."""

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the scores of one parameter, shape (numel,)."""


def select(
    scores: Scored, ratio: float | None = None, like: Region | None = None, scope: str = "tensor", top: bool = True
) -> Region:
    """Select the weights with the largest (or smallest) scores; ties go to the lower flat index.

    Args:
        scores: the scores to rank by; over the whole model they must not be negative.
        ratio: select floor(ratio * numel) weights ...
        like: ... or, with scope "tensor", as many weights of each parameter as this region has.
        scope: "tensor" ranks within each parameter, "model" over all of them (in name order).
        top: select the largest scores; False: the smallest.
    """
    sizes = {name: math.prod(shape) for name, shape in scores.shapes.items()}
    if scope == "model":
        count = selected(ratio, sum(sizes.values()))
        packed = ranking.ranked_over_all(sizes, scores.__getitem__, count, top)
    else:

        def packed(name: str) -> np.ndarray:
            count = selected(ratio, sizes[name]) if like is None else like.count(name)
            return ranking.ranked(scores[name], count, top)

    return Region.computed(scores.shapes, packed)


def selected(ratio: float, size: int) -> int:
    """The number of weights that a ratio selects of `size`."""
    return math.floor(ratio * size)


def check_ratio(scores: Scored, ratio: float, scope: str = "tensor") -> None:
    """Check that a ratio selects a weight of each parameter, or, with scope "model", of the model.

    Raises:
        UserError: it does not.
    """
    sizes = {name: math.prod(shape) for name, shape in scores.shapes.items()}
    if scope == "model":
        sizes = {"the model": sum(sizes.values())}
    smallest = min(sizes, key=sizes.__getitem__)
    if selected(ratio, sizes[smallest]) == 0:
        raise UserError(f"ratio: {ratio:g} selects none of the {sizes[smallest]} weights of {smallest}: raise it")


def cut(scores: Scored, regions: Sequence[Region]) -> Region:
    """Cut the first region to the smallest: keep its largest scores, as many of each parameter as the fewest that a
    region has there; ties go to the lower flat index.

    Args:
        scores: the scores to rank by.
        regions: the region to cut, and those that it is to have the size of.
    """
    first = regions[0]

    def packed(name: str) -> np.ndarray:
        inside = np.where(first.mask(name).reshape(-1), scores[name], np.float32(-np.inf))
        return ranking.ranked(inside, min(region.count(name) for region in regions), top=True)

    return Region.computed(first.shapes, packed)


def random(like: Region, seed: int, name: str = "") -> Region:
    """Select as many weights of each parameter as `like` has, drawn without replacement.

    Args:
        like: the region whose counts are taken.
        seed: of the draw.
        name: of the region that is drawn. It is part of the seed, so that the random regions of a run are independent
            of one another even where they share a seed.
    """

    def packed(matrix: str) -> np.ndarray:
        size = math.prod(like.shapes[matrix])
        return ranking.drawn(size, like.count(matrix), entropy(seed, matrix, name))

    return Region.computed(like.shapes, packed)


def entropy(seed: int, matrix: str, name: str) -> list[int]:
    """What seeds the random draw from one matrix for the region `name`."""
    return [seed, zlib.crc32(matrix.encode()), zlib.crc32(name.encode())]
