"""Results of the evaluation harness's tasks, laid out: a row per condition."""

import math
from collections.abc import Mapping

import pandas as pd

from linguistic_regions.reporting.generations import condition
from linguistic_regions.reporting.paper import ABSENT, Grid
from linguistic_regions.statistics.lm_eval import ALL


def grid(results: pd.DataFrame, names: Mapping[str, str]) -> Grid:
    """Return one grid: of a group of several tasks, all of them together.

    Args:
        results: the table `lm_eval`, in order.
        names: English names of languages by code.
    """
    several = results.groupby("group")["task"].transform("nunique") > 1
    shown = results[~several | (results["task"] == ALL)]
    columns = list(dict.fromkeys(zip(shown["group"], shown["metric"], strict=True)))
    rows = []
    for _, of_region in shown.groupby("region", sort=False):
        cells = {(row.group, row.metric): _cell(row) for row in of_region.itertuples()}
        rows.append((condition(of_region.iloc[0], names), *(cells.get(column, ABSENT) for column in columns)))
    groups = [(group, tuple(metric for of, metric in columns if of == group)) for group in dict(columns)]
    most = shown["n"].max()
    note = f"Means over at most {most} documents, with 95 % intervals. lm-eval {results['harness'].iloc[0]}."
    return Grid("Tasks of lm-evaluation-harness", ("Lesion",), tuple(groups), tuple(rows), (note,))


def _cell(row) -> str:
    interval = "" if math.isnan(row.low) else f" [{row.low:.3f}, {row.high:.3f}]"
    return f"{row.value:.3f}{interval}"
