"""What the tables say, in numbers: log ratios of perplexity, forgetting, intervals.

All means are taken of logarithms, that is of `nll`: a mean of perplexities would be the largest one's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linguistic_regions.statistics import domains
from linguistic_regions.statistics.tables import CORE

PAPER_RATIO = 0.03  # the share of parameters that the paper removes in experiment 1
PAPER_SCOPE = "tensor"  # it ranks within each tensor


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval and the number of values it rests on."""

    mean: float
    low: float
    high: float
    count: int


def estimate(values: Sequence[float], draws: int = 10_000, seed: int = 0) -> Estimate:
    """The mean of `values` (n,) with a bootstrap interval: values drawn anew with replacement, `draws` times."""
    values = np.asarray(values, dtype=float)
    chosen = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[chosen].mean(axis=1), [0.025, 0.975])
    return Estimate(values.mean(), low, high, len(values))


def forgetting_rows(freezing: pd.DataFrame) -> pd.DataFrame:
    """The rows that say what training changes: languages not trained on in the second domain, the trained in the first.

    Text like that of the training may gain from it in every language; text of another kind shows what is forgotten.
    Of a run with one domain these are all rows.
    """
    names = domains.domains(freezing)
    own = freezing["language"] == freezing["train_language"]
    return freezing[freezing["domain"] == np.where(own, names[0], names[:2][-1])]


def log_ratios(removal: pd.DataFrame) -> pd.DataFrame:
    """The removals in one domain, with a column `log_ratio`: log(perplexity / the untouched model's) by language."""
    base = base_nll(removal)
    removed = removal[removal["kind"] != "base"]
    return removed.assign(log_ratio=removed["nll"] - base.reindex(removed["language"]).to_numpy())


def base_nll(removal: pd.DataFrame) -> pd.Series:
    """The untouched model's negative log-likelihood per token in one domain, by language."""
    return removal[removal["kind"] == "base"].groupby("language", sort=False)["nll"].mean()


def core_settings(removal: pd.DataFrame) -> list[tuple[str, float]]:
    """The (scope, ratio) pairs at which the core was removed, the paper's scope first."""
    core = removal[(removal["target"] == CORE) & (removal["kind"] == "top")]
    pairs = set(zip(core["scope"], core["ratio"], strict=True))
    return sorted(pairs, key=lambda pair: (pair[0] != PAPER_SCOPE, pair))


def paper_setting(removal: pd.DataFrame, ratio: float = PAPER_RATIO) -> tuple[str, float] | None:
    """The setting closest to the paper's: its scope if measured, then the nearest ratio."""
    settings = core_settings(removal)
    return min(settings, key=lambda pair: (pair[0] != PAPER_SCOPE, abs(pair[1] - ratio)), default=None)


def core_effects(ratios: pd.DataFrame, scope: str, ratio: float, value: str = "log_ratio") -> pd.DataFrame:
    """Experiment 1 at one setting: a row per language, columns top, bottom, random (mean over replicates).

    Args:
        ratios: rows of the removal table, with a column `value`.
        scope: how the core was ranked, "tensor" or "model".
        ratio: share of the parameters removed.
        value: the column that is averaged.
    """
    chosen = ratios[(ratios["target"] == CORE) & (ratios["ratio"] == ratio)]
    # A random region has no ranking, so it may have been measured for one scope only: it then serves both.
    own = chosen[chosen["scope"] == scope]
    if "random" not in set(own["kind"]):
        own = pd.concat([own, chosen[chosen["kind"] == "random"]])
    return _table(own, "language", "kind", value).reindex(columns=["top", "bottom", "random"])


def monolingual(ratios: pd.DataFrame) -> pd.DataFrame:
    """The rows of experiment 2, at the largest ratio it was run with."""
    rows = ratios[~ratios["target"].isin(["", CORE])]
    return rows[rows["ratio"] == rows["ratio"].max()]


def monolingual_matrix(ratios: pd.DataFrame, kind: str = "monolingual", milestone: int = -1) -> pd.DataFrame:
    """Experiment 2: a row per region (its language), a column per language tested, mean over replicates.

    Args:
        ratios: what `log_ratios` gives.
        kind: "monolingual", or one of its controls "bottom" and "random".
        milestone: which number of samples: 0 the smallest, -1 the largest.
    """
    rows = monolingual(ratios)
    rows = rows[rows["kind"] == kind]
    milestones = sorted(rows["samples"].unique())
    if not milestones:
        return pd.DataFrame()
    return _table(rows[rows["samples"] == milestones[milestone]], "target", "language", "log_ratio")


def forgetting(freezing: pd.DataFrame) -> pd.DataFrame:
    """Change of log perplexity from the first to the last milestone of training.

    Returns:
        A row per (train_language, language, learning_rate, seed) and a column per arm; an arm that lacks a row has NaN.
    """
    ordered = freezing.sort_values("samples", kind="stable")
    keys = ["train_language", "language", "learning_rate", "seed", "arm"]
    ends = ordered.groupby(keys, sort=False)["nll"].agg(["first", "last"])
    return (ends["last"] - ends["first"]).unstack("arm")


def untrained(changes: pd.DataFrame) -> pd.DataFrame:
    """The rows of `forgetting` whose language was not the one trained on."""
    return changes[~_trained(changes)]


def trained(changes: pd.DataFrame) -> pd.DataFrame:
    """The rows of `forgetting` whose language was the one trained on."""
    return changes[_trained(changes)]


def _trained(changes: pd.DataFrame) -> np.ndarray:
    index = changes.index
    return np.asarray(index.get_level_values("train_language") == index.get_level_values("language"))


def _table(rows: pd.DataFrame, row: str, column: str, value: str) -> pd.DataFrame:
    """Means of `value` by `row` and `column`, both in order of appearance."""
    means = rows.groupby([row, column], sort=False)[value].mean().unstack(column)
    return means.reindex(index=rows[row].unique(), columns=rows[column].unique())
