"""Timing of the benchmarks: the library and a reference alternate in one process; medians are reported."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        what: what is measured, and the problem size.
        ours: the library's result, with its unit.
        reference: the reference's result, and what the reference is.
        ratio: speed of the library relative to the reference: above 1, the library is faster.
        limit: the limiting resource (bytes, FLOPs), and how close the library comes to it.
    """

    what: str
    ours: str
    reference: str
    ratio: float
    limit: str


def seconds(function: Callable[[], object]) -> float:
    """Return the wall-clock time of one call, in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def medians(*functions: Callable[[], object], rounds: int = 5) -> list[float]:
    """Return the median seconds of each function, after one warm-up; functions alternate, so that noise affects all."""
    times = [[seconds(function) for function in functions] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]
