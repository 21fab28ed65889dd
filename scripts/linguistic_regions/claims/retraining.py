"""Claims on retraining after the core was removed.

The units are training runs, each of one trained language and seed.
"""

import math
from collections.abc import Mapping

import pandas as pd

from linguistic_regions.claims.claim import Claim, Measured
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics.intervals import Interval, clustered

ENGLISH = "en"
RECOVERED = 0.5  # share of the lost log perplexity that must be regained before recoveries are compared
RUNS = ["train_language", "seed"]
SOURCE = "tables/retraining.csv: arm, train_language, seed, samples, language, nll"


def over_runs(values: pd.Series) -> Interval:
    """The mean over training runs: what is measured within one run is one value."""
    values = values.dropna()
    if values.empty:
        raise NotMeasured("the arms to compare were not trained")
    runs = values.index.droplevel([name for name in values.index.names if name not in RUNS])
    return clustered(values, list(runs), "runs")


def _curves(run: Run, own: bool) -> pd.DataFrame:
    """Log perplexity of the trained language, or of English while another is trained: a column per arm."""
    rows = run.table("retraining")
    trained = rows["language"] == rows["train_language"]
    rows = rows[trained if own else (rows["language"] == ENGLISH) & ~trained]
    return rows.groupby([*RUNS, "learning_rate", "samples", "arm"])["nll"].mean().unstack("arm")


def _recovery(run: Run) -> Measured:
    curves = _arms(_curves(run, own=True), "top_freeze", "top_unfreeze")
    regained = _regained(curves)
    if regained < RECOVERED:
        raise NotMeasured(
            f"with the core trainable, {100 * regained:.0f} % of the lost log perplexity was regained: too few samples "
            "to compare"
        )
    samples = curves.index.get_level_values("samples")
    first = samples[samples > 0].min()
    early = curves[samples == first]
    return Measured(over_runs(early["top_freeze"] - early["top_unfreeze"]), f"after {first} samples")


def _regained(curves: pd.DataFrame) -> float:
    """The share of the log perplexity lost by removing the core that training with the core trainable regained.

    The value before the removal is approximated by that with the bottom removed; 1 if there is no such arm, or nothing
    was lost.
    """
    if "bottom_freeze" not in curves:
        return 1.0
    means = curves.groupby("samples").mean()
    intact, removed = means["bottom_freeze"].iloc[0], means["top_unfreeze"].iloc[0]
    lost = removed - intact
    return float((removed - means["top_unfreeze"].iloc[-1]) / lost) if lost > 0 else 1.0


def _english(run: Run) -> Measured:
    curves = _arms(_curves(run, own=False), "top_freeze", "bottom_freeze")
    samples = curves.index.get_level_values("samples")
    start = curves.loc[samples == samples.min(), "bottom_freeze"].droplevel("samples")
    end = curves.loc[samples == samples.max(), "top_freeze"].droplevel("samples")
    return Measured(over_runs(end - start), f"after {samples.max()} samples")


def _arms(curves: pd.DataFrame, *arms: str) -> pd.DataFrame:
    lacking = [arm for arm in arms if arm not in curves]
    if lacking:
        raise NotMeasured(f"not trained: {', '.join(lacking)}")
    return curves


def _paper_recovery(printed: Mapping[str, pd.DataFrame]) -> float:
    """Chinese after its first 2,000 samples."""
    rows = printed["retraining"]
    first = rows[rows["language"] == "Chinese"].iloc[1]
    return math.log(float(first["top_freeze"]) / float(first["top_unfreeze"]))


def _paper_english(printed: Mapping[str, pd.DataFrame]) -> float:
    rows = printed["retraining"]
    english = rows[rows["language"] == "English"]
    return math.log(float(english["top_freeze"].iloc[-1]) / float(english["bottom_freeze"].iloc[0]))


CLAIMS = [
    Claim(
        id="recovery",
        sentence="Recovery is slow with the core held at zero, and fast with the core trainable",
        statistic="perplexity of the trained language with the core held at zero over with it trainable, after the "
        "first samples, mean over runs",
        above=0.0,
        control="the core removed too, but trainable",
        measure=_recovery,
        paper=_paper_recovery,
        source=SOURCE,
    ),
    Claim(
        id="english",
        sentence="English is not recovered by training another language",
        statistic="perplexity of English after training with the core held at zero over before training with the "
        "bottom removed, mean over runs",
        above=0.0,
        control="the model with its least important weights removed, before training",
        measure=_english,
        paper=_paper_english,
        source=SOURCE,
    ),
]
