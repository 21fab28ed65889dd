"""Rank correlation: by hand, and by how often its interval holds the truth."""

import math

import numpy as np
import pytest

from linguistic_regions.statistics.correlation import MINIMUM_PAIRS, p_value, spearman

RUNS = 600


def test_only_the_order_counts():
    """One swap of neighbours among six: 1 - 6 * 2 / (6^3 - 6)."""
    x, y = np.arange(6.0), np.array([0.0, 2.0, 1.0, 3.0, 4.0, 5.0])
    assert spearman(x, y, "languages").estimate == pytest.approx(1 - 12 / 210)
    assert spearman(x, np.exp(y), "languages") == spearman(x, y, "languages")
    assert spearman(x, -y, "languages").estimate == pytest.approx(-1 + 12 / 210)


def test_ties_share_their_rank():
    """Ranks 1.5, 1.5, 3, 4, 5 against 1 to 5: covariance 9.5, sums of squares 9.5 and 10."""
    assert spearman([0, 0, 1, 2, 3], [1, 2, 3, 4, 5], "languages").estimate == pytest.approx(9.5 / math.sqrt(95))


def test_a_perfect_order_is_not_beyond_doubt():
    few, many = (spearman(range(count), range(count), "languages") for count in (MINIMUM_PAIRS, 30))
    assert few.estimate == few.high == 1.0
    assert 0 < few.low < 0.5 < 0.9 < many.low < 1
    reverse = spearman(range(30), range(30, 0, -1), "languages")
    assert (reverse.low, reverse.high) == pytest.approx((-1.0, -many.low))


def test_too_few_pairs_have_no_interval():
    interval = spearman([1, 2, 3, 4], [1, 2, 3, 4], "regions")
    assert (interval.estimate, interval.n, interval.tested) == (pytest.approx(1.0), 4, False)
    assert math.isnan(spearman([], [], "regions").estimate)


@pytest.mark.parametrize("x", [[1.0] * 6, [1, 2, 3, 4, 5, math.nan]])
def test_what_does_not_vary_or_is_missing_has_no_correlation(x):
    interval = spearman(x, range(6), "languages")
    assert math.isnan(interval.estimate) and not interval.tested


def test_pairs_have_two_values():
    with pytest.raises(ValueError, match="6 values of x, 5 of y"):
        spearman(range(6), range(5), "languages")


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("count", [6, 12, 30])
@pytest.mark.parametrize("strength", [0.0, 0.5, 0.9])
def test_ninety_five_percent_of_the_intervals_hold_the_correlation(strength, count, tied):
    generator = np.random.default_rng(count)

    def draw(size):
        x = generator.normal(size=size)
        y = strength * x + math.sqrt(1 - strength**2) * generator.normal(size=size)
        return (np.digitize(x, [-0.7, 0.0, 0.7]), np.digitize(y, [-1, -0.3, 0.3, 1])) if tied else (x, y)

    truth = spearman(*draw(200_000), "pairs").estimate
    samples = [spearman(x, y, "pairs") for x, y in zip(*draw((RUNS, count)), strict=True)]
    assert 0.92 <= np.mean([sample.low <= truth <= sample.high for sample in samples]) <= 0.99


def test_a_p_value_is_below_five_percent_exactly_where_the_interval_excludes_zero():
    generator = np.random.default_rng(2)
    for _ in range(50):
        x = generator.normal(size=20)
        interval = spearman(x, 0.5 * x + generator.normal(size=20), "pairs")
        excluded = not interval.low <= 0 <= interval.high
        assert (p_value(interval.estimate, interval.n) < 0.05) == excluded
