"""Tests of a mean: by hand, and by how often they are wrong, and right, in simulations."""

import itertools
import math

import numpy as np
import pytest

from linguistic_regions.statistics.intervals import t_interval
from linguistic_regions.statistics.significance import EXACT, equivalent, holm, sign_flip

RUNS = 2000
LEVEL = 0.05
AT_MOST = LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / RUNS)  # of true null hypotheses rejected, as the simulation goes


# --- signs ---


def test_all_signs_by_hand():
    """Of the eight patterns of 1, 2 and 3 only +++ reaches 6, and +++ and -++ reach 4."""
    assert sign_flip([1.0, 2.0, 3.0]) == 1 / 8
    assert sign_flip([-1.0, 2.0, 3.0]) == 2 / 8
    assert sign_flip([-1.0, -2.0, -3.0]) == 1.0


def test_every_pattern_counts():
    values = np.random.default_rng(0).normal(0.3, 1, 10)
    sums = [np.dot(signs, abs(values)) for signs in itertools.product([-1, 1], repeat=10)]
    assert sign_flip(values) == np.mean(np.array(sums) >= values.sum() - 1e-9)


def test_equal_sums_count_whatever_the_rounding():
    """0.1 + 0.2 - 0.3 is not 0 in binary, nor is its negative the same."""
    assert sign_flip([0.1, 0.2, -0.3]) == sign_flip([1.0, 2.0, -3.0]) == 5 / 8


def test_random_patterns_agree_with_all():
    """A value of zero changes no sum, and takes the test past what it tries in full."""
    values = np.random.default_rng(1).normal(0.4, 1, EXACT)
    assert sign_flip([*values, 0.0]) == pytest.approx(sign_flip(values), abs=0.01)
    assert sign_flip([1.0] * 40) == 1 / 10_000
    assert sign_flip([*values, 0.0], seed=1) == sign_flip([*values, 0.0], seed=1)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [1.0, math.inf]])
def test_what_is_not_there_cannot_be_tested(values):
    assert math.isnan(sign_flip(values))


@pytest.mark.parametrize("count", [6, 12])
def test_five_percent_of_means_that_are_zero_seem_higher(count):
    """Also where the values have heavy tails."""
    values = np.random.default_rng(count).standard_t(2, (RUNS, count))
    rejected = np.mean([sign_flip(each) <= LEVEL for each in values])
    assert LEVEL - 0.025 <= rejected <= AT_MOST


def test_five_percent_of_means_that_are_zero_seem_higher_by_random_patterns():
    values = np.random.default_rng(2).normal(size=(300, EXACT + 2))
    assert np.mean([sign_flip(each) <= LEVEL for each in values]) <= LEVEL + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_a_mean_of_one_standard_deviation_is_found_in_most_samples_of_twelve():
    values = np.random.default_rng(3).normal(1, 1, (500, 12))
    assert np.mean([sign_flip(each) <= LEVEL for each in values]) > 0.85


# --- equivalence ---


def test_equivalence_by_hand():
    """Mean 0, standard error 1 / sqrt 3; 2.920 standard errors are the 5 % point of two degrees of freedom."""
    found = equivalent([-1.0, 0.0, 1.0], 2.919986 / math.sqrt(3), "seeds")
    assert found.p_value == pytest.approx(0.05, abs=1e-6)
    assert found.interval == t_interval([-1.0, 0.0, 1.0], "seeds", level=0.9)


def test_the_p_value_and_the_interval_agree():
    generator = np.random.default_rng(4)
    for values in generator.normal(0.2, 0.5, (200, 6)):
        found = equivalent(values, 0.5, "regions")
        inside = found.interval.low > -0.5 and found.interval.high < 0.5
        assert (found.p_value < LEVEL) == inside
        mirrored = equivalent(-values, 0.5, "regions")
        assert mirrored.p_value == pytest.approx(found.p_value)


@pytest.mark.parametrize(("value", "p_value"), [(0.1, 0.0), (0.3, 1.0), (-0.3, 1.0)])
def test_values_that_do_not_differ_are_beyond_doubt(value, p_value):
    assert equivalent([value] * 4, 0.25, "seeds").p_value == p_value


def test_two_values_are_not_tested():
    found = equivalent([0.0, 0.0], 1.0, "seeds")
    assert math.isnan(found.p_value) and not found.interval.tested


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan])
def test_a_margin_leaves_room(margin):
    with pytest.raises(ValueError, match="margin"):
        equivalent([1.0, 2.0, 3.0], margin, "seeds")


@pytest.mark.parametrize("count", [3, 12])
def test_five_percent_of_means_at_the_margin_seem_equivalent(count):
    values = np.random.default_rng(count).normal(0.5, 0.1, (RUNS, count))
    accepted = np.mean([equivalent(each, 0.5, "regions").p_value < LEVEL for each in values])
    assert LEVEL - 0.02 <= accepted <= AT_MOST


def test_a_mean_of_zero_is_found_equivalent_if_it_is_measured_well_and_only_then():
    generator = np.random.default_rng(5)
    well, badly = (generator.normal(0, spread, (500, 6)) for spread in (0.25, 2.0))
    assert np.mean([equivalent(each, 0.5, "regions").p_value < LEVEL for each in well]) > 0.9
    assert np.mean([equivalent(each, 0.5, "regions").p_value < LEVEL for each in badly]) < 0.05


# --- many at once ---


def test_holm_by_hand():
    """Times 4, 3, 2 and 1 from the smallest up, and never below a smaller one."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)


def test_what_was_not_tested_does_not_count():
    adjusted = holm([0.02, math.nan, 0.03])
    assert math.isnan(adjusted[1])
    assert adjusted[[0, 2]] == pytest.approx([0.04, 0.04])


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_five_percent_of_runs_without_effect_find_any(shared):
    """Of ten claims, independent or correlated; without the adjustment it is far more of them."""
    generator = np.random.default_rng(6)
    scores = math.sqrt(shared) * generator.normal(size=(RUNS, 1)) + math.sqrt(1 - shared) * generator.normal(
        size=(RUNS, 10)
    )
    p_values = np.vectorize(math.erfc)(scores / math.sqrt(2)) / 2
    assert np.mean([holm(each).min() <= LEVEL for each in p_values]) <= AT_MOST
    assert np.mean(p_values.min(axis=1) <= LEVEL) > 2 * AT_MOST


def test_clear_effects_are_still_found_among_many():
    adjusted = holm([1e-6, 1e-5, 0.006, 0.5, 0.9, 0.7, 0.8, 0.3, 0.4, 0.6])
    assert (adjusted[:2] < 0.001).all() and adjusted[2] < LEVEL and (adjusted[3:] > LEVEL).all()
