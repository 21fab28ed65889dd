"""How the benchmarks measure: our way and a reference in turns, in one process, medians of both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: what is measured, on which size.
        ours: our figure, with its unit.
        reference: the reference's figure, and what it is.
        ratio: ours over the reference's, as a speed: above 1, ours is faster.
        limit: what bounds it (bytes, FLOPs), and how far we are from that.
    """

    what: str
    ours: str
    reference: str
    ratio: float
    limit: str


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def medians(*functions: Callable[[], object], rounds: int = 5) -> list[float]:
    """Median seconds of each function; they take turns, so that a noisy machine disturbs all alike. One warm-up."""
    times = [[seconds(function) for function in functions] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]
