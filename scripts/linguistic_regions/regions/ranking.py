"""Select the largest or smallest of an array of scores, or random entries. Needs only numpy.

Masks are packed (numpy.packbits of the flattened mask, big-endian bits); no whole boolean mask is in memory.

All selections are exact; ties go to the lower flat index. Nothing is sorted: a random sample brackets the selection's
cut-off, which is then found among the few scores within the bracket.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from linguistic_regions.runtime.parallel import map_slices

SAMPLE = 1 << 16
IN_CACHE = 1 << 19  # values processed at a time, few enough to stay in the CPU cache
DRAWN = 1 << 20  # entries drawn from at a time
DEVIATIONS = 3  # half-width of the bracket, in standard deviations of the quantile; it misses about once in 400 times


def ranked(values: np.ndarray, count: int, top: bool) -> np.ndarray:
    """Return the packed mask of the `count` largest (`top`) or smallest `values`.

    Args:
        values: flat, float32, without NaN.
        count: number to select, from 0 to len(values).
        top: select the largest; False: the smallest.

    Returns:
        uint8, shape (ceil(len(values) / 8),); padding bits are zero.
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
    """Return the mask as `ranked` does, or None if the cut-off is not between `loose` and `strict`."""
    within, beyond = (np.greater_equal, np.greater) if top else (np.less_equal, np.less)
    packed = np.empty(_bytes(len(values)), np.uint8)

    def candidates_in(part: slice) -> tuple[np.ndarray, int]:
        certain = beyond(values[part], strict)
        packed[_packed(part)] = np.packbits(certain)
        candidates = within(values[part], loose)
        candidates ^= certain
        return part.start + np.flatnonzero(candidates), np.count_nonzero(certain)

    found, certain = zip(*map_slices(candidates_in, len(values), IN_CACHE), strict=True)
    indices = np.concatenate(found)
    candidates = values[indices]
    needed = count - sum(certain)
    if not 0 < needed <= len(candidates):
        return None
    last = len(candidates) - needed if top else needed - 1
    limit = np.partition(candidates, last)[last]
    better = indices[beyond(candidates, limit)]
    ties = indices[candidates == limit][: needed - len(better)]
    for added in (better, ties):
        np.bitwise_or.at(packed, added >> 3, (128 >> (added & 7)).astype(np.uint8))
    return packed


def _bytes(size: int) -> int:
    """Return the number of bytes of a packed mask of `size` bits."""
    return -(-size // 8)


def _packed(part: slice) -> slice:
    """Return the bytes that hold a slice of the bits, which must start at a byte boundary."""
    return slice(part.start // 8, _bytes(part.stop))


def _bracket(values: np.ndarray, count: int, top: bool) -> tuple[float, float]:
    """Estimate from a sample a loose and a strict bound on the `count`-th value; the loose one selects more."""
    share = count / len(values)
    margin = DEVIATIONS * np.sqrt(share * (1 - share) / SAMPLE) + 2 / SAMPLE
    sample = np.sort(values[np.random.default_rng(0).integers(0, len(values), SAMPLE)]) if len(values) > SAMPLE else []
    quantile = 1 - share if top else share
    low, high = int((quantile - margin) * len(sample)), int((quantile + margin) * len(sample))
    below = sample[low] if low > 0 else -np.inf
    above = sample[high] if 0 < high < len(sample) else np.inf
    return (below, above) if top else (above, below)


def ranked_over_all(
    names: Iterable[str], values: Callable[[str], np.ndarray], count: int, top: bool
) -> Callable[[str], np.ndarray]:
    """Select the `count` largest or smallest of several arrays together; ties go to the first in the order of `names`.

    Two histograms, of the upper and the lower 16 bits of each value, replace a sort: each array is read twice, one at a
    time, and a third time if ties must be broken.

    Args:
        names: names of the arrays.
        values: returns an array by name: flat, float32, non-negative (such floats sort like their bits).
        count: total number to select.
        top: select the largest; False: the smallest.

    Returns:
        A function that returns the packed mask of an array by name.
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
    """Return the bin of the `count`-th largest entry, the entry's rank within the bin, and the bin's size."""
    from_top = np.cumsum(histogram[::-1])
    steps = int(np.searchsorted(from_top, count))
    above = int(from_top[steps - 1]) if steps else 0
    found = len(histogram) - 1 - steps
    return found, count - above, int(histogram[found])


def drawn(size: int, count: int, seed: Iterable[int]) -> np.ndarray:
    """Return a packed mask of `count` of `size` entries, drawn uniformly without replacement, determined by `seed`."""
    generator = np.random.default_rng(list(seed))
    packed = np.empty(_bytes(size), np.uint8)
    # First draw how many entries fall into each part, then which.
    sizes = [min(DRAWN, size - start) for start in range(0, size, DRAWN)]
    counts = generator.multivariate_hypergeometric(sizes, count, method="marginals")
    generators = generator.spawn(len(sizes))

    def draw(part: slice) -> None:
        number = part.start // DRAWN
        packed[_packed(part)] = np.packbits(_draw(sizes[number], counts[number], generators[number]))

    map_slices(draw, size, DRAWN)
    return packed


def _draw(size: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return a boolean mask of `count` random entries of `size`; if `count` is above half, draw the others instead."""
    most = count > size // 2
    mask = np.zeros(size, bool)
    missing = wanted = size - count if most else count
    while missing:  # replace duplicates
        mask[generator.integers(0, size, missing)] = True
        missing = wanted - np.count_nonzero(mask)
    return ~mask if most else mask
