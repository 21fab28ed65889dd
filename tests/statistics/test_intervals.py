"""Intervals of few values: by hand, and by how often they hold the truth in simulations."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp, ttest_ind

from linguistic_regions.statistics.intervals import (
    MINIMUM_UNITS,
    Component,
    cluster_means,
    clustered,
    student,
    t_interval,
    unpaired,
    wilson,
)

RUNS = 3000
WIDTH = 0.4  # of the logarithm of skewed values: standard deviation


def coverage(intervals, truth):
    """The share of the intervals that hold the truth."""
    return np.mean([interval.low <= truth <= interval.high for interval in intervals])


# --- by hand ---


def test_student_by_hand():
    """Mean 2, standard error 1 / sqrt 3, and 4.303 is the t quantile of two degrees of freedom."""
    interval = t_interval([1.0, 2.0, 3.0], "languages")
    assert (interval.estimate, interval.n, interval.units) == (2.0, 3, "languages")
    assert interval.high - 2 == pytest.approx(4.302653 / math.sqrt(3))
    assert 2 - interval.low == pytest.approx(4.302653 / math.sqrt(3))
    assert interval.tested


def test_a_lower_level_gives_a_narrower_interval():
    """2.920 is the t quantile of a 90 % interval."""
    assert t_interval([1.0, 2.0, 3.0], "seeds", level=0.9).high - 2 == pytest.approx(2.919986 / math.sqrt(3))


@pytest.mark.parametrize("count", range(MINIMUM_UNITS))
def test_too_few_values_have_no_interval(count):
    interval = t_interval([1.5] * count, "seeds")
    assert math.isnan(interval.low) and math.isnan(interval.high) and not interval.tested
    assert interval.n == count
    assert interval.estimate == 1.5 if count else math.isnan(interval.estimate)
    assert interval.method == f"no interval: fewer than {MINIMUM_UNITS} seeds"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_leaves_no_interval(value):
    assert not t_interval([1.0, 2.0, 3.0, value], "languages").tested


def test_values_that_do_not_differ_have_a_point():
    interval = t_interval([0.5] * 4, "languages")
    assert (interval.low, interval.high, interval.tested) == (0.5, 0.5, True)


def test_clusters_count_once_whatever_their_size():
    values, clusters = [1.0, 3.0, 4.0, 6.0], ["a", "a", "b", "c"]
    assert cluster_means(values, clusters).tolist() == [2.0, 4.0, 6.0]
    assert clustered(values, clusters, "runs") == t_interval([2.0, 4.0, 6.0], "runs")


def test_many_values_of_two_clusters_have_no_interval():
    interval = clustered(range(20), [0, 1] * 10, "runs")
    assert (interval.n, interval.units, interval.tested) == (2, "runs", False)


def test_each_value_needs_a_cluster():
    with pytest.raises(ValueError):
        clustered([1.0, 2.0, 3.0], ["a", "b"], "runs")


def test_two_equal_components_have_the_degrees_of_both():
    """Satterthwaite's degrees of freedom: those of equal variances add up, an ill-known small variance costs little."""
    both = student(0.0, [Component(0.5, 4), Component(0.5, 4)], 10, "documents", "")
    assert both.high == pytest.approx(student(0.0, [Component(1.0, 8)], 10, "documents", "").high)
    small = student(0.0, [Component(1.0, 100), Component(0.01, 1)], 10, "documents", "")
    assert small.high == pytest.approx(1.96 * math.sqrt(1.01), rel=0.03)


# --- by simulation ---


@pytest.mark.parametrize("count", [3, 6, 12])
@pytest.mark.parametrize("skewed", [False, True])
def test_ninety_five_percent_of_t_intervals_hold_the_mean(count, skewed):
    values = np.random.default_rng(count).normal(size=(RUNS, count))
    truth = 0.0
    if skewed:
        values, truth = np.exp(WIDTH * values), math.exp(WIDTH**2 / 2)
    assert 0.92 <= coverage([t_interval(each, "languages") for each in values], truth) <= 0.99


def test_a_percentile_bootstrap_of_six_values_is_too_narrow():
    """Which is why there is none."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(RUNS, 6))
    drawn = generator.integers(6, size=(500, 6))
    low, high = np.quantile(values[:, drawn].mean(axis=2), [0.025, 0.975], axis=1)
    held = np.mean((low <= 0) & (high >= 0))
    assert held < 0.92
    assert coverage([t_interval(each, "regions") for each in values], 0.0) > held + 0.05


def test_values_that_share_their_runs_luck_count_by_run():
    """Four runs of six languages, half of the variance shared: right by run, too narrow by language."""
    generator = np.random.default_rng(1)
    runs = np.repeat(np.arange(4), 6)
    values = generator.normal(size=(RUNS // 2, 4))[:, runs] + generator.normal(size=(RUNS // 2, 24))
    assert 0.92 <= coverage([clustered(each, runs, "runs") for each in values], 0.0) <= 0.99
    assert coverage([t_interval(each, "languages") for each in values], 0.0) < 0.85


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (3, 7), (40, 40), (199, 1000)])
def test_wilsons_interval_is_scipys(successes, n):
    found, expected = wilson(successes, n, "documents"), binomtest(successes, n).proportion_ci(method="wilson")
    assert (found.estimate, found.n) == (successes / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert not wilson(0, 0, "documents").tested


@pytest.mark.parametrize("share", [0.5, 0.7, 0.95])
def test_ninety_five_percent_of_wilsons_intervals_hold_the_share(share):
    drawn = np.random.default_rng(2).binomial(60, share, RUNS)
    assert 0.93 <= coverage([wilson(int(count), 60, "documents") for count in drawn], share) <= 0.98


def test_a_p_value_is_below_five_percent_exactly_outside_the_interval():
    interval = t_interval([1.0, 2.0, 4.0, 4.5], "values")
    for end, step in ((interval.low, 1e-6), (interval.high, -1e-6)):
        assert interval.p_value(end) == pytest.approx(0.05)
        assert interval.p_value(end - step) < 0.05 < interval.p_value(end + step)
    assert interval.p_value(0.0) == pytest.approx(ttest_1samp([1.0, 2.0, 4.0, 4.5], 0.0).pvalue)


def test_p_values_without_spread_or_interval():
    assert t_interval([1.0, 1.0, 1.0], "values").p_value(0.0) == 0
    assert t_interval([1.0, 1.0, 1.0], "values").p_value(1.0) == 1
    assert math.isnan(t_interval([1.0, 2.0], "values").p_value(0.0))


def test_unpaired_is_welchs_t_test():
    first, second = [1.0, 2.0, 4.0], [3.0, 5.0, 9.0, 11.0]
    interval = unpaired(t_interval(first, "documents"), t_interval(second, "documents"))
    expected = ttest_ind(second, first, equal_var=False).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert not unpaired(t_interval(first, "documents"), t_interval([1.0], "documents")).tested


def test_ninety_five_percent_of_the_unpaired_intervals_hold_the_difference():
    """Few values of unlike variance, as of two runs on other text."""
    generator = np.random.default_rng(3)
    first, second = generator.normal(0, 1, (1000, 4)), generator.normal(0.5, 3, (1000, 9))
    intervals = [unpaired(t_interval(a, "x"), t_interval(b, "x")) for a, b in zip(first, second, strict=True)]
    assert 0.93 <= coverage(intervals, 0.5) <= 0.98
