"""Elapsed and remaining time of a run, in weighted work: long jobs count more than short ones."""

from collections.abc import Mapping
from dataclasses import dataclass

PRIOR = 60.0  # seconds of work for which the estimate counts as much as what was measured


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
        self._weights = {number: job.seconds * job.share for number, job in jobs.items()}
        self._shares = {number: job.share for number, job in jobs.items()}
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
        return self._done(now) / (sum(self._weights.values()) or 1.0)

    def remaining(self, now: float) -> float:
        """The seconds that remain: the estimate, corrected by the pace so far."""
        done = self._done(now)
        return (sum(self._weights.values()) - done) * (now - self.start + PRIOR) / (done + PRIOR)

    def _done(self, now: float) -> float:
        running = sum(
            min(self._weights.get(number, 0.0), (now - begun) * self._shares.get(number, 0.0))
            for number, begun in self._begun.items()
        )
        return running + sum(self._weights.get(number, 0.0) for number in self._ended)


def duration(seconds: float) -> str:
    """Seconds in a unit that people use: 12 s, 8 min, 3.5 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"
