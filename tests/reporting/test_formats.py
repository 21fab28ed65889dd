"""Numbers read the same everywhere, and stay readable at any size."""

import math

import pytest

from linguistic_regions.reporting import formats


def plain(text: str) -> str:
    """With plain spaces for those at which no line ends."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.4723, "5.472"),
        (999.9994, "999.999"),
        (9999.94, "9,999.9"),
        (9999.96, "1.00 × 10⁴"),
        (127208.25, "1.27 × 10⁵"),
        (999999, "1.00 × 10⁶"),
        (254772480, "2.55 × 10⁸"),
        (2.5e120, "2.50 × 10¹²⁰"),
        (math.inf, "∞"),
        (math.nan, "–"),
    ],
)
def test_perplexities(value, text):
    assert plain(formats.perplexity(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "×0.988"),
        (1.0004, "×1.000"),
        (2.567, "×2.57"),
        (25.67, "×25.7"),
        (256.7, "×257"),
        (9999.4, "×9,999"),
        (9999.6, "×1.0 × 10⁴"),
        (57_000, "×5.7 × 10⁴"),
        (9.96e7, "×1.0 × 10⁸"),
    ],
)
def test_factors(value, text):
    assert plain(formats.factor(math.log(value))) == text


def test_factors_beyond_floats_and_missing_ones():
    assert formats.factor(1e4) == "×∞"
    assert formats.factor(math.nan) == "–"


@pytest.mark.parametrize(("value", "text"), [(5e-5, "5 × 10⁻⁵"), (1.5e-3, "1.5 × 10⁻³"), (1e-3, "10⁻³")])
def test_learning_rates(value, text):
    assert plain(formats.rate(value)) == text


@pytest.mark.parametrize(("p", "text"), [(0.0412, "0.041"), (0.001, "0.001"), (2.54e-8, "2.5 × 10⁻⁸"), (0, "0")])
def test_p_values(p, text):
    assert plain(formats.probability(p)) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (5, "5"), (2000, "2,000"), (1e4, "10⁴"), (2e7, "2 × 10⁷")])
def test_ticks_of_an_axis(value, text):
    assert plain(formats.tick(value)) == text
