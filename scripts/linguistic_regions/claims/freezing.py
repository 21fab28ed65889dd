"""Claims on continued pre-training with the core frozen: does it mitigate forgetting, and at what cost?

All are judged at the largest learning rate, at which most is forgotten. The units are training runs.
"""

import math

import numpy as np
import pandas as pd

from linguistic_regions.claims.claim import EQUIVALENCE, Claim, Measured
from linguistic_regions.claims.retraining import over_runs
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.intervals import Interval

AS_WELL = 1.02  # factor on perplexity of the trained language within which learning is as good
SOURCE = "tables/freezing.csv: arm, learning_rate, train_language, seed, samples, domain, language, nll"


def _changes(run: Run, arm: str, trained: bool) -> pd.DataFrame:
    """The change of log perplexity from start to end of training, at the largest learning rate, with both arms."""
    changes = measures.forgetting(measures.forgetting_rows(run.table("freezing")))
    rates = changes.index.get_level_values("learning_rate")
    changes = changes[rates == rates.max()]
    changes = measures.trained(changes) if trained else measures.untrained(changes)
    lacking = [each for each in (arm, "core_frozen") if each not in changes or changes[each].isna().all()]
    if lacking:
        raise NotMeasured(f"not trained: {', '.join(lacking)}")
    return changes


def _saved(run: Run, arm: str) -> Measured:
    """How much less the other languages lose with the core frozen than in another arm."""
    changes = _changes(run, arm, trained=False)
    full = changes["full"].mean() if "full" in changes else math.nan
    if full <= 0:
        raise NotMeasured("full training forgets nothing here, so there is nothing to mitigate")
    lost = changes[arm].mean()
    rate = changes.index.get_level_values("learning_rate")[0]
    saved = changes[arm] - changes["core_frozen"]
    told = f"at a learning rate of {np.format_float_positional(rate, trim='-')}"
    note = f"{100 * saved.mean() / lost:.1f} % of the forgetting in the arm {arm}, {told}" if lost > 0 else ""
    return Measured(over_runs(saved), note)


def _cost(run: Run) -> Interval:
    changes = _changes(run, "full", trained=True)
    return over_runs(changes["core_frozen"] - changes["full"])


CLAIMS = [
    Claim(
        id="freezing",
        sentence="Freezing the core mitigates forgetting",
        statistic="perplexity of other languages after full training over after training with the core frozen, mean "
        "over runs",
        above=0.0,
        control="full training",
        measure=lambda run: _saved(run, "full"),
        source=SOURCE,
    ),
    Claim(
        id="freezing-random",
        sentence="… more than freezing as many random weights",
        statistic="perplexity of other languages after training with random weights frozen over with the core frozen, "
        "mean over runs",
        above=0.0,
        control="as many random weights frozen",
        measure=lambda run: _saved(run, "random_frozen"),
        source=SOURCE,
    ),
    Claim(
        id="freezing-cost",
        sentence="… and the trained language is learned as well as without freezing",
        statistic="perplexity of the trained language after training with the core frozen over after full training, "
        "mean over runs",
        above=-math.log(AS_WELL),
        below=math.log(AS_WELL),
        test=EQUIVALENCE,
        control="full training",
        measure=_cost,
        source=SOURCE,
    ),
]
