"""Intervals of accuracies, and of differences between accuracies or margins of the same pairs.

Values are alike within clusters, such as pairs of one template, so intervals are over these. Student's t claims
certainty where all values are equal: all right in ten templates would be a point, and so would no change at all. Here a
quarter of a cluster that is all right, and a quarter of one that is all wrong, at least one value each, are added
wherever the variance of an accuracy is estimated, in the spirit of the pseudo-counts of Agresti & Coull (1998,
Approximate Is Better than "Exact" for Interval Estimation of Binomial Proportions) and, for paired differences, of
Bonett & Price (2012, Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data).
No interval is a point then.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtri, stdtrit

from linguistic_regions.statistics.intervals import MINIMUM_UNITS, Interval, no_interval, of_ratio, student

ADDED = 0.25  # clusters of either kind


def proportion(values: Sequence[float], clusters: Sequence[Hashable], level: float = 0.95) -> Interval:
    """The mean of values from 0 to 1, with the interval of Korn & Graubard.

    It is the interval of Clopper and Pearson for the effective number of values: their number over the design effect,
    the factor that clusters have on the variance, and less where few clusters tell it (Korn & Graubard 1998, Confidence
    Intervals for Proportions with Small Expected Number of Positive Counts Estimated from Survey Data; Survey
    Methodology 24). It is never more than their number. In simulations of nominal 95 % intervals with 3 to 20 clusters,
    true means of 0.5 to 0.95 and correlations within clusters up to 0.6, coverage is 94 to 100 %.

    With fewer than `MINIMUM_UNITS` clusters each value is a cluster of its own, and the interval is about those alone.

    Args:
        values: shape (n,), from 0 to 1; one in between, such as a share of several answers, counts as that share.
        clusters: the cluster of each value, shape (n,).
        level: share of such intervals that hold the true mean.

    Returns:
        The mean and its interval; NaN if there are no values.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if not n:
        return no_interval(math.nan, 0, "items", 1)
    sums, sizes = by_cluster(values, clusters)
    mean, effective = float(values.mean()), float(n)
    if len(sums) >= MINIMUM_UNITS:
        more, sizes = with_extremes(sums, sizes, 0.0, 1.0)
        middle = more.sum() / sizes.sum()
        error = of_ratio(more, sizes)
        design = error.variance / (middle * (1 - middle) / sizes.sum())
        few = ndtri((1 + level) / 2) / stdtrit(error.degrees, (1 + level) / 2)
        effective = min(n / design * few**2, n)
    right, wrong, tail = effective * mean, effective * (1 - mean), (1 - level) / 2
    low = float(betaincinv(right, wrong + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, wrong, 1 - tail)) if wrong > 0 else 1.0
    return Interval(mean, low, high, n, "items", "Clopper-Pearson, effective number of items")


def average(values: Sequence[float], clusters: Sequence[Hashable], level: float = 0.95) -> Interval:
    """The mean of values without bounds, such as margins, with Student's t interval over clusters.

    Args:
        values: shape (n,), in any unit.
        clusters, level: as in `proportion`.

    Returns:
        The mean; without ends if there are fewer than `MINIMUM_UNITS` values, or if one is not finite.
    """
    values = np.asarray(values, dtype=float)
    mean = float(values.mean()) if len(values) else math.nan
    if len(values) < MINIMUM_UNITS or not np.isfinite(values).all():
        return no_interval(mean, len(values), "items")
    return student(mean, [of_ratio(*units(values, clusters))], len(values), "items", "Student t, jackknife", level)


def contrast(scores: pd.DataFrame, weights: pd.DataFrame, are_accuracies: bool, level: float = 0.95) -> Interval:
    """A sum of mean scores, each with its weight, over languages and over measurements of the same items.

    With weights 1 and -1 it is the paired difference of two measurements. Each language adds a component to the error,
    over its clusters, or over its items if these are fewer than `MINIMUM_UNITS`. It is about these languages and
    measurements, and other clusters.

    Args:
        scores: a row per item, indexed by language, cluster and item; a column per measurement. From 0 to 1 if
            `are_accuracies`, otherwise in any unit. Items without one of their language's measurements are left out.
        weights: a row per language, a column per measurement; 0 where it does not count.
        are_accuracies: whether scores have bounds: differences of accuracies that are all zero are no certainty.
        level: share of such intervals that hold the truth.

    Returns:
        The sum. Its units are clusters ("templates"), items ("pairs"), or both. An interval of accuracies ends where
        they do. Without ends if a language has fewer than `MINIMUM_UNITS` items.
    """
    estimate, components, n, few, kinds = 0.0, [], 0, "", set()
    languages, clusters = (scores.index.get_level_values(level).to_numpy() for level in (0, 1))
    for language, weight in weights.iterrows():
        weight = weight[weight != 0]
        values = scores[weight.index].to_numpy() @ weight.to_numpy()
        measured = (languages == language) & ~np.isnan(values)
        values = values[measured]
        if not len(values):
            return no_interval(math.nan, 0, f"items in {language}")
        sums, sizes = units(values, clusters[measured])
        estimate += float(values.mean())
        n += len(sums)
        kinds.add("templates" if len(set(clusters[measured])) >= MINIMUM_UNITS else "pairs")
        if len(values) < MINIMUM_UNITS:
            few = f"items in {language}"
            continue
        if are_accuracies:
            sums, sizes = with_extremes(sums, sizes, weight.clip(upper=0).sum(), weight.clip(lower=0).sum())
        components.append(of_ratio(sums, sizes))
    if few:
        return no_interval(estimate, n, few)
    found = " and ".join(sorted(kinds, reverse=True))
    interval = student(estimate, components, n, found, f"Student t, jackknife over {found}", level)
    if not are_accuracies:
        return interval
    least, most = weights.clip(upper=0).to_numpy().sum(), weights.clip(lower=0).to_numpy().sum()
    return replace(interval, low=max(interval.low, least), high=min(interval.high, most))


def units(values: np.ndarray, clusters: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """The sums and sizes of clusters; of single values if there are fewer than `MINIMUM_UNITS` clusters."""
    sums, sizes = by_cluster(values, clusters)
    return (sums, sizes) if len(sums) >= MINIMUM_UNITS else (values, np.ones(len(values)))


def by_cluster(values: np.ndarray, clusters: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each cluster's values, and their number."""
    codes, found = pd.factorize(np.asarray(clusters))
    return np.bincount(codes, values, len(found)), np.bincount(codes, minlength=len(found)).astype(float)


def with_extremes(sums: np.ndarray, sizes: np.ndarray, least: float, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Clusters and `ADDED`, at least one value, of one with the least values possible and of one with the most."""
    size = max(ADDED * sizes.mean(), 1.0)
    return np.append(sums, [least * size, most * size]), np.append(sizes, [size, size])
