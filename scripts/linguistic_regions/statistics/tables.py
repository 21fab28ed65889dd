"""The result tables: their order, and their computation from evidence; `columns` has their columns.

Rows and columns have a fixed order, so that the same evidence always gives the same bytes.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, unreadable
from linguistic_regions.statistics import evidence, lm_eval
from linguistic_regions.statistics.columns import COLUMNS, KEYS
from linguistic_regions.statistics.generations import continuations

INTACT = "intact"  # the condition that removals are compared with
CORE = "core"  # the target in experiment 1; in experiment 2 it is a language code

ARMS = (  # of the training experiments, in display order
    "top_freeze",
    "bottom_freeze",
    "top_unfreeze",
    "random_freeze",
    "full",
    "core_frozen",
    "random_frozen",
    "region_only",
)
ESTIMATORS = ("taylor", "taylor_abs", "fisher", "magnitude")  # in display order
KINDS = (
    *("base", "top", "bottom", "random", "magnitude", "random_magnitude", "random_dimensions"),
    *("without_outliers", "only_outliers", "outliers", "monolingual", "contrast", "contrast_bottom"),
    *("contrast_random", "curve", "curve_without_outliers", "other"),
)


def read(path: str | Path, name: str) -> pd.DataFrame:
    """Read a table, or a part of one, with the types of `COLUMNS[name]`; other columns are read as text.

    Raises:
        UserError: if a column is missing, or a numeric column has a value that is not a number.
    """
    # Empty cells are empty strings: "no" and "NA" are names. A number that is not there, as an end of an interval that
    # rests on too little, is written as nan.
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # missing, empty, not UTF-8, not a table
        raise unreadable(path, f"{name} table", error) from None
    missing = [column for column in COLUMNS[name] if column not in table]
    if missing:
        raise UserError(f"{path}: not a {name} table: no column {', '.join(missing)}")
    try:
        return table.astype(COLUMNS[name])
    except ValueError as error:
        raise unreadable(path, f"{name} table", f"{error}; numeric columns must contain numbers") from None


def read_folder(folder: str | Path) -> dict[str, pd.DataFrame]:
    """Read the tables of a run, by name; experiments that were not run are absent.

    Raises:
        UserError: a table is damaged, or the folder has other files alone.
    """
    paths = {name: Path(folder) / f"{name}.csv" for name in COLUMNS}
    tables = {name: read(path, name) for name, path in paths.items() if path.exists()}
    if not tables and any(Path(folder).glob("*")):
        raise UserError(f"{folder}: none of its files is a table of a run: name a run's folder tables")
    return {name: table for name, table in tables.items() if len(table)}


def from_evidence(paths: Sequence[str | Path], name: str) -> pd.DataFrame:
    """Compute table `name` from evidence: a row per condition and text, per item of `generations`, or per task of
    `lm_eval`.

    Raises:
        UserError: if a file is missing, damaged, or not evidence of this table.
    """
    items, labels = evidence.read(paths, {"generations": "prompt", "lm_eval": "group"}.get(name, "window"))
    if name == "generations":
        rows = continuations(items, labels)
    elif name == "lm_eval":
        rows = lm_eval.results(items, labels)
    else:
        rows = evidence.summarize(items, labels, INTACT if name == "removal" else None)
    if lacking := [column for column in COLUMNS[name] if len(rows) and column not in rows]:
        raise UserError(f"{paths[0]}: not evidence of {name}: it has no {', '.join(lacking)}: check the path")
    return rows[list(COLUMNS[name])].astype(COLUMNS[name])


def joined(paths: Sequence[str | Path], name: str) -> pd.DataFrame:
    """Concatenate the parts of table `name`.

    Raises:
        UserError: if a part lacks a column, or two parts disagree about a measurement.
    """
    table = pd.concat([read(path, name) for path in paths], ignore_index=True).drop_duplicates()
    conflicts = table[table.duplicated(KEYS[name])]
    if len(conflicts):
        which = ", ".join(f"{key} {conflicts.iloc[0][key]}" for key in KEYS[name])
        raise UserError(f"{name} table: two parts have different values for the same row ({which}); rerun that step")
    return table


def ordered(
    table: pd.DataFrame,
    name: str,
    languages: Sequence[str] = (),
    domains: Sequence[str] = (),
) -> pd.DataFrame:
    """Return table `name` sorted by `KEYS[name]`, with languages and domains in the given order."""
    orders = {
        "domain": domains,
        "language": languages,
        "train_language": languages,
        "target": ("", CORE, *languages),
        "kind": KINDS,
        "arm": ARMS,
        "estimator": ESTIMATORS,
        "matrix": ("all",),
        "task": (lm_eval.ALL,),
        "phenomenon": ("all",),
        "order": ("both",),
        "filler": ("none",),
    }
    return table.sort_values(
        KEYS[name],
        key=lambda values: _positions(values, orders[values.name]) if values.name in orders else values,
        kind="stable",
        ignore_index=True,
    )


def write(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, with numbers to eight significant digits."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        table.to_csv(part, index=False, float_format="%.8g", na_rep="nan", lineterminator="\n")


def in_order(values: Sequence[str], order: Sequence[str]) -> list[str]:
    """Return the distinct `values`: those in `order` first, in that order, then the others sorted by name."""
    present = set(values)
    return [value for value in order if value in present] + sorted(present - set(order))


def _positions(values: pd.Series, order: Sequence[str]) -> pd.Series:
    """Return the position of each value in `in_order(values, order)`."""
    return values.map({value: position for position, value in enumerate(in_order(values, order))})


def table_difference(name: str, first: pd.DataFrame, second: pd.DataFrame) -> str | None:
    """Describe in one line how the tables of two runs differ; None if they are equal.

    Args:
        name: name of the table, which determines the columns that identify a row.
        first: the first run's table, from `read`.
        second: the second run's table.
    """
    keys = KEYS[name]
    both = first.merge(second, on=keys, how="outer", suffixes=("", " of the second"), indicator=True)
    unmatched = int((both["_merge"] != "both").sum())
    both = both[both["_merge"] == "both"]
    changed, worst, where, words = pd.Series(False, both.index), 0.0, "", []
    for column in (column for column in first if column not in keys and column in second):
        a, b = both[column], both[f"{column} of the second"]
        if not (is_numeric_dtype(a) and is_numeric_dtype(b)):
            differs = a.astype(str) != b.astype(str)
            changed |= differs
            words += [column] * bool(differs.any())
            continue
        relative = ((a - b).abs() / pd.concat([a.abs(), b.abs()], axis=1).max(axis=1)).fillna(0.0)
        relative = relative.mask(a.isna() != b.isna(), math.inf)
        changed |= relative > 0
        if relative.max() > worst:
            worst, where = float(relative.max()), column
    parts = []
    if unmatched:
        parts.append(f"rows in one run only: {unmatched}")
    if changed.any():
        is_in_both = worst < math.inf
        most = f"by at most {worst:.2g} (relative) in {where}" if is_in_both else f"in {where}, absent from one run"
        how = [most] * bool(where) + [f"in {column}" for column in words]
        parts.append(f"rows that differ: {int(changed.sum())} of {len(both)}, {', '.join(how)}")
    return "; ".join(parts) or None
