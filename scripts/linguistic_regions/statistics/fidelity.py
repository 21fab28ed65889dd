"""How well scores of importance rank single weights: their rank correlation with the exact change of the loss."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from linguistic_regions.runtime.storage import unreadable
from linguistic_regions.statistics.columns import COLUMNS
from linguistic_regions.statistics.correlation import spearman
from linguistic_regions.statistics.tables import ESTIMATORS

ALL = "all"  # the matrix, in the table, that stands for all of them


def read(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read what fidelity.py wrote: a row per language and weight.

    Raises:
        UserError: a file is missing, damaged or of another kind.
    """
    parts = []
    for path in paths:
        try:
            part = pd.read_csv(path, keep_default_na=False)  # "no" and "NA" are names
            parts.append(part.astype(dict.fromkeys(("change", *ESTIMATORS), float)))
        except (OSError, ValueError, KeyError) as error:
            raise unreadable(path, "table of single weights", error) from None
    return pd.concat(parts, ignore_index=True)


def correlations(weights: pd.DataFrame) -> pd.DataFrame:
    """Spearman's correlation of each estimator's scores with the size of the exact change, by kind of matrix.

    The first rows are over all matrices. Weights are ranked within their language before languages are pooled, because
    languages differ in scale. A kind of matrix with too few weights for an interval has no row.

    Args:
        weights: from `read`.

    Returns:
        Columns estimator, matrix, n (weights), spearman, low, high (95 %).
    """
    rows = []
    sizes = weights.assign(change=weights["change"].abs())
    for matrix in (ALL, *sizes["matrix"].unique()):
        chosen = sizes if matrix == ALL else sizes[sizes["matrix"] == matrix]
        ranks = chosen.groupby("language")[["change", *ESTIMATORS]].rank(pct=True)
        for estimator in ESTIMATORS:
            found = spearman(ranks[estimator], ranks["change"], "weights")
            if found.tested:
                ends = {"spearman": found.estimate, "low": found.low, "high": found.high}
                rows.append({"estimator": estimator, "matrix": matrix, "n": found.n, **ends})
    return pd.DataFrame(rows, columns=list(COLUMNS["fidelity"])).astype(COLUMNS["fidelity"])
