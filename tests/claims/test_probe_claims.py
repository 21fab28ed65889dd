"""Claims on minimal pairs: turn the evidence and the verdict turns; at chance there is none."""

import pandas as pd
import pytest

import synthetic_results as synthetic
from linguistic_regions.claims import probes
from linguistic_regions.claims.claim import FAILS, HOLDS, UNDECIDED, UNTESTED, table
from synthetic_probes import probes as synthetic_probes

REMOVAL = {"removal": synthetic.removal()}
MANY = 400  # pairs of each language, ten per template


def claims(*only, pairs=MANY, without=(), **options) -> pd.DataFrame:
    """The claims on pairs, by id, of the synthetic evidence; all, or some."""
    direct, prompted, _ = synthetic_probes(pairs=pairs, **options)
    evidence = {name: items for name, items in {"direct": direct, "prompted": prompted}.items() if name not in without}
    run = synthetic.run(REMOVAL, **evidence)
    wanted = [claim for claim in probes.CLAIMS if not only or claim.id in only]
    return table([claim.judge(run) for claim in wanted], {}).set_index("id")


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    """The claims where competence is 0.8, performance 0.7, and the own language loses 0.25 without its region."""
    return claims()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("probes-direct", {"performance": 0.9}),
        ("probes-own-accuracy", {"own": 0.05, "others": 0.25}),
        ("probes-own-margin", {"own": 0.05, "others": 0.25}),
        ("probes-random-accuracy", {"own": 0.02, "random": 0.25}),
        ("probes-random-margin", {"own": 0.02, "random": 0.25}),
        ("probes-core", {"core": 0.7}),
        ("probes-gap-core", {"core": 0.5, "competence": 0.95, "performance": 0.65}),
        ("probes-gap-own", {"own": 0.4, "told": 0.0}),
        ("probes-fillers", {"dots": 0.25}),
        ("probes-fillers-instruction", {"dots": 0.25}),
    ],
)
def test_a_verdict_turns_with_the_evidence(expected, name, options):
    alike = {"competence": 0.7, "performance": 0.7}  # without the core either is at chance
    holding = claims(name, **alike) if name == "probes-gap-core" else expected
    assert holding.at[name, "verdict"] == HOLDS
    assert claims(name, **options).at[name, "verdict"] == FAILS


def test_every_claim_on_pairs_is_turned_above():
    (cases,) = test_a_verdict_turns_with_the_evidence.pytestmark
    assert {name for name, *_ in cases.args[1]} == {claim.id for claim in probes.CLAIMS}


def test_estimates_by_hand(expected):
    """English alone was left out of no region: it loses 0.05 where the own language loses 0.25."""
    estimates = {"probes-direct": 0.1, "probes-own-accuracy": 0.2, "probes-random-accuracy": 0.23, "probes-core": 0.5}
    estimates |= {"probes-own-margin": 1.6, "probes-random-margin": 1.84, "probes-gap-core": -0.1}
    estimates |= {"probes-gap-own": 0.0, "probes-fillers": 0.0}
    assert expected["estimate"][list(estimates)].to_dict() == pytest.approx(estimates, abs=1e-9)
    assert (expected.at["probes-direct", "n"], expected.at["probes-direct", "units"]) == (160, "templates")
    assert expected.at["probes-random-accuracy", "units"] == "regions"
    assert expected.at["probes-own-accuracy", "note"] == "regions of Russian, Ukrainian, Chinese"
    assert expected.at["probes-direct", "note"].startswith("1600 pairs in 160 templates: a difference of 0.05 is found")


def test_few_pairs_decide_nothing():
    table = claims(pairs=20)
    assert set(table.loc[["probes-direct", "probes-core"], "verdict"]) == {UNDECIDED}
    assert set(table.loc[["probes-gap-core", "probes-gap-own", "probes-own-accuracy"], "verdict"]) == {UNTESTED}


def test_a_model_at_chance_has_nothing_to_lose():
    """It cannot follow a prompt: no claim on how lesions change the gap; those on direct accuracy stand."""
    table = claims(performance=0.5)
    assert set(table.loc[["probes-gap-core", "probes-gap-own"], "verdict"]) == {UNTESTED}
    assert "above chance both when scored directly and asked" in table.at["probes-gap-own", "note"]
    assert {table.at["probes-direct", "verdict"], table.at["probes-own-accuracy", "verdict"]} == {HOLDS}
    table = claims(competence=0.5, performance=0.5)
    assert set(table.loc[[name for name in table.index if "own" in name or "core" in name], "verdict"]) == {UNTESTED}


def test_a_language_at_chance_is_left_out():
    direct, prompted, _ = synthetic_probes(pairs=MANY)
    weak = direct["language"] == "uk"
    direct.loc[weak, "margin"] -= 8 * 0.3
    run = synthetic.run(REMOVAL, direct=direct, prompted=prompted)
    results = {claim.id: claim.judge(run) for claim in probes.CLAIMS}
    assert (
        results["probes-own-accuracy"].note == "regions of Russian, Chinese; not above chance, and left out: Ukrainian"
    )
    assert "regions" in results["probes-random-accuracy"].note
    assert results["probes-random-accuracy"].verdict(results["probes-random-accuracy"].p_value) == UNTESTED


def test_without_prompts_or_pairs_the_claims_say_so():
    table = claims(without=["prompted"])
    assert table.at["probes-direct", "note"] == "minimal pairs were not asked about"
    assert table.at["probes-own-accuracy", "verdict"] == HOLDS
    table = claims(without=["direct", "prompted"])
    assert set(table["verdict"]) == {UNTESTED} and table["note"].str.contains("minimal pairs were not").all()
