"""Own against others: by hand, and by how often the interval of the mean over regions holds the truth."""

import math

import numpy as np
import pandas as pd
import pytest

from linguistic_regions.statistics import effects, selectivity
from linguistic_regions.statistics.hierarchy import hierarchical
from linguistic_regions.statistics.intervals import t_interval

LANGUAGES = ("ru", "es", "zh", "uk", "en")
INTACT = {"kind": "base", "target": "", "subtracted": "", "weights": 0}
RISES = {  # of each language without Spanish's region, without a random one, and without the core
    "monolingual-es": {"ru": 0.1, "es": 0.5, "zh": 0.2, "uk": 0.6, "en": 0.3},
    "random-es": {"ru": 0.1, "es": 0.3, "zh": 0.1, "uk": 0.1, "en": 0.1},
    "top": {"ru": 1.0, "es": 2.0, "zh": 3.0, "uk": 4.0, "en": 5.0},
}
SPANISH = {"kind": "monolingual", "target": "es", "subtracted": "ru zh", "weights": 2_000_000}
LABELS = {"monolingual-es": SPANISH, "random-es": SPANISH | {"kind": "random", "replicate": 1}}
LABELS |= {"top": {"kind": "top", "target": "core", "ratio": 0.01}, "intact": INTACT}
LABELS = {name: {"ratio": 0.03, "samples": 40, "replicate": 0, "scope": "tensor"} | own for name, own in LABELS.items()}


def evidence(rises, documents=4, domain="manuals"):
    """Items of four documents of each language, 10 tokens each; documents differ, the rise of each is the same."""
    rows = [
        {"condition": name, "language": code, "domain": domain, "document": f"{code}-{number}"}
        | {"tokens": 10, "nll": 10 * (3 + number + rise)}
        for name, of_language in ({"intact": dict.fromkeys(LANGUAGES, 0.0)} | rises).items()
        for code, rise in of_language.items()
        for number in range(documents)
    ]
    return pd.DataFrame(rows)


MANUALS = evidence(RISES)
VERSE = evidence({name: {code: 2 * rise for code, rise in own.items()} for name, own in RISES.items()}, domain="verse")
VERSE = VERSE[VERSE["language"].isin(["ru", "es", "en"])]


def test_own_against_each_group_of_others_by_hand():
    table = selectivity.by_region(MANUALS, LABELS).set_index(["region", "compared"]).loc["monolingual-es"]
    assert table.loc["all", ["own", "others", "difference"]].tolist() == pytest.approx([0.5, 0.3, 0.2])
    assert table["others"].to_dict() == pytest.approx({"all": 0.3, "subtracted": 0.15, "not_subtracted": 0.45})
    assert table["difference"].to_dict() == pytest.approx({"all": 0.2, "subtracted": 0.35, "not_subtracted": 0.05})
    assert table["rank"].to_dict() == {"all": 2, "subtracted": 1, "not_subtracted": 2}
    assert table["of"].to_dict() == {"all": 5, "subtracted": 3, "not_subtracted": 3}
    assert table["per_million"].to_dict() == pytest.approx({"all": 0.1, "subtracted": 0.175, "not_subtracted": 0.025})
    # Documents differ, but not in how much they rise.
    assert table["low"].to_list() == pytest.approx(table["high"].to_list())
    assert (table.loc["all", "n"], table.loc["all", "units"]) == (20, "documents")


def test_intervals_are_those_of_documents():
    """What one document of Spanish does beyond the others widens own and difference, and not the others."""
    changed = MANUALS.copy()
    here = (changed["condition"] == "monolingual-es") & (changed["document"] == "es-0")
    changed.loc[here, "nll"] += 8.0
    row = selectivity.by_region(changed, LABELS).query("region == 'monolingual-es' and compared == 'all'").iloc[0]
    # Rises of 1.3, 0.5, 0.5 and 0.5: Student's t with three degrees of freedom.
    half = 3.182446 * np.std([1.3, 0.5, 0.5, 0.5], ddof=1) / 2
    assert (row["own"], row["own_high"] - row["own"]) == pytest.approx((0.7, half))
    assert (row["difference"], row["high"] - row["difference"]) == pytest.approx((0.4, half))
    assert row["others_low"] == pytest.approx(row["others_high"])


def test_too_few_documents_leave_an_estimate_without_interval():
    """Two documents of the own language are too few, though there are ten in all."""
    table = selectivity.by_region(evidence(RISES, documents=2), LABELS)
    assert np.isfinite(table["difference"]).all()
    assert table[["low", "high", "own_low"]].isna().all(axis=None)
    assert set(table["n"]) == {2} and set(table["units"]) == {"documents in es"}


def test_a_domain_without_the_regions_language_has_no_row():
    table = selectivity.by_region(pd.concat([MANUALS, VERSE]), LABELS)
    assert table.groupby("domain")["compared"].nunique().to_dict() == {"manuals": 3, "verse": 3}
    assert table.query("domain == 'verse' and compared == 'all' and kind == 'monolingual'")["of"].item() == 3
    chinese = LABELS | {name: LABELS[name] | {"target": "zh"} for name in ("monolingual-es", "random-es")}
    assert set(selectivity.by_region(pd.concat([MANUALS, VERSE]), chinese)["domain"]) == {"manuals"}


def test_an_empty_region_has_no_effect_per_weight():
    """Where two languages have the same top, nothing is left of it."""
    table = selectivity.by_region(MANUALS, LABELS | {"random-es": LABELS["random-es"] | {"weights": 0}})
    assert table.groupby("kind")["per_million"].agg(lambda each: each.isna().all()).to_dict() == {
        "monolingual": False,
        "random": True,
    }


def test_a_run_without_monolingual_regions_has_no_rows():
    items = MANUALS[MANUALS["condition"].isin(["intact", "top"])]
    assert selectivity.by_region(items, LABELS).empty


def test_the_core_in_each_domain_beside_the_first_in_the_same_languages():
    items = pd.concat([MANUALS, VERSE])
    table = effects.effects(items, LABELS, selectivity.by_region(items, LABELS))
    core = table[table["kind"] == "top"].set_index("domain")
    assert core["estimate"].to_dict() == pytest.approx({"manuals": 3.0, "verse": 2 * 8 / 3})
    assert core["first"].to_dict() == pytest.approx({"manuals": 3.0, "verse": 8 / 3})
    assert core["over"].to_dict() == {"manuals": "ru es zh uk en", "verse": "ru es en"}


def test_replicates_of_a_random_region_are_one_effect():
    labels = {"intact": LABELS["intact"]} | {
        f"random-{number}": LABELS["top"] | {"kind": "random", "replicate": number} for number in (1, 2, 3)
    }
    rises = {f"random-{number}": dict.fromkeys(LANGUAGES, number / 10) for number in (1, 2, 3)}
    items = evidence(rises)
    (row,) = effects.of_core(items, labels)
    assert row["region"] == "random"
    assert (row["estimate"], row["high"] - row["estimate"]) == pytest.approx((0.2, 4.302653 * 0.1 / math.sqrt(3)))


def region_rows(kind, replicate, own, **others):
    """Rows of one region in the table `selectivity`, one for each group of others."""
    row = {"region": f"{kind}-{replicate}", "kind": kind, "replicate": replicate, "samples": 40, "domain": "manuals"}
    return [
        {**row, "language": language, "compared": compared, "own": value, "others": rise, "difference": value - rise}
        for language, value in own.items()
        for compared, rise in others.items()
    ]


def test_the_matrix_has_one_figure_alone_and_one_beyond_its_control():
    """Three regions, and two random ones of each, whose own rise is 0.1 on average."""
    rows = region_rows("monolingual", 0, {"ru": 0.5, "es": 0.7, "zh": 0.9}, all=0.2, subtracted=0.1, not_subtracted=0.3)
    rows += region_rows(
        "random", 1, dict.fromkeys(("ru", "es", "zh"), 0.0), all=0.0, subtracted=0.0, not_subtracted=0.0
    )
    rows += region_rows(
        "random", 2, dict.fromkeys(("ru", "es", "zh"), 0.2), all=0.0, subtracted=0.0, not_subtracted=0.1
    )
    labels = {row["region"]: {"ratio": 0.03, "scope": "tensor"} for row in rows}
    found = {(row["effect"], row["compared"]): row for row in effects.of_regions(pd.DataFrame(rows), labels)}
    estimates = {key: row["estimate"] for key, row in found.items() if key[1] in ("", "all")}
    expected = {("own", ""): 0.7, ("others", "all"): 0.2, ("difference", "all"): 0.5, ("excess", "all"): 0.4}
    assert estimates == pytest.approx(expected | {("protection", ""): 0.15})
    half = 4.302653 * 0.2 / math.sqrt(3)
    excess = found["excess", "all"]
    assert (excess["low"], excess["high"]) == pytest.approx((0.4 - half, 0.4 + half))
    assert (excess["n"], excess["units"], excess["over"]) == (3, "regions", "ru es zh")
    assert (found["excess", "not_subtracted"]["estimate"], len(found)) == (pytest.approx(0.35), 2 + 3 * 3)


def test_without_a_control_there_is_no_excess():
    rows = region_rows("monolingual", 0, {"ru": 0.5, "es": 0.7}, all=0.2)
    labels = {row["region"]: {"ratio": 0.03, "scope": "tensor"} for row in rows}
    found = list(effects.of_regions(pd.DataFrame(rows), labels))
    assert [row["effect"] for row in found] == ["own", "others", "difference"]


@pytest.mark.parametrize(("regions", "languages"), [(3, 6), (6, 12)])
def test_ninety_five_percent_of_the_intervals_hold_the_excess(regions, languages):
    """Some languages are easily hurt, some regions hurt all, and each its own language most; the languages that a
    region is compared with are those of the other regions."""
    generator = np.random.default_rng(1)
    own = np.eye(regions, languages, dtype=bool)
    held = []
    for _ in range(1000):
        fragile = generator.normal(0, 0.3, languages)
        random, matrix = generator.normal(0, 0.1, (2, regions, languages)) + fragile
        matrix += generator.normal(0.6, 0.2, (regions, 1)) + own * generator.normal(0.5, 0.3, (regions, 1))
        on = [(each * own).sum(axis=1) for each in (matrix, random)]
        off = [(each * ~own).sum(axis=1) / (languages - 1) for each in (matrix, random)]
        interval = t_interval((on[0] - off[0]) - (on[1] - off[1]), "regions")
        held.append(interval.low <= 0.5 <= interval.high)
    assert 0.92 <= np.mean(held) <= 0.99


@pytest.mark.parametrize("counts", [(3, 3, 3, 3, 3, 3), (3, 20, 20, 60)])
def test_ninety_five_percent_of_the_intervals_hold_the_difference(counts):
    """Of the own language, which is the first, against the others'; documents of unlike effect."""
    generator = np.random.default_rng(sum(counts))
    owner, true = np.repeat(np.arange(len(counts)), counts), np.linspace(0.7, 0.1, len(counts))
    plain = {"language": owner, "document": np.arange(len(owner)), "tokens": 10}
    weights = {code: 1.0 if code == 0 else -1 / (len(counts) - 1) for code in range(len(counts))}
    held = []
    for _ in range(300):
        base = generator.normal(3, 0.5, len(owner))
        rises = true[owner] + generator.normal(0, 0.2, len(owner))
        items = pd.concat(
            [
                pd.DataFrame(plain | {"condition": "intact", "nll": 10 * base}),
                pd.DataFrame(plain | {"condition": "region", "nll": 10 * (base + rises)}),
            ]
        )
        interval = hierarchical(items, "region", "intact", weights=weights)
        held.append(interval.low <= true[0] - true[1:].mean() <= interval.high)
    assert 0.92 <= np.mean(held) <= 0.99
