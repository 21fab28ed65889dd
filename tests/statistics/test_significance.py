"""The adjustment for many tests: by hand, and by how often it is wrong, and right, in simulations."""

import math

import numpy as np
import pytest

from linguistic_regions.statistics.significance import holm

RUNS = 2000
LEVEL = 0.05
AT_MOST = LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / RUNS)  # of true null hypotheses rejected, as the simulation goes


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
