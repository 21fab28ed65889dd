"""A verdict follows from the data alone: turn the data and it turns."""

import pandas as pd
import pytest

import synthetic_results as synthetic
from linguistic_regions.claims.claims import FAILS, HOLDS, UNDECIDED, UNTESTED, Finding, findings
from linguistic_regions.reporting import paper


def verdicts(**tables) -> dict[str, Finding]:
    """Every finding by a word of its title, from the default tables with some replaced."""
    found = findings(synthetic.two_domains() | tables, paper.load(), synthetic.NAMES)
    words = (
        "Enough samples",
        "core matters more than a random",
        "Removing the core",
        "least important",
        "larger the removed core",
    )
    words += ("core held at zero", "English", "carries its own", "of its size does", "Close", "more samples")
    words += ("Freezing the core", "… in another domain", "language in another domain")
    words += ("as many random", "learnt", "more than its outliers", "largest weights", "of its magnitude", "its rows")
    by_word = {word: [claim for claim in found if word in claim.title] for word in words}
    assert all(len(claims) == 1 for claims in by_word.values()), "every claim once"
    assert len(found) == len(words)
    return {word: claims[0] for word, claims in by_word.items()}


@pytest.mark.parametrize(
    ("word", "holding", "failing"),
    [
        ("Enough samples", {"stability": synthetic.stability()}, {"stability": synthetic.stability(end=0.94)}),
        (
            "core matters more than a random",
            {"removal": synthetic.removal(top=1)},
            {"removal": synthetic.removal(top=0.01)},
        ),
        ("Removing the core", {"removal": synthetic.removal(top=6)}, {"removal": synthetic.removal(top=1)}),
        ("least important", {"removal": synthetic.removal(bottom=0)}, {"removal": synthetic.removal(bottom=0.2)}),
        ("larger the removed core", {"removal": synthetic.removal(top=1)}, {"removal": synthetic.removal(top=-1)}),
        ("core held at zero", {"retraining": synthetic.retraining()}, {"retraining": synthetic.retraining(held=0)}),
        ("English", {"retraining": synthetic.retraining()}, {"retraining": synthetic.retraining(english=-0.3)}),
        ("carries its own", {"removal": synthetic.removal(own=0.6)}, {"removal": synthetic.removal(own=0.02)}),
        ("of its size does", {"removal": synthetic.removal(own=0.6)}, {"removal": synthetic.removal(own=0.005)}),
        ("… in another domain", {"removal": synthetic.removal()}, {"removal": synthetic.removal(elsewhere=0.01)}),
        (
            "language in another domain",
            {"removal": synthetic.removal()},
            {"removal": synthetic.removal(own_elsewhere=0.02)},
        ),
        ("more than its outliers", {"removal": synthetic.controls()}, {"removal": synthetic.controls(left=1)}),
        ("largest weights", {"removal": synthetic.controls()}, {"removal": synthetic.controls(control=9)}),
        ("of its magnitude", {"removal": synthetic.controls()}, {"removal": synthetic.controls(control=9)}),
        ("its rows", {"removal": synthetic.controls()}, {"removal": synthetic.controls(control=9)}),
        ("more samples", {"removal": synthetic.removal(own=0.6)}, {"removal": synthetic.removal(own=-0.1)}),
        ("Freezing the core", {"freezing": synthetic.freezing()}, {"freezing": synthetic.freezing(core=1.1)}),
        ("as many random", {"freezing": synthetic.freezing()}, {"freezing": synthetic.freezing(random=0.7)}),
        ("learnt", {"freezing": synthetic.freezing(core=1)}, {"freezing": synthetic.freezing(core=0.8)}),
    ],
)
def test_verdict_turns_with_the_data(word, holding, failing):
    assert verdicts(**holding)[word].verdict == HOLDS
    assert verdicts(**failing)[word].verdict == FAILS


def test_agreement_has_its_range_its_slope_and_chance():
    claim = verdicts(stability=synthetic.stability(end=0.6))["Enough samples"]
    assert "top 3 % after 256 samples in all: 0.600, from 0.590 (ru) to 0.610 (zh), 3 languages" in claim.measured[0]
    assert claim.measured[1] == "0 of 3 languages at 0.95 or above."
    assert "changed the index by +0.100 (mean over the languages below 0.95)" in claim.measured[2]
    assert claim.measured[3].endswith("0.015.")


def test_the_slope_is_that_of_a_doubling_whatever_the_checks():
    table = synthetic.stability(end=0.6)
    claim = verdicts(stability=table[table["samples"] != 128])["Enough samples"]
    assert "by +0.100" in claim.measured[2]


def test_languages_that_agree_are_named_with_their_samples_and_the_others_have_the_slope():
    table = synthetic.stability(end=0.955)  # zh 0.965, uk 0.955, ru 0.945
    early = (table["language"] == "zh") & (table["samples"] == 128)
    claim = verdicts(stability=table.assign(jaccard=table["jaccard"].mask(early, 0.96)))["Enough samples"]
    assert claim.verdict == HOLDS
    assert claim.measured[1] == "2 of 3 languages at 0.95 or above: zh from 128 samples on; uk from 256 samples on."
    assert "by +0.100" in claim.measured[2]


def test_an_agreement_that_does_not_last_does_not_count():
    table = synthetic.stability(end=0.6)
    claim = verdicts(stability=table.assign(jaccard=table["jaccard"].mask(table["samples"] == 64, 0.99)))
    assert claim["Enough samples"].measured[1].startswith("0 of 3")


def test_each_language_is_judged_where_it_ended():
    """As with `stop_at`: Russian ended at 64 samples, where it was at 0.96 and the others still below 0.8."""
    table = synthetic.stability()
    ended = table[(table["language"] != "ru") | (table["samples"] <= 64)].copy()
    ended.loc[(ended["language"] == "ru") & (ended["samples"] == 64), "jaccard"] = 0.96
    claim = verdicts(stability=ended)["Enough samples"]
    assert claim.verdict == HOLDS
    assert "after 64 to 256 samples in all: 0.970, from 0.960 (ru)" in claim.measured[0]


def test_one_check_has_no_slope():
    table = synthetic.stability(end=0.6)
    claim = verdicts(stability=table[table["samples"] == 256])["Enough samples"]
    assert claim.verdict == FAILS
    assert not [line for line in claim.measured if "doubling" in line]


def test_kin_are_found_next():
    claim = verdicts()["Close"]
    assert claim.verdict == HOLDS
    assert "Russian: Ukrainian ×1.221 (rank 1 of 3)" in claim.measured


def test_saving_is_paired_and_has_the_sign_of_less_forgetting():
    claim = verdicts()["Freezing the core"]
    assert claim.measured[0].endswith("20.0 % of the forgetting in arm full, 6 pairs.")
    worse = verdicts(freezing=synthetic.freezing(core=1.2))["Freezing the core"]
    assert "-20.0 % of the forgetting in arm full" in worse.measured[0]


def test_pairing_sees_a_difference_that_spread_between_languages_hides():
    # Languages differ by far more than the arms do; only pair by pair is one per cent visible.
    assert verdicts(freezing=synthetic.freezing(core=0.99))["Freezing the core"].verdict == HOLDS


def test_a_run_without_experiments_tests_nothing():
    found = findings({}, paper.load(), {})
    assert {claim.verdict for claim in found} == {UNTESTED}
    assert len(found) == 20


def test_each_experiment_is_judged_by_itself():
    found = findings({"freezing": synthetic.freezing()}, paper.load(), {})
    assert sum(claim.verdict != UNTESTED for claim in found) == 3


def test_a_missing_control_leaves_its_claim_untested():
    removal = synthetic.removal().query("kind != 'random'")
    found = verdicts(removal=removal)
    assert found["core matters more than a random"].verdict == UNTESTED
    assert found["of its size does"].verdict == UNTESTED
    assert found["carries its own"].verdict == HOLDS


def test_the_papers_figures_come_from_its_tables():
    printed = paper.load()
    printed["monolingual"].loc[printed["monolingual"]["language"] == "Russian", "top_100k"] = "120.62"
    (claim,) = [claim for claim in findings({}, printed, {}) if "carries its own" in claim.title]
    assert "×10.0" in claim.paper


def test_what_is_not_forgotten_cannot_be_kept():
    """Full training forgets nothing in the second domain: no verdict, and the report says why."""
    found = verdicts(freezing=synthetic.freezing(forgotten=-0.1))
    for word in ("Freezing the core", "as many random"):
        assert found[word].verdict == UNDECIDED
        assert "no forgetting is detected" in found[word].measured[1]


def test_forgetting_is_measured_in_the_second_domain():
    """In the first one every language gains (the synthetic table says so), hence nothing would be forgotten."""
    claim = verdicts()["Freezing the core"]
    assert "(verse): forgetting is detected" in claim.measured[1]


def test_too_little_recovery_is_no_verdict():
    """The free arm has to regain half of what the removal cost before two ways of recovery are compared."""
    table = synthetic.retraining()
    free = (table["arm"] == "top_unfreeze") & (table["samples"] > 0)
    claim = verdicts(retraining=table.assign(nll=table["nll"] + 1.5 * free))["core held at zero"]
    assert claim.verdict == UNDECIDED
    assert "too few samples" in claim.measured[0]


def test_one_domain_leaves_the_other_untested():
    removal = synthetic.removal().query("domain == 'manuals'")
    found = verdicts(removal=removal)
    assert found["… in another domain"].verdict == found["language in another domain"].verdict == UNTESTED
    assert found["core matters more than a random"].verdict == HOLDS


def test_a_control_as_bad_as_the_core_decides_nothing():
    found = verdicts(removal=synthetic.controls(control=6))
    assert {found[word].verdict for word in ("largest weights", "of its magnitude", "its rows")} == {UNDECIDED}


def test_scaled_outliers_are_no_removed_ones():
    removal = synthetic.controls()
    outliers = removal["kind"] == "outliers"
    doubled = removal[outliers].assign(factor=2.0, region="outlier_rows-x2", nll=99.0)
    found = [verdicts(removal=each) for each in (removal, pd.concat([removal, doubled]))]
    assert found[0]["more than its outliers"] == found[1]["more than its outliers"]
