"""The result tables: their columns, their order, and how they are computed from the evidence.

Rows and columns have one fixed order, so that the same evidence always gives the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, unreadable
from linguistic_regions.statistics import evidence

INTACT = "intact"  # the condition that removals are compared with
CORE = "core"  # the target of experiment 1; that of experiment 2 is a language code

# Columns with their type; the ones that tell two rows apart, in the order by which rows are sorted.
COLUMNS = {
    "removal": {
        "region": str,
        "kind": str,
        "ratio": float,
        "samples": int,
        "replicate": int,
        "language": str,
        "tokens": int,
        "nll": float,
        "ppl": float,
        "ppl_low": float,
        "ppl_high": float,
        "bits_per_byte": float,
        "scope": str,
        "target": str,
        "window": str,
        "bos": str,
        "domain": str,
        "ppl_ratio": float,
        "ppl_ratio_low": float,
        "ppl_ratio_high": float,
    },
    "retraining": {
        "arm": str,
        "train_language": str,
        "samples": int,
        "language": str,
        "nll": float,
        "ppl": float,
        "bits_per_byte": float,
        "learning_rate": float,
        "seed": int,
        "domain": str,
        "tokens": int,
        "ppl_low": float,
        "ppl_high": float,
    },
    "freezing": {
        "arm": str,
        "learning_rate": float,
        "train_language": str,
        "samples": int,
        "language": str,
        "nll": float,
        "ppl": float,
        "bits_per_byte": float,
        "seed": int,
        "domain": str,
        "tokens": int,
        "ppl_low": float,
        "ppl_high": float,
    },
    "further": {
        "language": str,
        "samples": int,
        "nll": float,
        "ppl": float,
        "bits_per_byte": float,
        "arm": str,
        "learning_rate": float,
        "train_language": str,
        "seed": int,
        "domain": str,
        "tokens": int,
        "ppl_low": float,
        "ppl_high": float,
    },
    "stability": {"language": str, "samples": int, "ratio": float, "jaccard": float},
    "overlap": {
        "region_a": str,
        "region_b": str,
        "jaccard": float,
        "shared": int,
        "size_a": int,
        "size_b": int,
    },
    "density": {"region": str, "layer": int, "matrix": str, "selected": int, "size": int},
}
KEYS = {
    "removal": ["target", "samples", "scope", "ratio", "kind", "region", "replicate", "domain", "language"],
    "retraining": ["train_language", "arm", "learning_rate", "seed", "samples", "domain", "language"],
    "freezing": ["train_language", "learning_rate", "arm", "seed", "samples", "domain", "language"],
    "further": ["language", "samples"],
    "stability": ["language", "samples"],
    "overlap": ["region_a", "region_b"],
    "density": ["region", "layer", "matrix"],
}
ARMS = (  # of the training experiments, in the order in which they are shown
    "top_freeze",
    "bottom_freeze",
    "top_unfreeze",
    "random_freeze",
    "full",
    "core_frozen",
    "random_frozen",
    "region_only",
)
KINDS = ("base", "top", "bottom", "random", "monolingual", "other")


def read(path: str | Path, name: str) -> pd.DataFrame:
    """Read a table, or a piece of one, with the types of `COLUMNS[name]`; further columns stay text.

    Raises:
        UserError: a column is missing or holds what is no number.
    """
    # An empty cell is an empty string: "no" and "NA" are names, and no column has missing values.
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # not there, empty, no UTF-8, no table
        raise unreadable(path, f"{name} table", error) from None
    missing = [column for column in COLUMNS[name] if column not in table]
    if missing:
        raise UserError(f"{path} is no {name} table: it lacks the column {', '.join(missing)}")
    try:
        return table.astype(COLUMNS[name])
    except ValueError as error:
        raise UserError(f"{path}: {error}; write numbers in the columns that hold numbers") from error


def read_folder(folder: str | Path) -> dict[str, pd.DataFrame]:
    """Read the tables that a run has, by name; experiments that were not run are simply absent."""
    paths = {name: Path(folder) / f"{name}.csv" for name in COLUMNS}
    tables = {name: read(path, name) for name, path in paths.items() if path.exists()}
    return {name: table for name, table in tables.items() if len(table)}


def from_evidence(paths: Sequence[str | Path], name: str) -> pd.DataFrame:
    """Compute table `name` from evidence: a row per condition and text.

    Raises:
        UserError: a file is missing or damaged.
    """
    items, labels = evidence.read(paths)
    rows = evidence.summarize(items, labels, INTACT if name == "removal" else None)
    return rows[list(COLUMNS[name])].astype(COLUMNS[name])


def joined(paths: Sequence[str | Path], name: str) -> pd.DataFrame:
    """The pieces of table `name` as one.

    Raises:
        UserError: a piece lacks a column, or two pieces hold different measurements of one thing.
    """
    table = pd.concat([read(path, name) for path in paths], ignore_index=True).drop_duplicates()
    again = table[table.duplicated(KEYS[name])]
    if len(again):
        which = ", ".join(f"{key} {again.iloc[0][key]}" for key in KEYS[name])
        raise UserError(f"two pieces of the {name} table differ about one measurement ({which}); rerun that step")
    return table


def ordered(
    table: pd.DataFrame,
    name: str,
    languages: Sequence[str] = (),
    domains: Sequence[str] = (),
) -> pd.DataFrame:
    """Table `name` with its rows sorted by `KEYS[name]`; languages and domains in the given order."""
    orders = {
        "domain": domains,
        "language": languages,
        "train_language": languages,
        "target": ("", CORE, *languages),
        "kind": KINDS,
        "arm": ARMS,
    }
    return table.sort_values(
        KEYS[name],
        key=lambda values: _positions(values, orders[values.name]) if values.name in orders else values,
        kind="stable",
        ignore_index=True,
    )


def write(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, numbers to eight significant digits."""
    with atomic_write(path) as part:
        table.to_csv(part, index=False, float_format="%.8g", lineterminator="\n")


def in_order(values: Sequence[str], order: Sequence[str]) -> list[str]:
    """The distinct `values`: first those in `order`, as ordered there, then the others by name."""
    present = set(values)
    return [value for value in order if value in present] + sorted(present - set(order))


def _positions(values: pd.Series, order: Sequence[str]) -> pd.Series:
    """Each value's place in `in_order(values, order)`."""
    return values.map({value: place for place, value in enumerate(in_order(values, order))})


def table_difference(name: str, first: pd.DataFrame, second: pd.DataFrame) -> str | None:
    """How two runs' tables differ, in a line; None if they hold the same.

    Args:
        name: of the table, for the columns that tell its rows apart.
        first: one run's, as `tables.read` gives it.
        second: the other's.
    """
    keys = KEYS[name]
    both = first.merge(second, on=keys, how="outer", suffixes=("", " of the second"), indicator=True)
    alone = int((both["_merge"] != "both").sum())
    both = both[both["_merge"] == "both"]
    numbers = [column for column in first.select_dtypes("number") if column not in keys and column in second]
    changed, worst, where = pd.Series(False, both.index), 0.0, ""
    for column in numbers:
        a, b = both[column], both[f"{column} of the second"]
        relative = ((a - b).abs() / pd.concat([a.abs(), b.abs()], axis=1).max(axis=1)).fillna(0.0)
        changed |= relative > 0
        if relative.max() > worst:
            worst, where = float(relative.max()), column
    said = [f"rows in one run only: {alone}"] * bool(alone)
    said += [f"rows that differ: {int(changed.sum())} of {len(both)}, by up to {worst:.2g} of {where}"] * bool(
        changed.any()
    )
    return "; ".join(said) or None
