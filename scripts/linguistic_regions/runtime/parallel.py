"""Large arrays gone through part by part, by several threads: numpy lets go of Python's lock while it computes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None


def set_threads(threads: int) -> None:
    """How many threads `each_part` uses from now on; one at first."""
    global _pool
    _pool = ThreadPoolExecutor(threads) if threads > 1 else None


def each_part(work: Callable[[slice], Result], size: int, width: int) -> list[Result]:
    """Call `work` with each part of `range(size)`, `width` long (the last may be shorter); its results in order."""
    parts = [slice(start, min(start + width, size)) for start in range(0, size, width)]
    return list(_pool.map(work, parts) if _pool else map(work, parts))
