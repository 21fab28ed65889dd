"""Tests of the mean of few independent values: whether it is above zero, or as good as zero; and many tests at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from linguistic_regions.statistics.intervals import Interval, of_mean, t_interval

EXACT = 16  # values, up to which all 2^n patterns of signs are tried
DRAWS = 9_999  # patterns beyond that


@dataclass(frozen=True)
class Equivalence:
    """Whether a mean is as good as zero.

    Attributes:
        p_value: of the mean lying outside the margin; NaN if it was not tested.
        interval: at 90 %, inside the margin exactly where the p-value is below 0.05.
    """

    p_value: float
    interval: Interval


def sign_flip(values: Sequence[float], seed: int = 0) -> float:
    """The p-value, one-sided, that a mean as high as this comes about where values are symmetric around 0.

    If they are, each value could as well have had the other sign. The p-value is the share of all patterns of signs
    whose mean is at least the observed one (Fisher 1935, The Design of Experiments, 21). Up to `EXACT` values all
    patterns are tried. Beyond that `DRAWS` random ones are, and the observed one counts as one more, so that the
    p-value is never 0 (Phipson & Smyth 2010, Permutation P-values Should Never Be Zero).

    The smallest p-value possible is 2^-n: with four values or fewer it cannot be below 0.05.

    Args:
        values: independent, shape (n,), in any unit; see `intervals.cluster_means` for values that are not.
        seed: of the random patterns.

    Returns:
        The p-value; NaN if there are no values, or if one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if not len(values) or not np.isfinite(values).all():
        return math.nan
    sizes = np.abs(values)
    least = values.sum() - 1e-12 * sizes.sum()  # sums of the same numbers in another order differ by rounding
    if len(values) <= EXACT:
        sums = np.zeros(1)
        for size in sizes:
            sums = np.concatenate([sums - size, sums + size])
        return float(np.mean(sums >= least))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(DRAWS, len(values)))
    return float((1 + np.sum(signs @ sizes >= least)) / (1 + DRAWS))


def equivalent(values: Sequence[float], margin: float, units: str) -> Equivalence:
    """Is the mean between -margin and margin? Two one-sided t tests (Schuirmann 1987).

    A mean that cannot be told from zero may merely be measured badly. This asks for evidence that it is small.

    Args:
        values: independent, shape (n,), in any unit.
        margin: the largest mean, of either sign, that counts as zero; above 0, in the unit of the values.
        units: what each value stands for, in the plural.

    Returns:
        The larger of the two p-values, and the 90 % interval; NaN if there are fewer than `MINIMUM_UNITS` values.

    Raises:
        ValueError: the margin is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"a margin of {margin} leaves no room for a mean")
    interval = t_interval(values, units, level=0.90)
    if not interval.tested:
        return Equivalence(math.nan, interval)
    error = of_mean(np.asarray(values, dtype=float))
    room = margin - abs(interval.estimate)
    if error.variance == 0:
        return Equivalence(float(room <= 0), interval)
    return Equivalence(float(stdtr(error.degrees, -room / math.sqrt(error.variance))), interval)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for being asked at once (Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure).

    In at most 5 % of all cases is any true null hypothesis among those below 0.05, however the tests are correlated.

    Args:
        p_values: shape (n,); NaN stands for what was not tested, stays NaN and does not count.

    Returns:
        The adjusted p-values in the same order, shape (n,).
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.sum(~np.isnan(p_values))]  # NaN comes last
    adjusted = np.full(len(p_values), math.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted
