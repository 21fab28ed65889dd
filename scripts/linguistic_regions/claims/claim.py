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
EQUIVALENCE = "two one-sided t tests"  # that something is as good as nothing, within a margin
LOG_RATIO = "log ratio"  # of two perplexities, natural logarithm


@dataclass(frozen=True)
class Claim:
    """A claim, written down before it is measured.

    Attributes:
        id: a short name.
        sentence: the claim.
        statistic: what is estimated; for a log ratio, the ratio.
        measure: estimates it in a run, with its interval. Raises `NotMeasured`.
        source: the file and columns that it follows from.
        above, below: the claim asserts that the statistic lies between these.
        unit: of the statistic and the two ends.
        test: name of the test.
        control: what the claim's subject is compared with.
        paper: the same statistic in the paper's tables (`paper.load`); None: the paper does not report it.
    """

    id: str
    sentence: str
    statistic: str
    measure: Callable[[Run], "Interval | Measured"]
    source: str
    above: float = -math.inf
    below: float = math.inf
    unit: str = LOG_RATIO
    test: str = "t test"
    control: str = ""
    paper: Callable[[Mapping[str, pd.DataFrame]], float] | None = None

    def judge(self, run: Run) -> "Result":
        """Measure the claim in a run."""
        try:
            measured = self.measure(run)
        except NotMeasured as reason:
            nothing = Interval(math.nan, math.nan, math.nan, 0, "", "not measured")
            return Result(self, Measured(nothing, str(reason)))
        return Result(self, measured if isinstance(measured, Measured) else Measured(measured))


@dataclass(frozen=True)
class Measured:
    """What a run says about a claim.

    Attributes:
        interval: the estimate and its 95 % interval, in the claim's unit.
        note: what else is to be known.
        p_value: of a test without an interval, that the estimate is as high by chance; None: it follows from the
            interval.
    """

    interval: Interval
    note: str = ""
    p_value: float | None = None


@dataclass(frozen=True)
class Result:
    """A claim, as a run has it."""

    claim: Claim
    measured: Measured

    @property
    def note(self) -> str:
        """What else is to be known, such as why the claim was not tested."""
        interval, note = self.measured.interval, self.measured.note
        if self.measured.p_value is not None or interval.tested or not interval.units:
            return note
        return "; ".join([f"needs at least {MINIMUM_UNITS} {interval.units}", *[note] * bool(note)])

    @property
    def p_value(self) -> float:
        """Two-sided, of the nearest threshold: below 0.05 exactly where the interval decides; NaN if untested."""
        claim, interval = self.claim, self.measured.interval
        if self.measured.p_value is not None:
            return self.measured.p_value
        if not interval.tested:
            return math.nan
        if self._is_inside:
            return max(interval.p_value(end) for end in (claim.above, claim.below) if math.isfinite(end))
        return interval.p_value(claim.above if interval.estimate <= claim.above else claim.below)

    @property
    def _is_inside(self) -> bool:
        return self.claim.above < self.measured.interval.estimate < self.claim.below

    def verdict(self, p_value: float) -> str:
        """The verdict that a p-value allows: the claim's own, or the same corrected for the number of claims."""
        if math.isnan(p_value):
            return UNTESTED
        if p_value >= LEVEL:
            return UNDECIDED
        return HOLDS if self._is_inside else FAILS


def table(results: list[Result], printed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The claims table: a row per claim, with the columns of `columns.COLUMNS["claims"]`.

    Args:
        results: of all claims of a run; Holm's correction is for their number.
        printed: the paper's tables, from `paper.load`.
    """
    p_values = np.array([result.p_value for result in results])
    rows = []
    for result, p, p_holm in zip(results, p_values, holm(p_values), strict=True):
        claim, interval = result.claim, result.measured.interval
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
