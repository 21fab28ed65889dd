"""A verdict follows from the data and a rule: turn the data and it turns, weaken them and there is none."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import synthetic_results as synthetic
from linguistic_regions.claims import probes
from linguistic_regions.claims.claim import FAILS, HOLDS, UNDECIDED, UNTESTED, Claim
from linguistic_regions.claims.claim import table as claim_table
from linguistic_regions.claims.claims import CLAIMS, judged
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.reporting import paper
from linguistic_regions.reporting.claims import by_verdict
from linguistic_regions.statistics.columns import COLUMNS
from linguistic_regions.statistics.intervals import t_interval
from linguistic_regions.statistics.significance import holm
from linguistic_regions.statistics.tables import read, write

ROOT = Path(__file__).parents[2]


def claims(**tables) -> pd.DataFrame:
    """The claims table, by id, of the default tables with some replaced."""
    return judged(synthetic.run(synthetic.two_domains() | tables), paper.load()).set_index("id")


def verdict(name: str, **tables) -> str:
    return claims(**tables).at[name, "verdict"]


@pytest.mark.parametrize(
    ("name", "table", "holding", "failing"),
    [
        ("core", synthetic.removal, {"top": 6}, {"top": 1}),
        ("small-core", synthetic.controls, {}, None),
        ("bottom", synthetic.removal, {"bottom": 0}, {"bottom": 0.2}),
        ("random", synthetic.removal, {"random": 0.05}, {"random": 2}),
        ("core-random", synthetic.removal, {"top": 1}, {"top": -1}),
        ("core-domain", synthetic.removal, {}, {"elsewhere": -1}),
        ("core-outliers", synthetic.controls, {}, {"left": 1}),
        ("core-magnitude", synthetic.controls, {}, {"control": 9}),
        ("matched-random", synthetic.controls, {"control": 0.1}, {"control": 3}),
        ("core-matched", synthetic.controls, {}, {"control": 9}),
        ("core-dimensions", synthetic.controls, {}, {"control": 9}),
        ("own", synthetic.removal, {"own": 0.6}, {"own": -0.5}),
        ("own-random", synthetic.removal, {"own": 0.6}, {"own": -0.5}),
        ("diagonal", synthetic.removal, {"own": 0.6}, {"own": -0.5}),
        ("own-domain", synthetic.removal, {"lacking": ""}, {"lacking": "", "own_elsewhere": -1}),
        ("samples", synthetic.removal, {"own": 0.6}, {"own": -0.6}),
        ("recovery", synthetic.retraining, {"seeds": 3}, {"seeds": 3, "held": -0.2}),
        ("english", synthetic.retraining, {"seeds": 3}, {"seeds": 3, "english": -0.3}),
        ("freezing", synthetic.freezing, {"seeds": 3}, {"seeds": 3, "core": 1.1}),
        ("freezing-random", synthetic.freezing, {"seeds": 3}, {"seeds": 3, "random": 0.7}),
        ("freezing-cost", synthetic.freezing, {"seeds": 3, "core": 1}, {"seeds": 3, "core": 0.8}),
        ("stability", synthetic.stability, {"end": 0.985}, {"end": 0.9}),
    ],
)
def test_a_verdict_turns_with_the_data(name, table, holding, failing):
    place = "removal" if table is synthetic.controls else table.__name__
    assert verdict(name, **{place: table(**holding)}) == HOLDS
    if failing is not None:
        assert verdict(name, **{place: table(**failing)}) == FAILS


def test_every_claim_but_those_on_kin_and_pairs_is_turned_above():
    (cases,) = test_a_verdict_turns_with_the_data.pytestmark
    others = {"kin", "kinship-overlap", "kinship-damage", "fidelity", *(claim.id for claim in probes.CLAIMS)}
    assert {name for name, *_ in cases.args[1]} == {claim.id for claim in CLAIMS} - others


def test_kinship_needs_related_pairs_and_never_fails():
    """A permutation test of a correlation above 0 has evidence for it, or none."""
    row = {"measure": "damage", "distance": "genealogy", "n": 12, "permutations": 9999, "pairs": 36}
    for close, correlation, p, expected in (
        (10, 0.5, 0.01, HOLDS), (10, 0.1, 0.2, UNDECIDED), (10, -0.5, 0.99, UNDECIDED), (2, 0.5, 0.01, UNTESTED)
    ):  # fmt: skip
        table = pd.DataFrame([row | {"correlation": correlation, "p": p, "close": close}])
        found = claims(kinship=table).loc["kinship-damage"]
        assert (found["verdict"], found["estimate"], found["n"]) == (expected, correlation, 12)
    assert claims().at["kinship-damage", "note"].startswith("not tested with fewer than 5 languages")


def test_close_languages_are_compared_with_languages_that_were_not_left_out_either():
    """Of the synthetic regions, those of Russian and Ukrainian leave out each other, so kin are not compared."""
    removal = synthetic.removal()
    assert verdict("kin", removal=removal) == UNTESTED
    renamed = removal["language"].replace({"ru": "es", "uk": "pt"})
    spanish = removal["target"].replace({"ru": "es", "uk": "ar"})
    table = claims(removal=removal.assign(language=renamed, target=spanish))
    assert table.at["kin", "n"] == 1  # the region of Spanish
    assert table.at["kin", "estimate"] == pytest.approx(0.2 - 0.02)


@pytest.mark.parametrize(("rho", "expected"), [(1.0, HOLDS), (0.5, HOLDS), (-0.5, FAILS), (0.1, UNDECIDED)])
def test_fidelity_is_the_rank_correlation_of_the_taylor_score(rho, expected):
    row = {
        "estimator": "taylor",
        "matrix": "all",
        "n": 40,
        "spearman": rho,
        "low": rho - 0.2,
        "high": min(rho + 0.2, 1),
    }
    other = row | {"estimator": "magnitude", "spearman": 0.1}
    found = claims(fidelity=pd.DataFrame([row, other])).loc["fidelity"]
    assert (found["verdict"], found["n"], found["note"]) == (expected, 40, "other scores: magnitude 0.10")


def test_the_smallest_core_that_destroys_may_be_a_point_of_a_curve():
    removal = synthetic.controls().assign(estimator="")
    core = (removal["kind"] == "top") & (removal["target"] == "core")
    removal.loc[core, "estimator"] = "taylor"
    points = removal[core & (removal["ratio"] == 0.01)]
    for ratio, estimator in ((0.001, "taylor"), (0.0001, "magnitude")):
        labels = {"region": f"curve-{estimator}", "kind": "curve", "target": "", "ratio": ratio, "estimator": estimator}
        removal = pd.concat([removal, points.assign(**labels)])
    found = claims(removal=removal).loc["small-core"]
    assert found["verdict"] == HOLDS and found["note"].startswith("least affected: English; its variance is")
    assert found["note"].endswith("destroys every language: 0.1 %")


def test_the_next_worst_language_stands_beside_the_own():
    """Russian and Ukrainian lose 0.2 without each other's region; without Chinese's, all others lose 0.02."""
    note = claims(removal=synthetic.removal(own=0.6)).at["own", "note"]
    own, worst = math.exp(0.6 * (1 + 1.05 + 1.1) / 3), math.exp((0.2 + 0.2 + 0.02) / 3)
    assert f"in 3 of 3 regions: ×{own:.2f} in the own language, ×{worst:.2f} in the next worst" in note


def test_a_region_needs_a_language_that_was_not_left_out_of_it():
    removal = synthetic.removal()
    table = claims(removal=removal[removal["language"].isin(synthetic.REGIONS)])
    assert set(table.loc[["own", "diagonal"], "verdict"]) == {UNTESTED}
    assert table.at["own", "note"] == (
        "each other language was left out of the regions: add to languages one that is not in monolingual.languages"
    )
    assert table.at["own-random", "verdict"] != UNTESTED


def test_a_control_like_the_core_decides_nothing():
    table = claims(removal=synthetic.controls(control=6))
    assert set(table.loc[["core-magnitude", "core-matched", "core-dimensions"], "verdict"]) == {UNDECIDED}


def test_scaled_outliers_are_not_removed_ones():
    removal = synthetic.controls()
    doubled = removal[removal["kind"] == "without_outliers"].assign(factor=2.0, region="scaled", nll=99.0)
    tables = [claims(removal=each) for each in (removal, pd.concat([removal, doubled]))]
    pd.testing.assert_series_equal(tables[0]["estimate"], tables[1]["estimate"])


def test_one_run_is_no_sample_of_runs():
    """However many languages were measured in it."""
    table = claims()
    rows = table.loc[["recovery", "english", "freezing", "freezing-random", "freezing-cost"]]
    assert set(rows["verdict"]) == {UNTESTED}
    assert set(rows["n"]) == {1} and set(rows["units"]) == {"runs"}
    assert rows["estimate"].notna().all()


def test_two_random_regions_are_too_few():
    removal = synthetic.removal()
    assert verdict("core-random", removal=removal[removal["replicate"] < 3]) == UNTESTED


def test_a_run_without_experiments_tests_nothing():
    table = judged(synthetic.run({}), paper.load())
    assert set(table["verdict"]) == {UNTESTED}
    assert list(table["id"]) == [claim.id for claim in CLAIMS]
    assert table["note"].str.len().min() > 0


def test_a_missing_control_leaves_only_its_claims_untested():
    table = claims(removal=synthetic.removal().query("kind != 'random'"))
    untested = {"random", "core-random", "core-domain", "own-random", "diagonal"}
    assert set(table.loc[sorted(untested), "verdict"]) == {UNTESTED}
    assert set(table.loc[["core", "bottom", "own"], "verdict"]) <= {HOLDS, FAILS}


def test_one_domain_leaves_the_other_untested():
    table = claims(removal=synthetic.removal().query("domain == 'manuals'"))
    assert set(table.loc[["core-domain", "own-domain"], "verdict"]) == {UNTESTED}
    assert table.at["core-random", "verdict"] == HOLDS


def test_forgetting_is_measured_in_the_second_domain():
    """In the first one every language gains, hence nothing would be forgotten."""
    table = claims(freezing=synthetic.freezing(seeds=3).replace({"learning_rate": {1e-4: 1e-6, 1e-3: 5e-5}}))
    changes = 0.4 * np.mean([synthetic.LANGUAGE_FACTOR[code] for code in ("en", "ru", "uk")])
    assert table.at["freezing", "estimate"] == pytest.approx(0.2 * changes, abs=0.01)
    assert table.at["freezing", "note"] == "19.5 % of the forgetting in the arm full, at a learning rate of 0.00005"


def test_what_is_not_forgotten_cannot_be_kept():
    table = claims(freezing=synthetic.freezing(forgotten=-0.1, seeds=3))
    assert set(table.loc[["freezing", "freezing-random"], "verdict"]) == {UNTESTED}
    assert "forgets nothing" in table.at["freezing", "note"]


def test_too_little_recovery_is_not_compared():
    """The free arm has to regain half of what the removal cost before two ways of recovery are compared."""
    retraining = synthetic.retraining(seeds=3)
    free = (retraining["arm"] == "top_unfreeze") & (retraining["samples"] > 0)
    table = claims(retraining=retraining.assign(nll=retraining["nll"] + 1.5 * free))
    assert table.at["recovery", "verdict"] == UNTESTED
    assert "too few samples" in table.at["recovery", "note"]


def test_each_language_is_judged_where_it_ended():
    """As with `stop_at`: Russian ended at 64 samples, where it was at 0.96 and the others still below 0.8."""
    stability = synthetic.stability()
    ended = stability[(stability["language"] != "ru") | (stability["samples"] <= 64)].copy()
    ended.loc[(ended["language"] == "ru") & (ended["samples"] == 64), "jaccard"] = 0.96
    table = claims(stability=ended)
    assert table.at["stability", "estimate"] == pytest.approx((0.96 + 0.97 + 0.98) / 3)
    assert table.at["stability", "note"] == "after 64 to 256 samples; two random regions: 0.015"


def test_the_papers_figures_come_from_its_tables():
    table = claims()
    printed = pd.read_csv(ROOT / "resources/paper/core_removal_3pct.csv")
    assert table.at["core", "paper"] == pytest.approx(np.log(printed["top"] / printed["base"]).min())
    assert table.at["core-random", "paper"] == pytest.approx(np.log(printed["top"] / printed["random"]).mean())
    russian = pd.read_csv(ROOT / "resources/paper/russian_region_removal.csv").set_index("language")
    rise = np.log(russian["top_100k"] / russian["base"])
    assert table.at["own", "paper"] == pytest.approx(rise["Russian"] - rise.drop("Russian").mean())
    assert table.at["samples", "paper"] == pytest.approx(
        math.log(russian.at["Russian", "top_100k"] / russian.at["Russian", "top_10k"])
    )
    assert math.isnan(table.at["core-matched", "paper"])


# --- the rule ---


def claimed(above: float = -math.inf, below: float = math.inf, values=()) -> pd.Series:
    """The row of a claim on the mean of these values."""
    claim = Claim(
        id="x", sentence="", statistic="", source="", above=above, below=below, measure=lambda run: values_of(values)
    )
    return claim_table([claim.judge(Run({}, pd.DataFrame(), {}))], {}).iloc[0]


def values_of(values):
    if not len(values):
        raise NotMeasured("nothing")
    return t_interval(values, "values")


@pytest.mark.parametrize(
    ("ends", "values", "expected"),
    [
        ({"above": 0}, [1, 1.1, 0.9], HOLDS),
        ({"above": 0}, [-1, -1.1, -0.9], FAILS),
        ({"above": 0}, [1, -1, 0.5], UNDECIDED),
        ({"above": 0}, [5, 5], UNTESTED),
        ({"above": 0}, [], UNTESTED),
        ({"above": -1, "below": 1}, [0, 0.1, -0.1], HOLDS),
        ({"above": -1, "below": 1}, [2, 2.1, 1.9], FAILS),
        ({"above": -1, "below": 1}, [-2, -2.1, -1.9], FAILS),
        ({"above": -1, "below": 1}, [0, 2, -2], UNDECIDED),
        ({"above": -1, "below": 1}, [0.9, 1, 0.8], UNDECIDED),
    ],
    ids=str,
)
def test_an_interval_decides_where_it_lies_on_one_side(ends, values, expected):
    row = claimed(**ends, values=values)
    assert row["verdict"] == expected
    inside = ends["above"] < row["low"] and row["high"] < ends.get("below", math.inf)
    outside = row["high"] < ends["above"] or row["low"] > ends.get("below", math.inf)
    assert (expected == HOLDS) == inside and (expected == FAILS) == outside


def test_a_claim_at_its_threshold_holds_as_seldom_as_stated():
    """One-sided 2.5 %, since the interval at 95 % has two sides; within a margin no more than that."""
    generator = np.random.default_rng(0)
    drawn = generator.normal(1.0, 1.0, (2000, 6))
    assert np.mean([claimed(above=1, values=values)["verdict"] == HOLDS for values in drawn]) < 0.035
    assert np.mean([claimed(above=-1, below=1, values=values)["verdict"] == HOLDS for values in drawn]) < 0.035


def test_holm_is_for_the_claims_that_were_tested():
    table = claims(removal=synthetic.controls())
    assert np.allclose(table["p_holm"], holm(table["p"]), equal_nan=True)
    assert table["p"].isna().any() and (table["p_holm"] >= table["p"])[table["p"].notna()].all()
    decided = table["verdict_holm"].isin([HOLDS, FAILS])
    assert (table.loc[decided, "verdict"] == table.loc[decided, "verdict_holm"]).all()
    assert decided.equals(table["p_holm"] < 0.05)


# --- the program and the page ---


def test_the_table_is_read_as_it_was_written(tmp_path):
    table = claims().reset_index()
    assert list(table) == list(COLUMNS["claims"])
    write(table, tmp_path / "claims.csv")
    pd.testing.assert_frame_equal(read(tmp_path / "claims.csv", "claims"), table, rtol=1e-7)


def test_each_claim_is_named_under_its_verdict(tmp_path):
    table = claims().reset_index()
    write(table, tmp_path / "claims.csv")
    lines = by_verdict(tmp_path / "claims.csv")
    assert lines[0].startswith(f"✓ holds ({(table['verdict'] == HOLDS).sum()}): ")
    named = [name for line in lines for name in line.split(": ")[1].split(", ")]
    assert sorted(named) == sorted(table["id"])


def test_the_page_explains_each_column():
    rows = re.findall(r"^\| (`.*`) \|", (ROOT / "docs/claims.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(COLUMNS["claims"])


def test_the_page_is_made_from_the_claims():
    made = subprocess.run([sys.executable, ROOT / "scripts/claims.py", "page"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert (ROOT / "docs/claims.md").read_text(encoding="utf-8") == made.stdout, "make docs"
