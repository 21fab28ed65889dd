"""The partial Mantel test: by brute force, and by how often it is wrong, and right, in simulations."""

import math
from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest

from linguistic_regions.statistics import kinship
from linguistic_regions.statistics.columns import COLUMNS
from linguistic_regions.statistics.kinship import associations, directed, mutual
from linguistic_regions.text.kinship import genealogy, script

RUNS = 400
LEVEL = 0.05
AT_MOST = LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / RUNS)  # of true null hypotheses rejected, as the simulation goes


def symmetric(generator, count):
    values = generator.normal(size=(count, count))
    return values + values.T


def families(generator, count, groups=3):
    """Distances of languages in random groups: 0 within one, 1 between two."""
    group = generator.permutation(np.arange(count) % groups)
    return (group[:, None] != group).astype(float)


def partial(values, distance, others):
    """Partial correlation of lists, by two regressions."""
    rests = [each - others @ np.linalg.lstsq(others, each, rcond=None)[0] for each in (values, distance)]
    return np.corrcoef(*rests)[0, 1]


def test_a_mutual_correlation_by_regression_on_a_mean_per_language():
    generator = np.random.default_rng(0)
    values, distance, other = (symmetric(generator, 6) for _ in range(3))
    pairs = [(first, second) for first in range(6) for second in range(first)]
    design = np.array([[float(code in pair) for code in range(6)] + [other[pair]] for pair in pairs])
    found = mutual(values, distance, other)
    listed = [np.array([table[pair] for pair in pairs]) for table in (values, -distance)]
    assert found.correlation == pytest.approx(partial(*listed, design))
    assert (found.languages, found.pairs, found.permutations) == (6, 15, 720)


def test_a_directed_correlation_by_regression_on_means_of_rows_and_columns():
    generator = np.random.default_rng(1)
    values, distance, other = generator.normal(size=(3, 3, 4))
    cells = list(product(range(3), range(4)))
    design = np.array(
        [[float(r == i) for i in range(3)] + [float(c == i) for i in range(4)] + [other[r, c]] for r, c in cells]
    )
    found = directed(values, distance, other)
    assert found.correlation == pytest.approx(partial(values.ravel(), -distance.ravel(), design))
    assert (found.languages, found.pairs, found.permutations) == (7, 12, 6 * 24)


def test_without_another_distance_the_p_value_is_mantels():
    """Every order of the languages, their means taken out first."""
    generator = np.random.default_rng(2)
    values, distance = symmetric(generator, 5), symmetric(generator, 5)
    pairs = np.triu_indices(5, 1)
    design = sum(np.eye(5)[end] for end in pairs)
    every = [partial(values[pairs], -distance[np.ix_(order, order)][pairs], design) for order in permutations(range(5))]
    found = mutual(values, distance, np.zeros((5, 5)))
    assert found.p_value == np.mean(np.array(every) >= every[0] - 1e-9)


def test_a_mean_per_language_changes_nothing():
    generator = np.random.default_rng(3)
    values, distance, other = (symmetric(generator, 7) for _ in range(3))
    means = 10 * generator.normal(size=7)
    assert mutual(values + means[:, None] + means, distance, other).correlation == pytest.approx(
        mutual(values, distance, other).correlation
    )


def test_one_close_pair_among_six_languages_proves_nothing():
    """It may stand at any of fifteen places, so the p-value is never below 1/15."""
    distance, values = np.ones((6, 6)), np.zeros((6, 6))
    distance[0, 1] = distance[1, 0] = 0.3
    values[0, 1] = values[1, 0] = 1.0
    found = mutual(values, distance, np.zeros((6, 6)))
    assert found.correlation == pytest.approx(1)
    assert found.p_value == pytest.approx(1 / 15)
    assert (found.pairs, found.close) == (15, 1)


def test_random_orders_agree_with_all(monkeypatch):
    generator = np.random.default_rng(4)
    values, distance, other = generator.normal(size=(3, 3, 4))
    every = directed(values, distance, other)
    monkeypatch.setattr(kinship, "EXACT", 10)
    some = directed(values, distance, other)
    assert some.permutations == 10_000
    assert some.correlation == pytest.approx(every.correlation)
    assert some.p_value == pytest.approx(every.p_value, abs=0.02)
    assert directed(values, distance, other) == some


@pytest.mark.parametrize("test", [mutual, directed])
def test_what_does_not_vary_is_not_tested(test):
    generator = np.random.default_rng(5)
    values, distance = (symmetric(generator, 5) for _ in range(2))
    for these, those, other in (
        (np.ones((5, 5)), distance, np.zeros((5, 5))),
        (values, np.ones((5, 5)), np.zeros((5, 5))),
        (values, distance, distance),
        (values * math.nan, distance, np.zeros((5, 5))),
    ):
        found = test(these, those, other)
        assert math.isnan(found.correlation) and math.isnan(found.p_value) and found.permutations == 0


def table(measure, values, distances):
    """Rows of the table `kinship_pairs`, from a dictionary by pair and two functions of a pair."""
    return pd.DataFrame(
        [(measure, a, b, value, *(distance(a, b) for distance in distances)) for (a, b), value in values.items()],
        columns=list(COLUMNS["kinship_pairs"]),
    )


def test_the_table_has_a_row_for_each_measure_and_distance_that_can_be_tested():
    """Overlap that falls with the genealogical distance; damage of the same two languages by two regions."""
    codes = ["ar", "es", "it", "ru", "uk", "vi"]
    generator = np.random.default_rng(8)
    overlap = {(a, b): 1 - genealogy(a, b) + 0.01 * generator.normal() for a, b in combinations(codes, 2)}
    damage = {(a, b): 1.0 for a in ("ru", "es") for b in ("pt", "be")}
    pairs = pd.concat(
        [
            table("jaccard_top", overlap, (genealogy, script)),
            table("damage", damage, (lambda a, b: float(a + b != "espt"), lambda a, b: 1.0)),
        ]
    )
    made = associations(pairs.sample(frac=1, random_state=0)).set_index(["measure", "distance"])
    assert set(made.index) == {("jaccard_top", "genealogy"), ("jaccard_top", "script")}
    assert (made[["n", "pairs", "permutations"]] == (6, 15, 720)).all(axis=None)
    assert made.loc[("jaccard_top", "genealogy"), ["correlation", "p", "close"]].to_numpy() == pytest.approx(
        [1, 1 / 360, 6], abs=0.01
    )
    assert abs(made.loc[("jaccard_top", "script"), "correlation"]) < 0.9


def few(monkeypatch):
    """Ninety-nine random orders are enough to count how often a p-value is below 0.05."""
    monkeypatch.setattr(kinship, "EXACT", 0)
    monkeypatch.setattr(kinship, "DRAWS", 99)


def mutual_data(generator, effect=0.0, script=0.0):
    """Twelve languages, those of a family often in one script, with values that depend on means and on both."""
    distance = families(generator, 12)
    other = np.where(generator.random((12, 12)) < 0.7, distance, families(generator, 12))
    other = np.triu(other, 1) + np.triu(other, 1).T
    means = generator.normal(size=12)
    noise = symmetric(generator, 12)
    return means[:, None] + means - effect * distance - script * other + noise, distance, other


def directed_data(generator, effect=0.0, script=0.0):
    """Six regions and eight languages."""
    distance = families(generator, 14)[:6, 6:]
    other = np.where(generator.random((6, 8)) < 0.7, distance, families(generator, 14)[:6, 6:])
    means = 2 * generator.normal(size=6)[:, None] + 2 * generator.normal(size=8)
    return means - effect * distance - script * other + generator.standard_t(3, (6, 8)), distance, other


CASES = pytest.mark.parametrize(("test", "data"), [(mutual, mutual_data), (directed, directed_data)])


@CASES
@pytest.mark.parametrize("script", [0.0, 3.0])
def test_five_percent_of_the_tests_find_what_is_not_there(monkeypatch, test, data, script):
    """Whether or not the other distance, which is correlated with the one that is tested, has an effect."""
    few(monkeypatch)
    generator = np.random.default_rng(6)
    p_values = np.array([test(*data(generator, 0.0, script)).p_value for _ in range(RUNS)])
    assert LEVEL - 0.035 <= np.mean(p_values <= LEVEL) <= AT_MOST


@CASES
def test_a_clear_effect_is_found(monkeypatch, test, data):
    few(monkeypatch)
    generator = np.random.default_rng(7)
    p_values = np.array([test(*data(generator, 3.0)).p_value for _ in range(60)])
    assert np.mean(p_values <= LEVEL) > 0.8
