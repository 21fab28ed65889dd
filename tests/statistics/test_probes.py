"""Accuracy, margin and bias of minimal pairs: by hand, in each cell, and paired between conditions."""

import math

import numpy as np
import pandas as pd
import pytest

import synthetic_probes as synthetic
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.statistics import evidence, probes, tables


@pytest.fixture(scope="module")
def made() -> dict[str, pd.DataFrame]:
    """The tables of the synthetic probes."""
    return probes.tables(*synthetic.probes())


def intact(**options) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """The synthetic evidence of the intact model."""
    *items, labels = synthetic.probes(**options)
    direct, prompted = (part[part["condition"] == "intact"] for part in items)
    return direct, prompted, {"intact": labels["intact"]}


def asked(margins, first="good first", template="plain", filler="none", count=0, condition="intact"):
    """Evidence of a forced choice: the margin of each pair in each order of the options."""
    rows = [
        {"condition": condition, "language": "en", "domain": "templates", "item": f"item-{number}", "margin": margin}
        | {"document": f"template-{number % 4}", "phenomenon": "agreement", "wording": "choice_simple"}
        | {"asked_in": "en", "template": template, "filler": filler, "fillers": count, "shown": "both"}
        | {"order": order, "first": (margin > 0) == (order == first), "prompt": "" if number else f"Which?\n{order}"}
        for number, both in enumerate(margins)
        for order, margin in zip(("good first", "bad first"), both, strict=True)
    ]
    return pd.DataFrame(rows)


def rows(prompted, order="both", **others) -> pd.DataFrame:
    table = probes.tables(pd.DataFrame(), prompted, {"intact": synthetic.probe_labels()["intact"]})["probes"]
    wanted = {"order": order, "phenomenon": "all", "prompt": "choice_simple"} | others
    return table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]


def test_a_model_that_always_names_the_first_option_is_at_chance():
    """Until its bias is taken off: it leans towards the right one."""
    prompted = asked([(3.2, -2.8), (3.1, -2.9), (3.3, -2.7), (2.9, -3.1)] * 5)
    (both,) = rows(prompted).to_dict("records")
    assert (both["accuracy"], both["bias"], both["chance"], both["n"], both["templates"]) == (0.5, 1.0, 1, 20, 4)
    assert both["margin"] == pytest.approx(0.125)
    assert both["accuracy_corrected"] == 0.75
    (good,), (bad,) = (rows(prompted, order).to_dict("records") for order in ("good first", "bad first"))
    assert (good["accuracy"], bad["accuracy"]) == (1.0, 0.0)
    assert (good["chance"], bad["chance"]) == (0, 0)


def test_no_preference_is_half_right():
    items = pd.Series([2.0, 0.0, -1.0, math.nan])
    assert probes.right(items).tolist() == [1.0, 0.5, 0.0, 0.5]


def test_yes_and_no_in_both_orders_are_one_item():
    """Four answers to a pair: the good sentence is called good in both orders, the bad one bad in one."""
    good, bad = asked([(1.0, 1.0)] * 8).assign(shown="good"), asked([(1.0, -1.0)] * 8).assign(shown="bad")
    both = pd.concat([good, bad]).replace({"order": {"good first": "yes first", "bad first": "no first"}})
    (row,) = rows(both).to_dict("records")
    assert (row["accuracy"], row["n"], row["margin"]) == (0.75, 8, 0.5)
    (yes,) = rows(both, "yes first").to_dict("records")
    assert (yes["accuracy"], yes["n"]) == (1.0, 8)


def test_fillers_are_cells_of_their_own_and_do_not_count_among_all_wordings():
    plain, filled = asked([(1.0, 1.0)] * 4), asked([(-1.0, -1.0)] * 4, filler="dots", count=8)
    prompted = pd.concat([plain, plain.assign(wording="choice_complex", margin=-1.0), filled])
    assert rows(prompted).set_index("filler")["accuracy"].to_dict() == {"none": 1.0, "dots-8": 0.0}
    (row,) = rows(prompted, prompt="all").to_dict("records")
    assert (row["accuracy"], row["filler"], row["asked_in"], row["n"]) == (0.5, "none", "all", 4)


def test_a_row_per_condition_method_cell_and_phenomenon(made):
    table = made["probes"]
    assert list(table) == list(tables.COLUMNS["probes"])
    assert not table.duplicated(tables.KEYS["probes"]).any()
    intact = table[(table["kind"] == "base") & (table["language"] == "ru") & (table["phenomenon"] == "all")]
    direct = intact.set_index("method").loc["direct"]
    assert (direct["accuracy"], direct["n"], direct["templates"], direct["chance"]) == (pytest.approx(0.8), 80, 10, 0)
    assert direct["low"] < 0.8 < direct["high"] and direct["margin_low"] < direct["margin"] < direct["margin_high"]
    assert direct[["prompt", "asked_in", "template", "order", "filler"]].eq("").all() and np.isnan(direct["bias"])
    prompts = intact[(intact["method"] == "prompted") & (intact["order"] == "both")]
    assert set(prompts["filler"]) == {"none", "dots-8", "dots-32", "instruction-32"}
    assert set(prompts["template"]) == {"plain", "chat"}
    assert prompts["accuracy"].to_numpy() == pytest.approx(0.7)
    by_phenomenon = table[(table["method"] == "direct") & (table["phenomenon"] != "all")]
    assert set(by_phenomenon["phenomenon"]) == {"agreement", "reflexives"} and set(by_phenomenon["n"]) == {40}


def test_direct_and_prompted_margins_are_correlated_item_by_item():
    direct, prompted, labels = intact(performance=0.8)
    margins = direct.set_index(["condition", "language", "item"])["margin"]
    same = margins.reindex(pd.MultiIndex.from_frame(prompted[["condition", "language", "item"]])).to_numpy()
    table = probes.tables(direct, prompted.assign(margin=same), labels)["probes"]
    assert table.loc[table["method"] == "prompted", "correlation"].to_numpy() == pytest.approx(1.0)
    assert table.loc[table["method"] == "direct", "correlation"].isna().all()


def test_differences_are_paired_by_item(made):
    table = made["probe_differences"]
    assert not table.duplicated(tables.KEYS["probe_differences"]).any()
    russian = table[(table["language"] == "ru") & (table["region"] == "mono-ru-256")].set_index("difference")
    assert russian["accuracy"].to_dict() == pytest.approx(
        {"direct": -0.25, "prompted": -0.25, "gap": 0.1, "gap_change": 0.0}
    )
    assert russian.at["direct", "margin"] == pytest.approx(-2.0) and np.isnan(russian.at["gap", "margin"])
    assert (russian["low"] < russian["accuracy"]).all() and (russian["accuracy"] < russian["high"]).all()
    intact = table[(table["kind"] == "base") & (table["language"] == "ru")]
    assert intact["difference"].tolist() == ["gap"]
    assert set(table.loc[table["kind"] == "random", "difference"]) == {"direct"}  # prompts were not asked there


def test_prompts_through_the_chat_template_are_compared_where_there_is_one():
    direct, prompted, labels = intact()
    wrong = prompted["template"] == "chat"
    prompted.loc[wrong, "margin"] = -1.0
    for table, gap in ((prompted, 0.8), (prompted[~wrong], 0.1)):
        found = probes.tables(direct, table, labels)["probe_differences"]
        row = found[(found["kind"] == "base") & (found["language"] == "en")]
        assert row["accuracy"].item() == pytest.approx(gap)


def test_the_prompts_are_kept_once_with_all_characters_visible():
    prompted = asked([(1.0, 1.0)] * 4)
    lesioned = prompted.assign(condition="top-0.03", prompt="")
    table = probes.examples(probes.answered(pd.concat([prompted, lesioned])))
    assert table["text"].tolist() == ["Which?⏎good first", "Which?⏎bad first"]
    assert table["order"].tolist() == ["good first", "bad first"]


def test_without_prompts_there_are_direct_rows_only():
    direct, _, labels = synthetic.probes()
    made = probes.tables(direct, pd.DataFrame(), labels)
    assert set(made["probes"]["method"]) == {"direct", "direct_per_token"}
    assert set(made["probe_differences"]["difference"]) == {"direct"}
    assert made["probe_prompts"].empty


def test_tables_are_read_as_they_were_written(made, tmp_path):
    for name, table in made.items():
        ordered = tables.ordered(table, name, synthetic.LANGUAGES)
        tables.write(ordered, tmp_path / f"{name}.csv")
        pd.testing.assert_frame_equal(tables.read(tmp_path / f"{name}.csv", name), ordered, rtol=1e-7)
    assert list(made) == [name for name in tables.COLUMNS if name.startswith("probe")]


def test_evidence_of_files_that_have_no_rows_of_a_condition(tmp_path):
    direct, prompted, labels = intact(pairs=20)
    paths = {}
    for name, items in (("direct", direct), ("prompted", prompted)):
        full, empty = Evidence(), Evidence()
        for condition, part in items.groupby("condition", sort=False):
            full.add(condition, "", labels[condition], part.drop(columns="condition").to_dict("list"))
        paths[name] = [tmp_path / f"{name}-empty.parquet", tmp_path / f"{name}.parquet"]
        empty.save(paths[name][0])
        full.save(paths[name][1])
    (scored, found), (answers, _) = (evidence.read(paths[name]) for name in paths)
    expected = probes.tables(direct, prompted, labels)
    for name, table in probes.tables(scored, answers, found).items():
        pd.testing.assert_frame_equal(table, expected[name])
