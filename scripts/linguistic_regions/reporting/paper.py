"""The paper's tables in their printed layout, with a run's values next to the paper's.

Zhang et al., "Unveiling Linguistic Regions in Large Language Models", ACL 2024; `resources/paper` has its values as
printed. Every column is grouped under the name of its model. If a run tested several domains, its values are for the
first.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from linguistic_regions.reporting import formats
from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import first
from linguistic_regions.statistics.tables import in_order

RESOURCES = ROOT / "resources"
FILES = {
    "core_removal": "core_removal_3pct.csv",
    "retraining": "core_retrain_1pct.csv",
    "monolingual": "russian_region_removal.csv",
}
SOURCE = "Zhang et al., ACL 2024"
ABSENT = "–"
MARKS = re.compile(r"([\\`*_\[\]<>&~$#|])")  # of Markdown and HTML
PRINTED_ARMS = {"top_freeze": "Top & Freeze", "bottom_freeze": "Bottom & Freeze", "top_unfreeze": "Top & Unfreeze"}
ARM_NAMES = PRINTED_ARMS | {"random_freeze": "Random & Freeze"}


@dataclass(frozen=True)
class Grid:
    """A table to display: text cells, with columns grouped by model.

    Attributes:
        title: caption of the table.
        labels: headings of the label columns, which come first.
        groups: (model, its column headings), in order; none: all columns are labels.
        rows: label cells, then one cell per column.
        notes: notes below the table.
    """

    title: str
    labels: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def load(folder: str | Path = RESOURCES / "paper") -> dict[str, pd.DataFrame]:
    """Read the paper's tables; every cell is text, as printed."""
    return {name: pd.read_csv(checkout_file(Path(folder) / file), dtype=str) for name, file in FILES.items()}


def markdown(grids: Sequence[Grid]) -> str:
    """Render grids as Markdown, with models in the header and column headings in the first row."""
    return "\n".join(_markdown(grid) for grid in grids)


def core_removal(removal: pd.DataFrame, model: str, names: Mapping[str, str], printed: pd.DataFrame) -> list[Grid]:
    """Return experiment 1: perplexity per language after removal of the core, the bottom and a random region.

    Args:
        removal: the removal table.
        model: the name of the run's model.
        names: English names of languages by code.
        printed: the paper's table, from `load`.
    """
    removal = first(removal)
    setting = measures.paper_setting(removal)
    if setting is None:
        return []
    scope, ratio = setting
    nll = measures.core_effects(removal, scope, ratio, value="nll")
    ours = pd.concat([measures.base_nll(removal).rename("base"), nll], axis=1).reindex(
        columns=["base", "top", "bottom", "random"]
    )
    paper_models = [
        (f"{name} (paper)", table.set_index("language")[list(ours)])
        for name, table in printed.groupby("model", sort=False)
    ]
    paper_models.sort(key=lambda pair: "7B" not in pair[0])  # as printed: 7B before 13B
    headings = tuple(column.title() for column in ours)
    like_paper = ", as in the paper" if scope == measures.PAPER_SCOPE else ""
    notes = [
        f"{model}: {formats.percent(ratio)} of the selectable parameters set to zero, "
        f"{formats.scope(scope)}{like_paper}. Random is the geometric mean over its replicates.",
        f"LLaMA-2: 3 % of the parameters, values as printed ({SOURCE}). {ABSENT}: not reported.",
        "Perplexities of different models, tokenizers and texts are not comparable; compare columns of the same model.",
    ]
    if ratio != measures.PAPER_RATIO:
        notes.insert(1, f"This run did not use 3 %; {formats.percent(ratio)} is its nearest ratio.")
    tables = [table for _, table in paper_models]
    return [
        Grid(
            "Perplexity after removal of the core linguistic region",
            ("Language",),
            ((model, headings), *((name, headings) for name, _ in paper_models)),
            _beside(ours, tables, names),
            (*notes, *_left_out(ours, tables, names)),
        )
    ]


def retraining(retraining: pd.DataFrame, model: str, names: Mapping[str, str], printed: pd.DataFrame) -> list[Grid]:
    """Return retraining after a removal: a row per test language and milestone, a column per arm; run and paper."""
    title = "Perplexity during retraining after a removal"
    grids = []
    for (language, rate), table in first(retraining).groupby(["train_language", "learning_rate"], sort=False):
        arms = [arm for arm in ARM_NAMES if arm in set(table["arm"])]
        nll = table.groupby(["language", "samples", "arm"], sort=False)["nll"].mean().unstack("arm")
        order = [language, *in_order(set(table["language"]) - {language}, ())]
        rows = tuple(
            (
                names.get(test, test),
                formats.count(samples),
                *(formats.from_nll(value) for value in nll.loc[(test, samples), arms]),
            )
            for test in order
            for samples in sorted(table["samples"].unique())
            if (test, samples) in nll.index
        )
        groups = ((model, tuple(ARM_NAMES[arm] for arm in arms)),)
        labels = ("Test language", f"Training samples ({names.get(language, language)})")
        seeds = table["seed"].nunique()
        mean = f", geometric mean over {seeds} seeds" if seeds > 1 else ""
        notes = (f"{model}: learning rate {formats.rate(rate)}{mean}.",)
        grids.append(Grid(title, labels, groups, rows, notes))
    rows = tuple(
        (
            f"{row['test_set']} ({row['language']})",
            formats.count(int(row["train_samples_chinese"])),
            *(row[arm] for arm in PRINTED_ARMS),
        )
        for _, row in printed.iterrows()
    )
    groups = (("LLaMA-2 (paper)", tuple(PRINTED_ARMS.values())),)
    labels = ("Test set (language)", "Training samples (Chinese)")
    note = f"1 % of the parameters removed; values as printed ({SOURCE}). The milestones differ from this run's."
    return [*grids, Grid(title, labels, groups, rows, (note,))]


def monolingual(removal: pd.DataFrame, model: str, names: Mapping[str, str], printed: pd.DataFrame) -> list[Grid]:
    """Return experiment 2: a grid per language whose region was removed; Russian's includes the paper's values."""
    removal = first(removal)
    rows = measures.monolingual(removal)
    base = np.exp(measures.base_nll(removal))
    grids = []
    targets = list(rows["target"].unique())
    for target in sorted(targets, key=lambda code: code != "ru"):  # the paper's language first
        table = rows[rows["target"] == target]
        nll = table.groupby(["language", "samples", "kind"], sort=False)["nll"].mean().unstack(["samples", "kind"])
        kinds = {"monolingual": "Top", "bottom": "Bottom", "random": "Random"}
        columns = [
            (samples, kind)
            for samples in sorted(table["samples"].unique())
            for kind in kinds
            if (samples, kind) in nll.columns
        ]
        ours = pd.concat([np.log(base).rename("Base"), nll[columns]], axis=1)
        headings = ("Base", *(f"{kinds[kind]}, {formats.count(samples)}" for samples, kind in columns))
        name = names.get(target, target)
        ratio = formats.percent(table["ratio"].max())
        notes = [
            f"{model}: the region of {name}, selected from the top {ratio} of each tensor, set to zero; the number in "
            "the heading is the number of samples for importance. Random has the region's size in each tensor and is "
            "the geometric mean over its replicates."
        ]
        groups = [(model, headings)]
        paper_tables = []
        if target == "ru":
            columns = list(printed.columns.drop("language"))
            paper_tables = [printed.set_index("language")]
            groups.append(("LLaMA-2-7B (paper)", tuple(_printed_heading(column) for column in columns)))
            notes.append(
                f"LLaMA-2-7B: values as printed ({SOURCE}); the model is inferred from the base column (Chinese is "
                "printed as 8.562 here and as 8.652 in the table of the core)."
            )
        grids.append(
            Grid(
                f"Perplexity after removal of the monolingual region of {name}",
                ("Language",),
                tuple(groups),
                _beside(ours, paper_tables, names),
                (*notes, *_left_out(ours, paper_tables, names)),
            )
        )
    return grids


def _beside(
    ours: pd.DataFrame, printed: Sequence[pd.DataFrame], names: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a grid: the paper's languages first; the run's cells (nll), then the paper's (text)."""
    ours = ours.rename(index=lambda code: names.get(code, code))
    order = list(printed[0].index) if printed else []
    languages = [language for language in order if language in ours.index]
    languages += [language for language in ours.index if language not in order]
    rows = []
    for language in languages:
        cells = [formats.from_nll(value) for value in ours.loc[language]]
        for table in printed:
            cells += list(table.loc[language]) if language in table.index else [ABSENT] * table.shape[1]
        rows.append((language, *cells))
    return tuple(rows)


def _left_out(ours: pd.DataFrame, printed: Sequence[pd.DataFrame], names: Mapping[str, str]) -> list[str]:
    """Return a note on the paper's languages that this run did not measure, if any."""
    run = {names.get(code, code) for code in ours.index}
    missing = [language for language in (printed[0].index if printed else []) if language not in run]
    if not missing:
        return []
    return [f"Omitted: {len(missing)} of the paper's {len(printed[0])} languages, which this run did not measure."]


def _printed_heading(column: str) -> str:
    """Return a column name of the paper's file as a heading: "Top, 10K" for `top_10k`."""
    return column.title().replace("_", ", ")


def _markdown(grid: Grid) -> str:
    models = [cell for model, headings in grid.groups for cell in (model, *[""] * (len(headings) - 1))]
    headings = [f"**{heading}**" for _, group in grid.groups for heading in group]
    first = [*[""] * len(grid.labels), *map(_literal, models)]
    second = [*(f"**{label}**" for label in grid.labels), *headings]
    alignment = [*[":--"] * len(grid.labels), *["--:"] * len(models)]
    head = [first, alignment, second] if models else [second, alignment]
    lines = [*head, *(map(_literal, row) for row in grid.rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = "".join(f"\n{note}\n" for note in grid.notes)
    return f"## {_literal(grid.title)}\n\n{table}\n{notes}"


def _literal(text: str) -> str:
    """Escape what has a meaning in Markdown or HTML, or ends a cell."""
    return MARKS.sub(r"\\\1", text)
