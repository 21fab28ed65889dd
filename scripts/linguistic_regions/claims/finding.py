"""One claim of the paper, held against one run."""

from dataclasses import dataclass

from linguistic_regions.claims import formats
from linguistic_regions.statistics.measures import Estimate

HOLDS = "holds"
FAILS = "does not hold"
UNTESTED = "not tested"


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it.

    Attributes:
        title: the claim in a few words.
        paper: what the paper reports, or why this is asked at all.
        verdict: `HOLDS`, `FAILS` or `UNTESTED`.
        measured: what was measured here, a line each: first what the verdict rests on, then the rest.
    """

    title: str
    paper: str
    verdict: str = UNTESTED
    measured: tuple[str, ...] = ("This run has no measurement of it.",)

    def judged(self, holds: bool, *measured: str) -> "Finding":
        """This claim with a verdict and the measurements behind it."""
        return Finding(self.title, self.paper, HOLDS if holds else FAILS, measured)

    def untold(self, *measured: str) -> "Finding":
        """This claim without a verdict: what was measured cannot decide it, and says why."""
        return Finding(self.title, self.paper, UNTESTED, measured)


def described(estimate: Estimate) -> str:
    """An estimate of a log ratio, as a factor with its interval."""
    return f"{formats.factor(estimate.mean)} {formats.factor_interval(estimate.low, estimate.high)}"
