"""Intervals of a mean that rests on few independent values: languages, regions, seeds.

Student's t, not a percentile bootstrap. The bootstrap of few values is too narrow: it divides by n where n - 1 is
right, and its quantiles are nearly normal where t has longer tails (Efron & Tibshirani 1993, An Introduction to the
Bootstrap). Its nominal 95 % intervals of normal values cover 49 % with 2 values, 76 % with 3, 85 % with 6 and 91 % with
12. Student's t covers 95 % with any number.

Skewed values cost t some of its coverage. If they are log-normal, it is 94 % where the standard deviation of their
logarithm is 0.25, 92 % where it is 0.5, and 82 to 85 % where it is 1. So pass logarithms of ratios, not ratios.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

# The interval of two values reaches six times their distance to either side, and rests wholly on the assumption that
# they are normal, which two values cannot put in doubt. Three reach about as far as they spread.
MINIMUM_UNITS = 3


@dataclass(frozen=True)
class Interval:
    """An estimate, its confidence interval, and the independent units that both rest on.

    Attributes:
        estimate: in the unit of the values; NaN if there are none.
        low, high: ends of the interval; both NaN if there are too few units for one.
        n: number of independent units.
        units: what they are, in the plural: "languages", "documents", "seeds".
        method: how the interval was computed, or why there is none.
        error: standard error of the estimate; NaN if there is none.
        degrees: its degrees of freedom.
    """

    estimate: float
    low: float
    high: float
    n: int
    units: str
    method: str
    error: float = math.nan
    degrees: float = math.nan

    @property
    def tested(self) -> bool:
        """Whether there is an interval; a claim that rests on none is not tested."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def p_value(self, value: float) -> float:
        """The two-sided p-value of the hypothesis that the truth is `value`; NaN without a standard error.

        It is below 0.05 exactly where `value` lies outside the 95 % interval.
        """
        distance = abs(self.estimate - value)
        if self.error == 0:
            return float(distance == 0)
        return 2 * float(stdtr(self.degrees, -distance / self.error))


@dataclass(frozen=True)
class Component:
    """One of the independent sources of an estimate's error.

    Attributes:
        variance: what it adds to the variance of the estimate.
        degrees: degrees of freedom with which that variance was estimated.
    """

    variance: float
    degrees: float


def t_interval(values: Sequence[float], units: str, level: float = 0.95) -> Interval:
    """The mean of independent values, with Student's t interval.

    Args:
        values: one per unit, shape (n,), in any unit.
        units: what each value stands for, in the plural.
        level: share of such intervals that hold the true mean.

    Returns:
        The interval; without ends if there are fewer than `MINIMUM_UNITS` values, or if one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < MINIMUM_UNITS:
        return no_interval(values.mean() if len(values) else math.nan, len(values), units)
    return student(values.mean(), [of_mean(values)], len(values), units, "Student t", level)


def clustered(values: Sequence[float], clusters: Sequence[Hashable], units: str, level: float = 0.95) -> Interval:
    """The mean of values that are alike within clusters: Student's t interval of the clusters' means.

    The languages measured in one training run share its luck: six of them are no six independent values. Only the
    clusters count, each as much as any other whatever its size (Cameron & Miller 2015, A Practitioner's Guide to
    Cluster-Robust Inference).

    Args:
        values: shape (n,), in any unit.
        clusters: the cluster of each value, shape (n,).
        units: what the clusters are, in the plural: "runs".
        level: share of such intervals that hold the true mean.

    Raises:
        ValueError: `values` and `clusters` differ in length.
    """
    return t_interval(cluster_means(values, clusters), units, level)


def wilson(successes: int, n: int, units: str, level: float = 0.95) -> Interval:
    """The share of independent units in which something is so, with Wilson's interval (1927, Probable Inference).

    It has a width where the share is 0 or 1, where Student's t has none.

    Args:
        successes: number of units in which it is so.
        n: number of units.
        units: what they are, in the plural.
        level: share of such intervals that hold the true share.
    """
    if n == 0:
        return no_interval(math.nan, 0, units, 1)
    share, z = successes / n, float(ndtri((1 + level) / 2))
    middle, scale = (share + z**2 / (2 * n)), 1 + z**2 / n
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Interval(share, (middle - half) / scale, (middle + half) / scale, n, units, "Wilson")


def cluster_means(values: Sequence[float], clusters: Sequence[Hashable]) -> np.ndarray:
    """The mean of each cluster's values, in order of appearance; for tests that need independent values.

    Args:
        values: shape (n,).
        clusters: the cluster of each value, shape (n,).

    Raises:
        ValueError: the two differ in length.
    """
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        members.setdefault(cluster, []).append(value)
    return np.array([np.mean(each) for each in members.values()], dtype=float)


def of_mean(values: np.ndarray) -> Component:
    """The error of the mean of two or more independent values."""
    with np.errstate(invalid="ignore"):
        return Component(float(values.var(ddof=1)) / len(values), len(values) - 1)


def of_ratio(sums: np.ndarray, sizes: np.ndarray) -> Component:
    """The error of sum(sums) / sum(sizes) over two or more independent units of different size, such as documents.

    The jackknife leaves out one unit at a time (Efron & Tibshirani 1993, chapter 11). The degrees of freedom are the
    effective number of units (Kish 1965, Survey Sampling) minus one, and at least one.

    Args:
        sums: a sum of each unit, shape (n,).
        sizes: the number of its terms, shape (n,).
    """
    total, size, n = sums.sum(), sizes.sum(), len(sums)
    left = (total - sums) / (size - sizes)  # the ratio without the unit
    variance = (n - 1) / n * float(np.sum((left - left.mean()) ** 2))
    return Component(variance, max(1 / float(np.sum((sizes / size) ** 2)) - 1, 1))


def student(
    estimate: float, components: Sequence[Component], n: int, units: str, method: str, level: float = 0.95
) -> Interval:
    """An estimate with Student's t interval.

    Several components add up to one variance, whose degrees of freedom are Satterthwaite's (1946, An Approximate
    Distribution of Estimates of Variance Components). No variance at all gives a point.

    Args:
        estimate: in any unit.
        components: of its error.
        n, units, method: as in `Interval`.
        level: share of such intervals that hold the truth.
    """
    variance = sum(component.variance for component in components)
    error, degrees, half = math.sqrt(variance), math.inf, 0.0
    if variance != 0:
        degrees = 1 / sum((component.variance / variance) ** 2 / component.degrees for component in components)
        half = float(stdtrit(degrees, (1 + level) / 2)) * error
    return Interval(float(estimate), float(estimate) - half, float(estimate) + half, n, units, method, error, degrees)


def unpaired(first: Interval, second: Interval) -> Interval:
    """The difference of two independent estimates, second minus first, with Welch's interval (1947).

    If the two have units in common, such as documents, their errors are alike, and the interval is wider than needed.

    Args:
        first, second: in one unit, with units of one kind.

    Returns:
        The interval; without ends if one of the two has none.
    """
    difference = second.estimate - first.estimate
    for each in (first, second):
        if not each.tested:
            return no_interval(difference, each.n, each.units)
    components = [Component(each.error**2, each.degrees) for each in (first, second)]
    return student(difference, components, first.n + second.n, first.units, "Student t, unpaired")


def no_interval(estimate: float, n: int, units: str, minimum: int = MINIMUM_UNITS) -> Interval:
    """An estimate that rests on too few units for an interval."""
    return Interval(float(estimate), math.nan, math.nan, n, units, f"no interval: fewer than {minimum} {units}")
