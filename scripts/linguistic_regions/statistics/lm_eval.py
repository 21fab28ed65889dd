"""Results of the evaluation harness's tasks, from evidence: a row per condition, task and metric."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from linguistic_regions.statistics.intervals import Interval, t_interval, wilson
from linguistic_regions.statistics.perplexity import over_documents

ALL = "all"  # the tasks of a group together
RATE = "bits_per_byte"  # a metric whose documents count by their bytes


def results(items: pd.DataFrame, labels: Mapping[str, dict]) -> pd.DataFrame:
    """Return the mean over documents and its interval: of each task, and of all tasks of a group of several.

    Args:
        items: the items of the evaluation `lm_eval`, from `evidence.read`.
        labels: the labels of each condition, from `evidence.read`.
    """
    several = items.groupby("group")["task"].transform("nunique") > 1
    both = pd.concat([items[several].assign(task=ALL), items])
    rows = []
    for (condition, group, task, metric), part in both.groupby(["condition", "group", "task", "metric"], sort=False):
        found = score(metric, part)
        row = {"group": group, "task": task, "metric": metric, "harness": part["harness"].iloc[0]}
        row |= {"value": found.estimate, "low": found.low, "high": found.high, "n": found.n}
        rows.append({**labels[condition], **row})
    return pd.DataFrame(rows)


def score(metric: str, items: pd.DataFrame) -> Interval:
    """The mean of a metric over documents: Wilson's interval if all are 0 or 1, otherwise Student's t.

    Args:
        metric: its name; bits per byte are those of all documents together, as the harness has them.
        items: a row per document.
    """
    if metric == RATE:
        return over_documents(items["nll"].to_numpy() / np.log(2), items["bytes"].to_numpy())
    values = items["value"].dropna()
    if values.isin([0, 1]).all():
        return wilson(int(values.sum()), len(values), "documents")
    return t_interval(values, "documents")
