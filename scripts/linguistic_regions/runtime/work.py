"""Elapsed and remaining time of a run, in weighted work: long jobs count more than short ones."""

from collections.abc import Mapping
from dataclasses import dataclass

# The estimate counts as much as so much measured work: a share of the whole, at most some seconds.
PRIOR_SHARE, PRIOR_SECONDS = 0.1, 60.0


@dataclass(frozen=True)
class Job:
    """A job that will run.

    Attributes:
        rule: name of its rule.
        seconds: how long it should take.
        share: share of the machine that it takes: 0.5 if two such jobs run at a time.
    """

    rule: str
    seconds: float
    share: float


class Work:
    """Elapsed and remaining time. A job weighs its seconds times its share of the machine.

    Args:
        jobs: the jobs that will run, by Snakemake's job id.
        start: time at which the run starts, in seconds.
    """

    def __init__(self, jobs: Mapping[int, Job], start: float) -> None:
        self.start = start
        self._jobs = jobs
        self._total = sum(job.seconds * job.share for job in jobs.values())
        self._prior = max(0.001, min(PRIOR_SHARE * self._total, PRIOR_SECONDS))
        self._begun: dict[int, float] = {}
        self._ended: set[int] = set()

    def begin(self, number: int, now: float) -> None:
        """A job begins, for the first time or again."""
        self._begun[number] = now

    def end(self, number: int, now: float, done: bool = True) -> float:
        """A job ends, done or not; returns the seconds that it took."""
        if done:
            self._ended.add(number)
        return now - self._begun.pop(number, now)

    def done(self, now: float) -> float:
        """The share of the work that is done, from 0 to 1. A job that runs counts for as long as it should take."""
        return 1.0 - self._left(now) / self._total if self._total else 0.0

    def remaining(self, now: float) -> float:
        """The seconds that remain: the estimate, but no less than those of the longest job, corrected by the pace so
        far."""
        left = self._left(now)
        longest = max((self._seconds_left(number, now) for number in self._jobs), default=0.0)
        pace = (now - self.start + self._prior) / (self._total - left + self._prior)
        return max(left, longest) * pace

    def _left(self, now: float) -> float:
        return sum(self._seconds_left(number, now) * job.share for number, job in self._jobs.items())

    def _seconds_left(self, number: int, now: float) -> float:
        """The seconds that a job should still take."""
        if number in self._ended:
            return 0.0
        return max(0.0, self._jobs[number].seconds - (now - self._begun.get(number, now)))


def duration(seconds: float) -> str:
    """Seconds in a unit that people use: 12 s, 8 min, 3.5 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"
