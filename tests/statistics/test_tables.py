"""Evidence becomes tables, and tables the paper's."""

import math
import runpy
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import synthetic_results as synthetic
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.importance import estimators
from linguistic_regions.planning import arms, consistency
from linguistic_regions.reporting import formats, paper
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.statistics import measures, tables
from mistakes import cut

SCRIPTS = Path(__file__).parents[2] / "scripts"


def cells(grid: paper.Grid, model: str, row: tuple[str, ...]) -> dict[str, str]:
    """The cells of one row under one model, by column heading."""
    (line,) = [line for line in grid.rows if line[: len(row)] == row]
    place = len(grid.labels)
    for name, headings in grid.groups:
        if name == model:
            return dict(zip(headings, line[place : place + len(headings)], strict=True))
        place += len(headings)
    raise KeyError(model)


BASE = {
    "region": "base",
    "kind": "base",
    "ratio": 0.0,
    "samples": 0,
    "replicate": 0,
    "scope": "",
    "target": "",
    "factor": 1.0,
    "estimator": "",
    "subtracted": "",
    "weights": 0,
    "noise": 0.0,
}
TOP = {"region": "top-0.1", "kind": "top", "ratio": 0.1, "samples": 8, "replicate": 0, "scope": "tensor"}
TOP |= {"target": tables.CORE, "factor": 0.0, "estimator": "taylor", "subtracted": "", "weights": 100, "noise": 0.0}
REMOVAL = {"intact": (BASE, 0.0), "top-0.1": (TOP, 1.0)}


def arm(name, samples):
    return {"arm": name, "learning_rate": 1e-3, "train_language": "zh", "seed": 0, "samples": samples}


def test_the_arms_of_the_tables_are_those_of_the_plan():
    assert list(tables.ARMS) == list(arms.ARMS)


def test_the_estimators_of_the_tables_are_those_that_there_are():
    assert tables.ESTIMATORS == consistency.ESTIMATORS == estimators.ESTIMATORS


def test_a_row_per_condition_and_language(tmp_path):
    path = synthetic.evidence(tmp_path / "x.parquet", REMOVAL)
    table = tables.from_evidence([path], "removal").set_index(["region", "language"])
    assert len(table) == 2 * len(synthetic.LANGUAGES)
    for code in synthetic.LANGUAGES:
        intact, top = table.loc["base", code], table.loc["top-0.1", code]
        assert (intact["nll"], top["nll"]) == pytest.approx((synthetic.BASE[code], synthetic.BASE[code] + 1))
        assert top["ppl"] == pytest.approx(math.exp(top["nll"]))
        assert top["ppl_low"] < top["ppl"] < top["ppl_high"]
        assert (top["tokens"], top["window"], top["bos"]) == (70, "8", "True")
        assert (top["kind"], top["ratio"], top["target"]) == ("top", 0.1, "core")


def test_a_removal_is_compared_with_the_intact_model_document_by_document(tmp_path):
    """The loss of each document is higher by 1: the ratio is e beyond doubt, though documents differ."""
    path = synthetic.evidence(tmp_path / "x.parquet", REMOVAL)
    table = tables.from_evidence([path], "removal").set_index("region")
    ratios = table[["ppl_ratio", "ppl_ratio_low", "ppl_ratio_high"]]
    assert (ratios.loc["base"] == 1).all(axis=None)
    assert ratios.loc["top-0.1"].to_numpy() == pytest.approx(math.e)


def test_a_training_has_a_row_per_milestone(tmp_path):
    trained = {
        f"{name}@{samples}": (arm(name, samples), samples / 100) for name in arms.FREEZING for samples in (0, 50)
    }
    table = tables.from_evidence([synthetic.evidence(tmp_path / "x.parquet", trained)], "freezing")
    assert list(table) == list(tables.COLUMNS["freezing"])
    ordered = tables.ordered(table.sample(frac=1, random_state=0), "freezing", ["zh"])
    assert list(ordered["arm"].unique()) == list(arms.FREEZING)
    assert list(ordered["samples"].unique()) == [0, 50]
    assert ordered["language"].iloc[0] == "zh"


def test_a_table_does_not_depend_on_how_conditions_were_dealt_to_files(tmp_path):
    together = [synthetic.evidence(tmp_path / "x.parquet", REMOVAL)]
    apart = [synthetic.evidence(tmp_path / f"{name}.parquet", {name: REMOVAL[name]}) for name in REMOVAL]
    written = []
    for number, paths in enumerate((together, apart, apart[::-1])):
        made = tables.ordered(tables.from_evidence(paths, "removal"), "removal", synthetic.LANGUAGES)
        tables.write(made, tmp_path / f"{number}.csv")
        written.append((tmp_path / f"{number}.csv").read_bytes())
    assert written[0] == written[1] == written[2]
    assert written[0].decode().splitlines()[0].split(",") == list(tables.COLUMNS["removal"])


@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink(), lambda path: path.write_text("x")])
def test_evidence_that_is_damaged_is_named(damage, tmp_path):
    path = synthetic.evidence(tmp_path / "x.parquet", REMOVAL)
    damage(path)
    with pytest.raises(UserError, match="x.parquet"):
        tables.from_evidence([path], "removal")


def test_languages_stand_in_the_given_order_and_others_after():
    ordered = tables.ordered(synthetic.removal(), "removal", ["zh", "en"], ["manuals"])
    base = ordered.query("kind == 'base' and domain == 'manuals'")
    assert list(base["language"]) == ["zh", "en", "ru", "uk"]


def test_pieces_are_joined_and_what_two_of_them_hold_counts_once(tmp_path):
    whole = synthetic.stability()
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, piece in zip(paths, (whole.iloc[:8], whole.iloc[5:]), strict=True):
        tables.write(piece, path)
    joined = tables.ordered(tables.joined(paths[::-1], "stability"), "stability")
    pd.testing.assert_frame_equal(joined, tables.ordered(whole, "stability"))


def test_pieces_that_contradict_each_other_are_refused(tmp_path):
    table = synthetic.stability()
    table.to_csv(tmp_path / "a.csv", index=False)
    table.assign(jaccard=table["jaccard"] / 2).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(UserError, match="language ru, samples 16"):
        tables.joined([tmp_path / "a.csv", tmp_path / "b.csv"], "stability")


def test_a_missing_column_is_named(tmp_path):
    synthetic.further().drop(columns="nll").to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(UserError, match="nll"):
        tables.read(tmp_path / "a.csv", "further")


def test_norwegian_is_a_language_and_no_missing_value(tmp_path):
    synthetic.further().assign(language="no").to_csv(tmp_path / "a.csv", index=False)
    assert set(tables.read(tmp_path / "a.csv", "further")["language"]) == {"no"}


def test_core_table_has_our_figures_and_the_papers_each_under_its_model():
    (grid,) = paper.core_removal(synthetic.removal(), synthetic.MODEL, synthetic.NAMES, paper.load()["core_removal"])
    ours = cells(grid, synthetic.MODEL, ("Chinese",))
    assert ours["Base"] == formats.perplexity(math.exp(4.0))
    assert ours["Top"] == formats.perplexity(math.exp(4.0 + 1.1))
    assert cells(grid, "LLaMA-2-7B (paper)", ("Chinese",)) == {
        "Base": "8.652",
        "Top": "295355.5",
        "Bottom": "8.565",
        "Random": "9.837",
    }
    assert cells(grid, "LLaMA-2-13B (paper)", ("Ukrainian",))["Base"] == "8.295"
    assert set(cells(grid, "LLaMA-2-7B (paper)", ("English",)).values()) == {"–"}


def test_languages_of_the_paper_that_were_not_run_are_left_out_and_counted():
    printed = paper.load()
    core, *_ = paper.core_removal(synthetic.removal(), synthetic.MODEL, synthetic.NAMES, printed["core_removal"])
    russian, *others = paper.monolingual(synthetic.removal(), synthetic.MODEL, synthetic.NAMES, printed["monolingual"])
    for grid in (core, russian):
        assert [row[0] for row in grid.rows] == ["Chinese", "Russian", "Ukrainian", "English"]
        assert "Omitted: 8 of the paper's 11 languages, which this run did not measure." in grid.notes
    assert not any("Left out" in note for grid in others for note in grid.notes)


def test_random_is_the_geometric_mean_of_its_replicates():
    (grid,) = paper.core_removal(
        synthetic.removal(random=0.05), synthetic.MODEL, synthetic.NAMES, paper.load()["core_removal"]
    )
    # Replicates lie 0.02 below and above in log perplexity; an arithmetic mean would be larger.
    assert cells(grid, synthetic.MODEL, ("Russian",))["Random"] == formats.perplexity(math.exp(3.2 + 0.05))
    assert any("geometric mean" in note for note in grid.notes)


def test_without_three_percent_the_nearest_ratio_stands_in_and_the_table_says_so():
    removal = synthetic.removal().query("ratio != 0.03")
    (grid,) = paper.core_removal(removal, synthetic.MODEL, synthetic.NAMES, paper.load()["core_removal"])
    assert any("1 % is its nearest ratio" in note for note in grid.notes)


def test_retraining_keeps_our_milestones_and_the_papers_in_blocks_of_their_own():
    ours, theirs = paper.retraining(
        synthetic.retraining(), synthetic.MODEL, synthetic.NAMES, paper.load()["retraining"]
    )
    assert [row[:2] for row in ours.rows] == [
        (language, samples) for language in ("Chinese", "English") for samples in ("0", "100", "200")
    ]
    assert cells(ours, synthetic.MODEL, ("Chinese", "100"))["Top & Freeze"] == formats.perplexity(math.exp(3.9))
    assert cells(theirs, "LLaMA-2 (paper)", ("Wechat (Chinese)", "2,000")) == {
        "Top & Freeze": "674.076",
        "Bottom & Freeze": "6.052",
        "Top & Unfreeze": "6.05",
    }
    assert len(theirs.rows) == 14


def test_only_russians_region_has_the_papers_figures_beside():
    russian, *others = paper.monolingual(
        synthetic.removal(), synthetic.MODEL, synthetic.NAMES, paper.load()["monolingual"]
    )
    ours = cells(russian, synthetic.MODEL, ("Russian",))
    assert list(ours) == ["Base", "Top, 64", "Bottom, 64", "Random, 64", "Top, 256", "Bottom, 256", "Random, 256"]
    assert ours["Top, 256"] == formats.perplexity(math.exp(3.2 + 0.6))
    assert cells(russian, "LLaMA-2-7B (paper)", ("Ukrainian",))["Top, 100k".title()] == "22.622"
    assert [grid.title.split()[-1] for grid in others] == ["Ukrainian", "Chinese"]
    assert all(len(grid.groups) == 1 for grid in others)


def test_markdown_is_a_table_with_models_above_columns():
    (grid,) = paper.core_removal(synthetic.removal(), synthetic.MODEL, synthetic.NAMES, paper.load()["core_removal"])
    lines = [line for line in paper.markdown([grid]).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert synthetic.MODEL in lines[0]
    assert lines[0].index(synthetic.MODEL) < lines[0].index("LLaMA-2-7B") < lines[0].index("LLaMA-2-13B")
    assert "**Top**" in lines[2]


def test_forgetting_is_end_minus_start_by_arm():
    changes = measures.untrained(measures.forgetting(synthetic.freezing(core=0.8)))
    assert len(changes) == 6  # three languages, two learning rates
    assert changes.loc[("zh", "ru", 1e-3, 0), "full"] == pytest.approx(0.4)
    assert changes.loc[("zh", "ru", 1e-3, 0), "core_frozen"] == pytest.approx(0.32)


def test_program_writes_what_it_has_evidence_of_and_nothing_else(tmp_path):
    trained = {f"full@{samples}": (arm("full", samples), -samples / 100) for samples in (0, 50)}
    evidence = {
        "removal": synthetic.evidence(tmp_path / "removal.parquet", REMOVAL),
        "further": synthetic.evidence(tmp_path / "further.parquet", trained),
        "stability": tmp_path / "stability.csv",
    }
    tables.write(synthetic.stability(), evidence["stability"])
    output = tmp_path / "tables"
    output.mkdir()
    for old in ("freezing.csv", "paper_retraining.md"):  # of an earlier config
        (output / old).touch()
    run_tables(output, **evidence)
    assert {path.name for path in output.iterdir()} == {
        *("removal.csv", "further.csv", "stability.csv", "effects.csv"),
        "paper_core_removal.md",
    }
    found = tables.read_folder(output)
    assert set(found) == {"removal", "further", "stability", "effects"}
    assert found["removal"].query("language == 'zh' and kind == 'top'")["nll"].item() == pytest.approx(5.0)
    assert synthetic.MODEL in (output / "paper_core_removal.md").read_text(encoding="utf-8")


def test_program_without_evidence_keeps_the_tables_that_are_there(tmp_path):
    (tmp_path / "removal.csv").touch()
    with pytest.raises(UserError, match="no evidence is given"):
        run_tables(tmp_path)
    assert (tmp_path / "removal.csv").exists()


def test_removals_need_the_intact_model(tmp_path):
    without = {name: rows for name, rows in REMOVAL.items() if name != "intact"}
    path = synthetic.evidence(tmp_path / "core.parquet", without)
    with pytest.raises(UserError, match="there is evidence of .*, but none of the intact model: add its file, intact"):
        run_tables(tmp_path / "tables", removal=path)


def test_evidence_of_another_kind_is_named(tmp_path):
    path = synthetic.evidence(tmp_path / "core.parquet", REMOVAL)
    with pytest.raises(UserError, match="core.parquet: not evidence of this evaluation: it has no column margin"):
        run_tables(tmp_path / "tables", direct=path)
    for name, lacking in {"prompted": "filler", "generations": "prompt", "lm_eval": "group", "freezing": "arm"}.items():
        with pytest.raises(UserError, match=rf"core.parquet: not evidence of .*: it has no .*\b{lacking}"):
            run_tables(tmp_path / "tables", **{name: path})
    Evidence().save(path)  # of an evaluation that measured nothing here
    run_tables(tmp_path / "tables", direct=path)
    pq.write_table(pa.table({"item": ["a"]}), path)
    with pytest.raises(UserError, match="core.parquet: not evidence of this evaluation: it names no conditions"):
        run_tables(tmp_path / "tables", removal=path)


def run_tables(output: Path, **evidence: Path) -> None:
    """Call the program's function as the command line would."""
    main = runpy.run_path(str(SCRIPTS / "tables.py"))["main"]
    options = {name: (path,) for name, path in evidence.items()}
    main(output=output, model_name=synthetic.MODEL, languages=tuple(synthetic.LANGUAGES), **options)


def test_an_interval_that_only_one_run_has_is_a_difference():
    table = synthetic.selectivity()
    lacking = table.assign(low=table["low"].mask(table.index == 0))
    assert tables.table_difference("selectivity", lacking, lacking) is None
    told = tables.table_difference("selectivity", table, lacking)
    assert told == f"rows that differ: 1 of {len(table)}, in low, absent from one run"


def test_another_text_is_a_difference():
    table = synthetic.generations("Москва")
    told = tables.table_difference("generations", table, synthetic.generations("Минск"))
    intact = int((table["continuation"] == "Москва").sum())
    assert told == f"rows that differ: {intact} of {len(table)}, in continuation"
    others = synthetic.generations("Минск").assign(nll=table["nll"] * 2)
    told = tables.table_difference("generations", table, others)
    assert told == f"rows that differ: {len(table)} of {len(table)}, by at most 0.5 (relative) in nll, in continuation"


def test_a_number_that_is_not_there_is_read_as_it_was_written(tmp_path):
    table = synthetic.selectivity().assign(low=math.nan)
    tables.write(table, tmp_path / "selectivity.csv")
    assert tables.read(tmp_path / "selectivity.csv", "selectivity")["low"].isna().all()
