"""Which weights a region takes: those of the largest or smallest scores, or a random draw. Needs numpy only.

Masks are packed (numpy.packbits of the flattened mask, big-endian bits), and never whole as booleans.

All selections are exact, and ties go to the lower flat index. Nothing is sorted: a sample says between which two
values the last selected one lies, and it is looked for among the few scores between them.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from linguistic_regions.runtime.parallel import map_slices

SAMPLE = 1 << 16
IN_CACHE = 1 << 19  # values that are gone through at a time: they stay in the processor's cache
DRAWN = 1 << 20  # places that are drawn from at a time
DEVIATIONS = 3  # of the sample's quantile, on either side; one time in 400 the sample is wrong, and all is looked at


def ranked(values: np.ndarray, count: int, top: bool) -> np.ndarray:
    """The packed mask of the `count` largest (`top`) or smallest of `values`.

    Args:
        values: flat, float32, without NaN.
        count: how many, from 0 to all.
        top: the largest; False: the smallest.

    Returns:
        uint8, shape (ceil(len(values) / 8),); spare bits are zero.
    """
    if count == 0:
        return np.zeros(_bytes(len(values)), np.uint8)
    loose, strict = _bracket(values, count, top)
    mask = _ranked_between(values, count, top, loose, strict)
    if mask is None:
        loose, strict = (-np.inf, np.inf) if top else (np.inf, -np.inf)
        mask = _ranked_between(values, count, top, loose, strict)
    return mask


def _ranked_between(values: np.ndarray, count: int, top: bool, loose: float, strict: float) -> np.ndarray | None:
    """The same, if the last selected value lies between `loose` and `strict`; None if it does not."""
    within, beyond = (np.greater_equal, np.greater) if top else (np.less_equal, np.less)
    packed = np.empty(_bytes(len(values)), np.uint8)

    def doubtful(part: slice) -> tuple[np.ndarray, int]:
        sure = beyond(values[part], strict)
        packed[_packed(part)] = np.packbits(sure)
        candidates = within(values[part], loose)
        candidates ^= sure
        return part.start + np.flatnonzero(candidates), np.count_nonzero(sure)

    found, sure = zip(*map_slices(doubtful, len(values), IN_CACHE), strict=True)
    places = np.concatenate(found)
    candidates = values[places]
    needed = count - sum(sure)
    if not 0 < needed <= len(candidates):
        return None
    last = len(candidates) - needed if top else needed - 1
    limit = np.partition(candidates, last)[last]
    better = places[beyond(candidates, limit)]
    ties = places[candidates == limit][: needed - len(better)]
    for added in (better, ties):
        np.bitwise_or.at(packed, added >> 3, (128 >> (added & 7)).astype(np.uint8))
    return packed


def _bytes(size: int) -> int:
    """Of a packed mask of `size` bits."""
    return -(-size // 8)


def _packed(part: slice) -> slice:
    """Where a part of the bits is, in bytes; it begins at a whole byte."""
    return slice(part.start // 8, _bytes(part.stop))


def _bracket(values: np.ndarray, count: int, top: bool) -> tuple[float, float]:
    """Two values between which the `count`-th lies, as a sample says: one that lets more pass, one that lets fewer."""
    share = count / len(values)
    margin = DEVIATIONS * np.sqrt(share * (1 - share) / SAMPLE) + 2 / SAMPLE
    sample = np.sort(values[np.random.default_rng(0).integers(0, len(values), SAMPLE)]) if len(values) > SAMPLE else []
    place = 1 - share if top else share
    low, high = int((place - margin) * len(sample)), int((place + margin) * len(sample))
    below = sample[low] if low > 0 else -np.inf
    above = sample[high] if 0 < high < len(sample) else np.inf
    return (below, above) if top else (above, below)


def ranked_over_all(
    names: Iterable[str], values: Callable[[str], np.ndarray], count: int, top: bool
) -> Callable[[str], np.ndarray]:
    """The `count` largest or smallest of several arrays together, ties going to the first in the order of `names`.

    Two histograms, of the upper and of the lower 16 bits of each value, stand in for a sort: the arrays are gone
    through twice, one at a time, and a third time if ties must be broken.

    Args:
        names: of the arrays.
        values: gives an array by its name: flat, float32, non-negative (such floats order like their bits).
        count: how many in all.
        top: the largest; False: the smallest.

    Returns:
        A function that gives the packed mask of an array, by its name.
    """
    names = list(names)
    direction = np.uint32(0) if top else np.uint32(0xFFFFFFFF)

    def keys(name: str) -> np.ndarray:
        return values(name).view(np.uint32) ^ direction

    if count == 0:
        return lambda name: np.zeros(_bytes(len(values(name))), np.uint8)
    upper, rest, _ = _rank(sum(_histogram(keys(name) >> 16) for name in names), count)
    lower, wanted, ties = _rank(sum(_histogram(_lower(keys(name), upper)) for name in names), rest)
    limit = np.uint32(upper << 16 | lower)
    quota: Mapping[str, int] = {}
    if wanted < ties:
        for name in names:
            quota[name] = min(wanted, np.count_nonzero(keys(name) == limit))
            wanted -= quota[name]

    def mask(name: str) -> np.ndarray:
        found = keys(name) >= limit
        if quota:
            found[np.flatnonzero(keys(name) == limit)[quota[name] :]] = False
        return np.packbits(found)

    return mask


def _lower(keys: np.ndarray, upper: int) -> np.ndarray:
    return keys[keys >> 16 == upper] & 0xFFFF


def _histogram(values: np.ndarray) -> np.ndarray:
    return np.bincount(values, minlength=1 << 16)


def _rank(histogram: np.ndarray, count: int) -> tuple[int, int, int]:
    """The bin that holds the `count`-th largest entry, that entry's rank within the bin, and the bin's size."""
    from_top = np.cumsum(histogram[::-1])
    steps = int(np.searchsorted(from_top, count))
    above = int(from_top[steps - 1]) if steps else 0
    found = len(histogram) - 1 - steps
    return found, count - above, int(histogram[found])


def drawn(size: int, count: int, seed: Iterable[int]) -> np.ndarray:
    """A packed mask of `count` out of `size` places, every such set equally likely; the same for the same seed."""
    generator = np.random.default_rng(list(seed))
    packed = np.empty(_bytes(size), np.uint8)
    # First how many of them fall into each part, as if all were drawn at once; then which.
    sizes = [min(DRAWN, size - start) for start in range(0, size, DRAWN)]
    shares = generator.multivariate_hypergeometric(sizes, count, method="marginals")
    generators = generator.spawn(len(sizes))

    def draw(part: slice) -> None:
        number = part.start // DRAWN
        packed[_packed(part)] = np.packbits(_draw(sizes[number], shares[number], generators[number]))

    map_slices(draw, size, DRAWN)
    return packed


def _draw(size: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """A mask of `count` out of `size` places; if that is most of them, the others are drawn."""
    most = count > size // 2
    mask = np.zeros(size, bool)
    missing = wanted = size - count if most else count
    while missing:  # places that were drawn before are drawn anew
        mask[generator.integers(0, size, missing)] = True
        missing = wanted - np.count_nonzero(mask)
    return ~mask if most else mask
