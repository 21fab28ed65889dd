"""Which weights a region takes: those of the largest or smallest scores, or a random draw. Needs numpy only.

All selections are exact, and ties go to the lower flat index. Nothing is sorted: a sample says between which two
values the last selected one lies, and it is looked for among the few scores between them.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

SAMPLE = 1 << 16
IN_CACHE = 1 << 19  # values that are gone through at a time: they stay in the processor's cache
DEVIATIONS = 4  # of the sample's quantile, on either side; one time in 16 000 the sample is wrong, and all is looked at


def ranked(values: np.ndarray, count: int, top: bool) -> np.ndarray:
    """The mask of the `count` largest (`top`) or smallest of `values`.

    Args:
        values: flat, float32, without NaN.
        count: how many, from 0 to all.
        top: the largest; False: the smallest.

    Returns:
        bool, shape (len(values),).
    """
    if count == 0:
        return np.zeros(len(values), bool)
    loose, strict = _bracket(values, count, top)
    mask = _ranked_between(values, count, top, loose, strict)
    if mask is None:
        loose, strict = (-np.inf, np.inf) if top else (np.inf, -np.inf)
        mask = _ranked_between(values, count, top, loose, strict)
    return mask


def _ranked_between(values: np.ndarray, count: int, top: bool, loose: float, strict: float) -> np.ndarray | None:
    """The same, if the last selected value lies between `loose` and `strict`; None if it does not."""
    within, beyond = (np.greater_equal, np.greater) if top else (np.less_equal, np.less)
    mask = np.empty(len(values), bool)
    found, sure = [], 0
    for start in range(0, len(values), IN_CACHE):
        part = slice(start, start + IN_CACHE)
        beyond(values[part], strict, out=mask[part])
        sure += np.count_nonzero(mask[part])
        doubtful = within(values[part], loose)
        doubtful ^= mask[part]
        found.append(start + np.flatnonzero(doubtful))
    places = np.concatenate(found)
    candidates = values[places]
    needed = count - sure
    if not 0 < needed <= len(candidates):
        return None
    last = len(candidates) - needed if top else needed - 1
    limit = np.partition(candidates, last)[last]
    better = places[beyond(candidates, limit)]
    mask[better] = True
    mask[places[candidates == limit][: needed - len(better)]] = True
    return mask


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
        A function that gives the mask of an array, by its name.
    """
    names = list(names)
    direction = np.uint32(0) if top else np.uint32(0xFFFFFFFF)

    def keys(name: str) -> np.ndarray:
        return values(name).view(np.uint32) ^ direction

    if count == 0:
        return lambda name: np.zeros(len(values(name)), bool)
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
        return found

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
    """A mask, bool, of `count` out of `size` places, every such set equally likely; the same for the same seed."""
    generator = np.random.default_rng(list(seed))
    mask = np.empty(size, bool)
    parts = [mask[start : start + IN_CACHE] for start in range(0, size, IN_CACHE)]
    # First how many of them fall into each part, as if all were drawn at once; then which.
    shares = generator.multivariate_hypergeometric([len(part) for part in parts], count, method="marginals")
    for part, share in zip(parts, shares, strict=True):
        _draw(part, share, generator)
    return mask


def _draw(mask: np.ndarray, count: int, generator: np.random.Generator) -> None:
    """Set `count` places of a mask and no others; if that is most of them, the others are drawn."""
    mask[:] = False
    most = count > len(mask) // 2
    missing = wanted = len(mask) - count if most else count
    while missing:  # places that were drawn before are drawn anew
        places = generator.integers(0, len(mask), missing)
        mask[places] = True
        missing = wanted - np.count_nonzero(mask)
    if most:
        np.logical_not(mask, out=mask)
