"""Intervals of accuracies and of paired differences: no interval is a point, and most hold the truth in simulations."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from linguistic_regions.statistics.power import detectable
from linguistic_regions.statistics.proportions import average, contrast, proportion
from machine import ROOT

RUNS = 200
COMPARED = pd.DataFrame([[1.0, -1.0]], index=["en"], columns=["a", "b"])


def shares(generator, mean, alike, count):
    """What share of each template's pairs is right, beta distributed; two pairs of one are correlated by `alike`."""
    if not 0 < mean < 1 or not alike:
        return np.full(count, mean)
    return generator.beta(mean * (1 - alike) / alike, (1 - mean) * (1 - alike) / alike, count)


def measured(first, second, templates, language="en"):
    """The scores of the same pairs in two measurements."""
    index = pd.MultiIndex.from_arrays([[language] * len(first), templates, range(len(first))])
    return pd.DataFrame({"a": first, "b": second}, index=index, dtype=float)


# --- by hand ---


def test_pairs_of_two_templates_count_as_they_are():
    interval = proportion([1, 1, 1, 0] * 5, [0, 1] * 10)
    plain = binomtest(15, 20).proportion_ci(0.95, "exact")
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.75, plain.low, plain.high))


def test_all_right_in_ten_templates_is_no_point():
    few, many = (proportion(np.ones(10 * size), np.repeat(np.arange(10), size)) for size in (1, 40))
    assert few.high == many.high == 1.0
    assert 0.6 < few.low < many.low < 0.9  # 400 pairs of ten templates are not 400 independent ones
    none = proportion(np.zeros(40), np.repeat(np.arange(10), 4))
    assert none.low == 0.0 and 0.05 < none.high < 0.3


def test_half_right_answers_count_half():
    """Both orders of a question whose first option is always named: one right answer of two for every pair."""
    interval = proportion([0.5] * 40, np.repeat(np.arange(8), 5))
    assert interval.estimate == 0.5
    assert 0.3 < interval.low < 0.4 and 0.6 < interval.high < 0.7


def test_templates_that_differ_widen_the_interval():
    alike, apart = [1, 1, 1, 0] * 10, [1] * 30 + [0] * 10
    first, second = (proportion(values, np.repeat(np.arange(10), 4)) for values in (alike, apart))
    assert second.high - second.low > 1.5 * (first.high - first.low)


def test_no_pairs_have_no_accuracy():
    assert math.isnan(proportion([], []).estimate)
    assert not proportion([], []).tested


def test_the_mean_of_margins_by_hand():
    """Three templates of two pairs: Student's t of their means 1, 2 and 3."""
    interval = average([1, 1, 2, 2, 3, 3], list("aabbcc"))
    assert (interval.estimate, interval.high - 2) == pytest.approx((2.0, 4.302653 / math.sqrt(3)))
    assert not average([1.0, 2.0], ["a", "b"]).tested
    assert not average([1.0, 2.0, math.nan], ["a", "b", "c"]).tested


def test_a_difference_pairs_items():
    """Templates differ widely, but not in the difference: margins of one are higher by 0.5."""
    low = np.repeat([0.0, 5.0, 9.0], 4)
    interval = contrast(measured(low + 0.5, low, np.repeat(np.arange(3), 4)), COMPARED, are_accuracies=False)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.5, 0.5, 0.5))
    assert (interval.n, interval.units) == (3, "templates")


def test_no_change_at_all_is_no_certainty():
    same = np.ones(80)
    few, many = (contrast(measured(same, same, np.arange(80) % count), COMPARED, True) for count in (8, 40))
    assert few.estimate == many.estimate == 0
    assert few.low == -few.high and many.low == -many.high
    assert 0.05 < few.high < 0.15 and 0.02 < many.high < 0.04
    alone = contrast(measured(same[:20], same[:20], range(20)), COMPARED, are_accuracies=True)
    assert 0.1 < alone.high < 0.2  # no discordant pair of n: about 3 / n


def test_pairs_that_were_measured_once_are_left_out():
    scores = measured([1, 1, 0, 1, 1], [0, 0, 0, 0, math.nan], range(5))
    assert contrast(scores, COMPARED, are_accuracies=True).estimate == 0.75


def test_languages_are_independent():
    """The mean of two languages with the same variance has half of it."""
    generator = np.random.default_rng(0)
    one = generator.normal(size=(40, 2))
    scores = [measured(*one.T, np.arange(40) % 10, language) for language in ("en", "ru")]
    alone = contrast(scores[0], COMPARED, are_accuracies=False)
    weights = pd.DataFrame([[0.5, -0.5]] * 2, index=["en", "ru"], columns=["a", "b"])
    both = contrast(pd.concat(scores), weights, are_accuracies=False)
    assert both.estimate == pytest.approx(alone.estimate)
    assert (both.error, both.n) == (pytest.approx(alone.error / math.sqrt(2)), 20)


def test_a_language_with_too_few_pairs_is_named():
    interval = contrast(measured([1, 0], [0, 0], [0, 1]), COMPARED, are_accuracies=True)
    assert (interval.estimate, interval.tested, interval.units) == (0.5, False, "items in en")
    french = COMPARED.rename({"en": "fr"})
    assert math.isnan(contrast(measured([1, 0], [0, 0], [0, 1]), french, are_accuracies=True).estimate)


def test_pairs_of_two_templates_are_units_themselves_and_no_accuracy_leaves_its_bounds():
    right = np.ones(40)
    scores = measured(right, right, np.arange(40) % 2)
    interval = contrast(scores, pd.DataFrame([[1.0, 0.0]], ["en"], ["a", "b"]), are_accuracies=True)
    assert (interval.estimate, interval.high, interval.n, interval.units) == (1.0, 1.0, 40, "pairs")
    assert 0.9 < interval.low < 1
    several = pd.concat([scores, measured(right, right, np.arange(40) % 4, "ru")])
    weights = pd.DataFrame([[0.5, 0.0]] * 2, ["en", "ru"], ["a", "b"])
    both = contrast(several, weights, are_accuracies=True)
    assert (both.n, both.units, both.high) == (44, "templates and pairs", 1.0)


# --- by simulation ---


@pytest.mark.parametrize("alike", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("templates", [5, 10, 20])
@pytest.mark.parametrize("mean", [0.5, 0.7, 0.95])
def test_most_intervals_hold_the_accuracy(mean, templates, alike):
    generator = np.random.default_rng(templates)
    held = 0
    for _ in range(RUNS):
        sizes = 1 + generator.poisson(7, templates)
        rates = np.repeat(shares(generator, mean, alike, templates), sizes)
        interval = proportion(generator.random(len(rates)) < rates, np.repeat(np.arange(templates), sizes))
        held += interval.low <= mean <= interval.high
    assert held >= 0.93 * RUNS


@pytest.mark.parametrize("alike", [0.0, 0.1])
@pytest.mark.parametrize("templates", [5, 20])
@pytest.mark.parametrize(("gained", "lost"), [(0.0, 0.0), (0.02, 0.02), (0.1, 0.0), (0.1, 0.1), (0.3, 0.1)])
def test_most_intervals_hold_a_paired_difference(gained, lost, templates, alike):
    generator = np.random.default_rng(templates)
    template = np.repeat(np.arange(templates), 8)
    held = 0
    for _ in range(RUNS):
        rates = shares(generator, gained + lost, alike, templates)[template]
        sign = np.where(generator.random(len(template)) * (gained + lost) < gained, 1, -1)
        change = sign * (generator.random(len(template)) < rates)
        interval = contrast(measured(change > 0, change < 0, template), COMPARED, are_accuracies=True)
        held += interval.low <= gained - lost <= interval.high
    assert held >= 0.92 * RUNS


# --- power ---


def test_power_by_hand():
    """One pair in each of many templates: (1.96 + 0.84) sqrt((0.3 - d^2) / n) = d."""
    difference = detectable(400, 400)
    assert difference == pytest.approx((1.966 + 0.8416) * math.sqrt((0.3 - difference**2) / 400), rel=1e-3)
    assert detectable(400, 10) > detectable(400, 40) > difference
    assert math.isnan(detectable(4, 4))


def test_a_detectable_difference_is_found_four_times_in_five():
    """At least about: the test of few templates is a little more cautious than the formula."""
    generator = np.random.default_rng(0)
    difference = detectable(200, 40, discordant=0.3, alike=0.0)
    template = np.repeat(np.arange(40), 5)
    found = 0
    for _ in range(RUNS):
        draw = generator.random(200)
        gained, lost = draw < (0.3 + difference) / 2, draw > 1 - (0.3 - difference) / 2
        found += contrast(measured(gained, lost, template), COMPARED, are_accuracies=True).low > 0
    assert 0.70 <= found / RUNS <= 0.88


def test_the_differences_in_the_docs_are_those_of_the_formula():
    page = (ROOT / "docs/probes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\S+)(?: points)? \| (\S+)(?: points)? \|$", page, re.MULTILINE)
    assert len(rows) == 6
    for pairs, templates, *told in rows:
        for discordant, points in zip((0.1, 0.3), told, strict=True):
            found = detectable(int(pairs), int(templates), discordant)
            assert points == ("–" if math.isnan(found) else f"{100 * found:.0f}")
