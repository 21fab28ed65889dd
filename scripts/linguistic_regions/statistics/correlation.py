"""Rank correlation, with its interval."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from linguistic_regions.statistics.intervals import Interval, no_interval

MINIMUM_PAIRS = 5  # of four pairs, even those in perfect order have an interval on both sides of 0


def spearman(x: Sequence[float], y: Sequence[float], units: str, level: float = 0.95) -> Interval:
    """Spearman's rank correlation; ties get their mean rank.

    The interval is that of Fisher's z with the variance of Bonett & Wright (2000, Sample Size Requirements for
    Estimating Pearson, Kendall and Spearman Correlations). In a perfect order z is infinite; it counts as an order with
    half a swap of neighbours. With 5 to 30 pairs, with ties or without, and true correlations from 0 to 0.9, nominal
    95 % intervals cover 95 to 99 %; those of a percentile bootstrap of pairs cover 57 to 99 %, least with few pairs.

    Args:
        x, y: of the same units in the same order, shape (n,).
        units: what they are, in the plural.
        level: share of such intervals that hold the true correlation.

    Returns:
        The correlation, from -1 to 1; NaN where all of `x` or all of `y` are equal, or one is NaN. Without ends if
        there are fewer than `MINIMUM_PAIRS`.

    Raises:
        ValueError: `x` and `y` differ in length.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} values of x, {len(y)} of y")
    n = len(x)
    estimate = _correlation(_ranks(x), _ranks(y))
    if n < MINIMUM_PAIRS:
        return no_interval(estimate, n, units, MINIMUM_PAIRS)
    z, error = _fisher(estimate, n)
    half = float(ndtri((1 + level) / 2)) * error
    low, high = (math.tanh(z + step) for step in (-half, half))
    return Interval(estimate, min(low, estimate), max(high, estimate), n, units, "Fisher z, Bonett-Wright variance")


def p_value(estimate: float, n: int) -> float:
    """The two-sided p-value of a rank correlation of `n` pairs: below 0.05 where the interval excludes 0."""
    z, error = _fisher(estimate, n)
    return 2 * float(ndtr(-abs(z) / error))


def _fisher(estimate: float, n: int) -> tuple[float, float]:
    """Fisher's z of a rank correlation of `n` pairs, and its standard error."""
    largest = 1 - 6 / (n**3 - n)
    within = min(max(estimate, -largest), largest) if not math.isnan(estimate) else math.nan
    return math.atanh(within), math.sqrt((1 + within**2 / 2) / (n - 3))


def _ranks(values: np.ndarray) -> np.ndarray:
    return pd.Series(values).rank().to_numpy()


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's; NaN where one of the two does not vary, or is not there."""
    if len(x) == 0:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else math.nan
