"""Which weights a region takes: those of the largest or smallest scores, or a random draw. Needs numpy only.

All selections are exact, and ties go to the lower flat index. Nothing is sorted: a sample says between which two
values the last selected one lies, and it is looked for among the few scores between them.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

SAMPLE = 1 << 16
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
    mask = within(values, loose)
    places = np.flatnonzero(mask)
    candidates = values[places]
    doubtful = ~beyond(candidates, strict)
    needed = count - len(candidates) + np.count_nonzero(doubtful)
    places, candidates = places[doubtful], candidates[doubtful]
    if not 0 < needed <= len(candidates):
        return None
    last = len(candidates) - needed if top else needed - 1
    limit = np.partition(candidates, last)[last]
    mask[places[~within(candidates, limit)]] = False
    ties = places[candidates == limit]
    surplus = np.count_nonzero(within(candidates, limit)) - needed
    mask[ties[len(ties) - surplus :]] = False
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
    seed = list(seed)
    if count > size // 2:
        return ~drawn(size, size - count, seed)
    generator = np.random.default_rng(seed)
    mask = np.zeros(size, bool)
    missing = count
    while missing:  # places that were drawn before are drawn anew
        mask[generator.integers(0, size, missing)] = True
        missing = count - np.count_nonzero(mask)
    return mask
