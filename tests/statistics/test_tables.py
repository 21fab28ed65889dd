"""Pieces become tables, and tables the paper's."""

import math
import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import synthetic_results as synthetic
from linguistic_regions.claims import formats
from linguistic_regions.reporting import paper
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.statistics import measures, tables

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


def pieces(table: pd.DataFrame, folder: Path, parts: int) -> list[Path]:
    """Scatter a table over pieces, each with the base rows too, as two jobs of the workflow might write them."""
    paths = []
    for part in range(parts):
        own = table.iloc[part::parts]
        path = folder / f"{part}.csv"
        pd.concat([own, table[table["region"] == "base"]]).drop_duplicates().to_csv(path, index=False)
        paths.append(path)
    return paths


def test_gathering_does_not_depend_on_how_the_rows_were_scattered(tmp_path):
    table = synthetic.removal()
    written = []
    for parts in (1, 3):
        folder = tmp_path / str(parts)
        folder.mkdir()
        gathered = tables.gather(pieces(table, folder, parts)[::-1], "removal", synthetic.LANGUAGES)
        tables.write(gathered, folder / "removal.csv")
        written.append((folder / "removal.csv").read_bytes())
    assert written[0] == written[1]
    assert len(pd.read_csv(folder / "removal.csv")) == len(table)
    assert written[0].decode().splitlines()[0].split(",") == list(tables.COLUMNS["removal"])


def test_languages_stand_in_the_given_order_and_others_after(tmp_path):
    path = tmp_path / "removal.csv"
    synthetic.removal().to_csv(path, index=False)
    base = tables.gather([path], "removal", ["zh", "en"], ["manuals"]).query("kind == 'base' and domain == 'manuals'")
    assert list(base["language"]) == ["zh", "en", "ru", "uk"]


def test_pieces_that_contradict_each_other_are_refused(tmp_path):
    table = synthetic.further()
    table.to_csv(tmp_path / "a.csv", index=False)
    table.assign(nll=table["nll"] + 1).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(UserError, match="language zh, samples 0"):
        tables.gather([tmp_path / "a.csv", tmp_path / "b.csv"], "further")


def test_a_missing_column_is_named(tmp_path):
    synthetic.further().drop(columns="nll").to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(UserError, match="nll"):
        tables.gather([tmp_path / "a.csv"], "further")


def test_norwegian_is_a_language_and_no_missing_value(tmp_path):
    synthetic.further().assign(language="no").to_csv(tmp_path / "a.csv", index=False)
    assert set(tables.gather([tmp_path / "a.csv"], "further")["language"]) == {"no"}


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
        assert "Left out: 8 of the paper's 11 languages, which this run did not measure." in grid.notes
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
    assert any("1 % is the nearest" in note for note in grid.notes)


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


def test_interval_contains_the_mean_and_narrows_with_agreement():
    apart, alike = measures.estimate([0.0, 1.0, 2.0, 3.0]), measures.estimate([1.4, 1.5, 1.6, 1.5])
    assert apart.low < apart.mean == alike.mean < apart.high
    assert alike.high - alike.low < apart.high - apart.low
    assert measures.estimate([0.0, 1.0, 2.0, 3.0]) == apart


def test_forgetting_is_end_minus_start_by_arm():
    changes = measures.untrained(measures.forgetting(synthetic.freezing(core=0.8)))
    assert len(changes) == 6  # three languages, two learning rates
    assert changes.loc[("zh", "ru", 1e-3, 0), "full"] == pytest.approx(0.4)
    assert changes.loc[("zh", "ru", 1e-3, 0), "core_frozen"] == pytest.approx(0.32)


def test_program_writes_what_it_is_given_and_nothing_else(tmp_path):
    synthetic.write({"removal": synthetic.removal(), "further": synthetic.further()}, tmp_path / "pieces")
    output = tmp_path / "tables"
    run_tables(output, "--removal", tmp_path / "pieces/removal.csv", "--further", tmp_path / "pieces/further.csv")
    assert {path.name for path in output.iterdir()} == {
        *("removal.csv", "further.csv"),
        *("paper_core_removal.md", "paper_monolingual.md"),
    }
    assert set(tables.read_folder(output)) == {"removal", "further"}


def test_program_without_pieces_writes_nothing(tmp_path):
    output = tmp_path / "tables"
    run_tables(output)
    assert not output.exists()


def test_program_shows_its_arguments():
    done = subprocess.run([sys.executable, SCRIPTS / "tables.py", "--help"], capture_output=True, text=True, check=True)
    assert "pieces of the removal table" in " ".join(done.stdout.replace("│", " ").split())


def run_tables(output: Path, *arguments) -> None:
    """Call the program's function as the command line would."""
    main = runpy.run_path(str(SCRIPTS / "tables.py"))["main"]
    options = {name[2:]: (path,) for name, path in zip(arguments[::2], arguments[1::2], strict=True)}
    main(output=output, model_name=synthetic.MODEL, languages=tuple(synthetic.LANGUAGES), **options)
