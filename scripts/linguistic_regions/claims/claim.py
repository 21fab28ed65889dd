"""A claim: what is estimated, which values of it the claim asserts, and the verdict that follows from its interval."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics.intervals import MINIMUM_UNITS, Interval
from linguistic_regions.statistics.significance import holm

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "cannot tell"
UNTESTED = "not tested"
VERDICTS = (HOLDS, FAILS, UNDECIDED, UNTESTED)

LEVEL = 0.05  # of all tests; the intervals are at 95 %
LOG_RATIO = "log ratio"  # of two perplexities, natural logarithm


@dataclass(frozen=True)
class Claim:
    """A claim, written down before it is measured.

    Attributes:
        id: a short name.
        sentence: the claim.
        statistic: what is estimated; for a log ratio, the ratio.
        measure: estimates it in a run, with its interval; it may add a note. Raises `NotMeasured`.
        source: the file and columns that it follows from.
        above, below: the claim asserts that the statistic lies between these.
        unit: of the statistic and the two ends.
        control: what the claim's subject is compared with.
        paper: the same statistic in the paper's tables (`paper.load`); None: the paper does not report it.
    """

    id: str
    sentence: str
    statistic: str
    measure: Callable[[Run], "Interval | tuple[Interval, str]"]
    source: str
    above: float = -math.inf
    below: float = math.inf
    unit: str = LOG_RATIO
    control: str = ""
    paper: Callable[[Mapping[str, pd.DataFrame]], float] | None = None

    @property
    def is_equivalence(self) -> bool:
        """Whether the claim is that something is as good as nothing, within a margin."""
        return math.isfinite(self.above) and math.isfinite(self.below)

    @property
    def test(self) -> str:
        """The name of the test."""
        return "two one-sided t tests" if self.is_equivalence else "t test"

    def judge(self, run: Run) -> "Result":
        """Measure the claim in a run."""
        try:
            measured = self.measure(run)
        except NotMeasured as reason:
            return Result(self, Interval(math.nan, math.nan, math.nan, 0, "", "not measured"), str(reason))
        interval, note = measured if isinstance(measured, tuple) else (measured, "")
        if not interval.tested:
            note = "; ".join([f"needs at least {MINIMUM_UNITS} {interval.units}", *[note] * bool(note)])
        return Result(self, interval, note)


@dataclass(frozen=True)
class Result:
    """A claim, as a run has it.

    Attributes:
        claim: the claim.
        interval: the estimate and its 95 % interval, in the claim's unit.
        note: what else is to be known, such as why it was not tested.
    """

    claim: Claim
    interval: Interval
    note: str = ""

    @property
    def p_value(self) -> float:
        """Two-sided, of the nearest end of what is claimed: below 0.05 where the interval decides; NaN if untested."""
        claim, interval = self.claim, self.interval
        if not interval.tested:
            return math.nan
        ends = [end for end in (claim.above, claim.below) if math.isfinite(end)]
        return max(interval.p_value(end) for end in ends) if self._is_inside else self._p_outside()

    @property
    def _is_inside(self) -> bool:
        return self.claim.above < self.interval.estimate < self.claim.below

    def _p_outside(self) -> float:
        beyond = self.claim.above if self.interval.estimate <= self.claim.above else self.claim.below
        return self.interval.p_value(beyond)

    def verdict(self, p_value: float) -> str:
        """The verdict that a p-value allows: the one from `p_value`, or the same corrected for the number of claims."""
        if math.isnan(p_value):
            return UNTESTED
        if p_value >= LEVEL:
            return UNDECIDED
        return HOLDS if self._is_inside else FAILS


def table(results: list[Result], printed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The claims table: a row per claim, with the columns of `tables.COLUMNS["claims"]`.

    Args:
        results: of all claims of a run; Holm's correction is for their number.
        printed: the paper's tables, from `paper.load`.
    """
    p_values = np.array([result.p_value for result in results])
    rows = []
    for result, p, p_holm in zip(results, p_values, holm(p_values), strict=True):
        claim, interval = result.claim, result.interval
        rows.append(
            {
                "id": claim.id,
                "claim": claim.sentence,
                "statistic": claim.statistic,
                "unit": claim.unit,
                "estimate": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "n": interval.n,
                "units": interval.units,
                "control": claim.control,
                "test": claim.test,
                "p": p,
                "p_holm": p_holm,
                "above": claim.above,
                "below": claim.below,
                "verdict": result.verdict(p),
                "verdict_holm": result.verdict(p_holm),
                "paper": claim.paper(printed) if claim.paper else math.nan,
                "source": claim.source,
                "note": result.note,
            }
        )
    return pd.DataFrame(rows)
