"""A claim of the paper, judged by a run."""

from dataclasses import dataclass

from linguistic_regions.claims import formats
from linguistic_regions.statistics.measures import Estimate

HOLDS = "holds"
FAILS = "does not hold"
UNTESTED = "not tested"
UNDECIDED = "cannot tell"


@dataclass(frozen=True)
class Finding:
    """A claim and its verdict.

    Attributes:
        title: the claim in a few words.
        paper: what the paper reports, or why the claim is tested.
        verdict: `HOLDS`, `FAILS`, `UNDECIDED` (measured, but either could be) or `UNTESTED` (not measured).
        measured: the measurements, one line each; the first is the basis of the verdict.
    """

    title: str
    paper: str
    verdict: str = UNTESTED
    measured: tuple[str, ...] = ("Not measured in this run.",)

    def judged(self, holds: bool, *measured: str) -> "Finding":
        """Return this claim with a verdict and the measurements."""
        return Finding(self.title, self.paper, HOLDS if holds else FAILS, measured)

    def undecided(self, *measured: str) -> "Finding":
        """Return this claim without a verdict, and with measurements that explain why they cannot decide it."""
        return Finding(self.title, self.paper, UNDECIDED, measured)


def described(estimate: Estimate) -> str:
    """Format an estimate of a log ratio as a factor with its interval."""
    return f"{formats.factor(estimate.mean)} {formats.factor_interval(estimate.low, estimate.high)}"
