"""Read the evidence of a run, and summarize it into rows of tables."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import unreadable
from linguistic_regions.statistics.perplexity import log_ratio, perplexity

TEXT = ["language", "domain"]
RATIO = ["ppl_ratio", "ppl_ratio_low", "ppl_ratio_high"]


def read(paths: Iterable[str | Path], column: str = "item") -> tuple[pd.DataFrame, dict[str, dict]]:
    """Return the items of evidence files, and the labels of each condition.

    Args:
        paths: the files.
        column: a column that the evidence of this evaluation has.

    Raises:
        UserError: if a file is missing, damaged, or not evidence of this evaluation.
    """
    items, labels = [], {}
    for path in paths:
        try:
            table = pq.read_table(path, page_checksum_verification=True)
            described = json.loads((table.schema.metadata or {}).get(b"conditions", b"null"))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise unreadable(path, "file of evidence", error) from None
        if described is None or (table.num_rows and column not in table.column_names):
            lacks = "names no conditions" if described is None else f"has no column {column}"
            raise UserError(f"{path}: not evidence of this evaluation: it {lacks}: check the path")
        items.append(table.to_pandas())
        labels |= {name: condition["labels"] for name, condition in described.items()}
    return pd.concat(items, ignore_index=True) if items else pd.DataFrame(), labels


def summarize(items: pd.DataFrame, labels: dict[str, dict], reference: str | None = None) -> pd.DataFrame:
    """Return a row per condition and text: the condition's labels, the text's language and domain, and its perplexity.

    Args:
        items: the items, from `read`.
        labels: the labels of each condition, from `read`.
        reference: the condition to compare the others with, document by document: the ratio of their perplexity to
            its perplexity, with an interval, is in `ppl_ratio`, `ppl_ratio_low` and `ppl_ratio_high`. None: no such
            columns.

    Raises:
        UserError: the evidence lacks the reference.
    """
    rows = []
    compared = dict(iter(items[items["condition"] == reference].groupby(TEXT, sort=False)))
    for (condition, *text), part in items.groupby(["condition", *TEXT], sort=False):
        of_text = dict(zip(TEXT, text, strict=True))
        first = part.iloc[0]
        context = {"window": str(first["window"]), "bos": str(first["bos"])}
        ratios = {}
        if reference:
            if tuple(text) not in compared:
                raise UserError(
                    f"{', '.join(text)}: there is evidence of {condition}, but none of the {reference} model: add its "
                    f"file, {reference}.parquet"
                )
            ratio = log_ratio(part, compared[tuple(text)])
            with np.errstate(over="ignore"):
                ratios = dict(zip(RATIO, np.exp([ratio.estimate, ratio.low, ratio.high]), strict=True))
        rows.append({**labels[condition], **of_text, **asdict(perplexity(part)), **context, **ratios})
    return pd.DataFrame(rows)
