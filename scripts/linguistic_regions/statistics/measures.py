"""Effect sizes from the tables: log ratios of perplexity, and forgetting.

All means are of logarithms, that is of `nll`: a mean of perplexities would be dominated by the largest.
"""

import numpy as np
import pandas as pd

from linguistic_regions.statistics import domains
from linguistic_regions.statistics.intervals import t_interval
from linguistic_regions.statistics.tables import CORE

PAPER_RATIO = 0.03  # share of the parameters that the paper removes in experiment 1
PAPER_SCOPE = "tensor"  # the paper ranks within each tensor


def forgetting_rows(freezing: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that show what training changes: the trained language in the first domain, others in the second.

    Training may improve text of the trained domain in every language; text of another domain shows what is forgotten.
    With a single domain, these are all rows.
    """
    names = domains.domains(freezing)
    own = freezing["language"] == freezing["train_language"]
    return freezing[freezing["domain"] == np.where(own, names[0], names[:2][-1])]


def log_ratios(removal: pd.DataFrame) -> pd.DataFrame:
    """Return the removals in one domain, with a column `log_ratio`: log(perplexity / intact model's) by language."""
    base = base_nll(removal)
    removed = removal[removal["kind"] != "base"]
    return removed.assign(log_ratio=removed["nll"] - base.reindex(removed["language"]).to_numpy())


def base_nll(removal: pd.DataFrame) -> pd.Series:
    """Return the intact model's negative log-likelihood per token in one domain, by language."""
    return removal[removal["kind"] == "base"].groupby("language", sort=False)["nll"].mean()


def core_settings(removal: pd.DataFrame) -> list[tuple[str, float]]:
    """Return the (scope, ratio) pairs at which the core was removed, the paper's scope first."""
    core = removal[(removal["target"] == CORE) & (removal["kind"] == "top")]
    pairs = set(zip(core["scope"], core["ratio"], strict=True))
    return sorted(pairs, key=lambda pair: (pair[0] != PAPER_SCOPE, pair))


def paper_setting(removal: pd.DataFrame, ratio: float = PAPER_RATIO) -> tuple[str, float] | None:
    """Return the setting closest to the paper's: its scope if measured, then the nearest ratio."""
    settings = core_settings(removal)
    return min(settings, key=lambda pair: (pair[0] != PAPER_SCOPE, abs(pair[1] - ratio)), default=None)


def core_effects(ratios: pd.DataFrame, scope: str, ratio: float, value: str = "log_ratio") -> pd.DataFrame:
    """Return experiment 1 at one setting: a row per language, columns top, bottom, random (mean over replicates).

    Args:
        ratios: rows of the removal table, with a column `value`.
        scope: scope of the core's ranking, "tensor" or "model".
        ratio: share of the parameters removed.
        value: the column to average.
    """
    chosen = ratios[(ratios["target"] == CORE) & (ratios["ratio"] == ratio)]
    # A random region has no ranking: if it was measured for one scope only, it is the control of both.
    own = chosen[chosen["scope"] == scope]
    if "random" not in set(own["kind"]):
        own = pd.concat([own, chosen[chosen["kind"] == "random"]])
    return _table(own, "language", "kind", value).reindex(columns=["top", "bottom", "random"])


def curves(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return perplexity against the size of the removed region: the points of each curve, mean over languages.

    The core, its random controls, the largest weights and the core without the outlier dimensions are points too.

    Args:
        ratios: rows from `log_ratios`.

    Returns:
        Columns estimator (of the score whose top was removed; "" for random), without_outliers (bool), ratio, and
        log_ratio, low and high: the mean log ratio over languages (of that over replicates) and its 95 % t interval,
        NaN if there are too few languages.
    """
    without = ratios["kind"].isin(["curve_without_outliers", "without_outliers"])
    core = (ratios["target"] == CORE) & (ratios["scope"] == "tensor")
    on_curve = ratios["kind"].str.startswith("curve") | (
        core & ratios["kind"].isin(["top", "random", "magnitude", "without_outliers"])
    )
    keys = ["estimator", "without_outliers", "ratio"]
    rows = ratios.assign(without_outliers=without)[on_curve]
    means = rows.groupby([*keys, "language"], sort=False)["log_ratio"].mean()
    points = []
    for point, values in means.groupby(level=keys):
        interval = t_interval(values, "languages")
        points.append((*point, interval.estimate, interval.low, interval.high))
    return pd.DataFrame(points, columns=[*keys, "log_ratio", "low", "high"])


def monolingual(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of experiment 2 at its largest ratio."""
    rows = ratios[~ratios["target"].isin(["", CORE])]
    return rows[rows["ratio"] == rows["ratio"].max()]


def monolingual_matrix(ratios: pd.DataFrame, kind: str = "monolingual", milestone: int = -1) -> pd.DataFrame:
    """Return experiment 2: a row per region (its language), a column per language tested, mean over replicates.

    Args:
        ratios: rows from `log_ratios`.
        kind: "monolingual", or one of its controls "bottom" and "random".
        milestone: index among the numbers of samples: 0 is the smallest, -1 the largest.
    """
    rows = monolingual(ratios)
    rows = rows[rows["kind"] == kind]
    milestones = sorted(rows["samples"].unique())
    if not milestones:
        return pd.DataFrame()
    return _table(rows[rows["samples"] == milestones[milestone]], "target", "language", "log_ratio")


def damage_elsewhere(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return `monolingual_matrix` for the languages that have no region of their own.

    A region of x has lost what is at the top for another language that has one, and so damages that language less.
    """
    matrix = monolingual_matrix(ratios)
    return matrix.drop(columns=matrix.index, errors="ignore")


def forgetting(freezing: pd.DataFrame) -> pd.DataFrame:
    """Compute the change of log perplexity from the first to the last milestone of training.

    Returns:
        A row per (train_language, language, learning_rate, seed) and a column per arm; NaN where an arm has no value.
    """
    ordered = freezing.sort_values("samples", kind="stable")
    keys = ["train_language", "language", "learning_rate", "seed", "arm"]
    ends = ordered.groupby(keys, sort=False)["nll"].agg(["first", "last"])
    return (ends["last"] - ends["first"]).unstack("arm")


def untrained(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `forgetting` whose language was not trained on."""
    return changes[~_trained(changes)]


def trained(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `forgetting` whose language was trained on."""
    return changes[_trained(changes)]


def _trained(changes: pd.DataFrame) -> np.ndarray:
    index = changes.index
    return np.asarray(index.get_level_values("train_language") == index.get_level_values("language"))


def _table(rows: pd.DataFrame, row: str, column: str, value: str) -> pd.DataFrame:
    """Return the means of `value` by `row` and `column`, both in order of appearance."""
    means = rows.groupby([row, column], sort=False)[value].mean().unstack(column)
    return means.reindex(index=rows[row].unique(), columns=rows[column].unique())
