"""Recipes of controls and outliers in a config: what it accepts, refuses and asks the jobs for."""

import pytest
import yaml

from linguistic_regions.planning import catalog, configuration, plan
from linguistic_regions.planning.costs import costs
from linguistic_regions.regions import recipes
from linguistic_regions.runtime.errors import UserError

DECLARED = """
regions:
  same-size: {select: random, like: top-0.01, seed: 1, match: count}
  same-magnitude: {select: random, like: top-0.01, seed: 1, match: magnitude, scores: [magnitude/ru/40]}
  same-dimensions: {select: random, like: top-0.01, seed: 1, match: dimensions}
  dimension-507: {select: dimension, like: top-0.01, dimension: 507}
  super-row: {select: entries, like: top-0.01, matrix: model.layers.11.mlp.down_proj.weight, row: 507, column: null}
  super-weight: {select: entries, like: top-0.01, matrix: model.layers.11.mlp.down_proj.weight, row: 507, column: 1229}
  outliers: {select: outliers, like: top-0.01, kind: dimensions}
  core-without-outliers: {select: difference, of: [top-0.01, outliers]}
  core-only-outliers: {select: intersection, of: [top-0.01, outliers]}
  russian: {select: top, scores: [ru/40], minus: [es/40, taylor/zh/40], ratio: 0.03}
  as-many: {select: cut, scores: [ru/40], of: [russian, monolingual-es-40]}
removal: {regions: [same-magnitude, same-dimensions, core-without-outliers, core-only-outliers, outliers]}
"""


def test_controls_and_outliers_are_declared_and_planned():
    config = configuration.check(yaml.safe_load(DECLARED))
    declared = catalog.declared(config)
    assert set(yaml.safe_load(DECLARED)["regions"]) <= set(declared)
    magnitude = declared["same-magnitude"]
    assert plan.score_folders(magnitude) == ["<results>/importance/magnitude/ru/40"]
    assert recipes.like(magnitude) == ["top-0.01"]
    assert recipes.settings(magnitude) == {"select": "random", "seed": 1, "match": "magnitude"}
    row = {"select": "entries", "matrix": "model.layers.11.mlp.down_proj.weight", "row": 507}
    assert recipes.settings(declared["super-row"]) == row
    assert recipes.settings(declared["outliers"]) == {"select": "outliers", "kind": "dimensions"}
    assert plan.outlier_files(declared["outliers"]) and not plan.outlier_files(declared["core-only-outliers"])
    assert list(recipes.needed("core-without-outliers", declared)) == ["top-0.01", "outliers", "core-without-outliers"]
    assert plan.score_folders(declared["russian"], "minus") == [
        f"<results>/importance/taylor/{c}/40" for c in ("es", "zh")
    ]
    assert recipes.dependencies(declared["as-many"]) == ["russian", "monolingual-es-40"]
    assert costs(config, None)["region"].jobs


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"select": "random", "like": "top-0.01", "seed": 1, "match": "magnitude"}, "regions.x: scores is missing"),
        (
            {"select": "random", "like": "top-0.01", "seed": 1, "match": "magnitude", "scores": ["ru/40"]},
            "write magnitude/ru/40",
        ),
        ({"select": "random", "like": "top-0.01", "seed": 1, "match": "rows"}, "'rows' is not one of count, magnitude"),
        ({"select": "top", "scores": ["ru/40"], "ratio": 0.1, "match": "count"}, "regions.x.select"),
        ({"select": "dimension", "like": "top-0.01"}, "regions.x: dimension is missing"),
        ({"select": "entries", "like": "top-0.01", "row": 5}, "regions.x: matrix is missing"),
        ({"select": "outliers", "like": "top-0.01"}, "regions.x: kind is missing"),
        ({"select": "cut", "scores": ["ru/40"], "of": ["top-0.01"]}, "regions.x.of"),
        ({"select": "top", "scores": ["ru/40"], "minus": ["zh/9"], "ratio": 0.1}, "'zh/9' is not one of ar/40"),
        (
            {"select": "top", "scores": ["ru/40"], "minus": ["zh/40"], "ratio": 0.1, "scope": "model"},
            "regions.x.scope: 'model' must be tensor here",
        ),
    ],
)
def test_incomplete_recipes_are_refused(recipe, told):
    with pytest.raises(UserError, match=told):
        configuration.check({"regions": {"x": recipe}})


def test_the_designs_of_monolingual_regions_are_planned():
    """What is subtracted is scored and built, though it has no region of its own."""
    settings = {"languages": ["ru", "zh"], "designs": ["contrast", "difference"], "subtract": ["zh", "es", "ru"]}
    config = configuration.check({"monolingual": settings | {"size": "smallest"}})
    declared, conditions = catalog.declared(config), plan.conditions(config)
    assert conditions["contrast-ru-40"] == ["contrast-ru-40", "contrast-ru-40-random-1"]
    assert declared["contrast-ru-40-uncut"]["minus"] == ["taylor/zh/40", "taylor/es/40"]
    assert declared["monolingual-ru-40-uncut"]["of"] == ["top-ru-40", "top-zh-40", "top-es-40"]
    four = [f"{kind}-{code}-40-uncut" for code in ("ru", "zh") for kind in ("contrast", "monolingual")]
    cut = declared["monolingual-zh-40"]
    assert (cut["of"][0], sorted(cut["of"])) == ("monolingual-zh-40-uncut", sorted(four))
    assert "label" in cut and "label" not in declared["monolingual-zh-40-uncut"]
    assert costs(config, None)["region"].jobs


def test_the_controls_of_the_core_are_planned_and_removed_in_one_set():
    config = configuration.check({"controls": {"factors": [0.5], "noise": [1], "replicates": 2}})
    conditions = plan.conditions(config)
    assert conditions["controls"] == [
        "magnitude-0.01", "random_magnitude-0.01-1", "random_magnitude-0.01-2", "without_outliers-0.01",
        "only_outliers-0.01", "outlier_rows", "outlier_weights",
    ]  # fmt: skip
    assert conditions["outliers-x0.5"] == ["outlier_rows", "outlier_weights"]
    assert plan.perturbations(config) == {"outliers-x0.5": {"factor": 0.5}, "outliers-noise1": {"noise": 1}}
    assert len(plan.removed_regions(config)) == len(set(plan.removed_regions(config)))
    assert costs(config, None)["outliers"].jobs == 1
    assert not {"controls", "outliers-x0.5"} & set(plan.conditions(config | {"experiments": ["removal"]}))


CURVE = """
removal:
  replicates: 2
  curve: {ratios: [0.001, 0.1], estimators: [taylor, magnitude], without_outliers: true}
"""


def test_curves_are_planned_one_set_each_with_and_without_outlier_dimensions():
    config = configuration.check(yaml.safe_load(CURVE))
    conditions, declared = plan.conditions(config), catalog.declared(config)
    assert [name for name in conditions if name.startswith("curve")] == [
        "curve-taylor", "curve-magnitude", "curve-random"
    ]  # fmt: skip
    for name, count in {"curve-taylor": 4, "curve-magnitude": 4, "curve-random": 4}.items():
        assert len(conditions[name]) == count
        assert sum(region.endswith("-without_outliers") for region in conditions[name]) == count / 2
    labels = {name: declared[name]["label"] for names in conditions.values() for name in names}
    whole, rest = (labels[f"curve-magnitude-0.1{end}"] for end in ("", "-without_outliers"))
    assert (whole["kind"], whole["ratio"], whole["estimator"]) == ("curve", 0.1, "magnitude")
    assert rest == whole | {"kind": "curve_without_outliers"}
    assert labels["curve-random-0.001"]["estimator"] == "" and labels["top-0.01"]["estimator"] == "taylor"
    assert len(declared["curve-taylor-0.1"]["scores"]) == 6  # summed over languages; magnitude is that of any
    assert declared["curve-magnitude-0.1"]["scores"] == ["magnitude/ar/40"]
    assert not set(plan.compared_regions(config)) & set(conditions["curve-taylor"])


def test_without_estimators_there_is_no_curve():
    config = configuration.check({"removal": {"curve": {"estimators": []}}})
    assert not catalog.curves(config)
    assert not [name for name in plan.conditions(config) if name.startswith("curve")]
