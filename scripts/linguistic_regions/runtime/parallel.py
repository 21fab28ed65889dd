"""Process large arrays slice by slice in several threads; numpy releases the GIL while it computes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None


def set_threads(threads: int) -> None:
    """Set the number of threads of `map_slices`; the default is one."""
    global _pool
    _pool = ThreadPoolExecutor(threads) if threads > 1 else None


def map_slices(work: Callable[[slice], Result], size: int, width: int) -> list[Result]:
    """Call `work` with consecutive slices of `range(size)`, each `width` long; the last may be shorter.

    Returns:
        The results, in the order of the slices.
    """
    slices = [slice(start, min(start + width, size)) for start in range(0, size, width)]
    return list(_pool.map(work, slices) if _pool else map(work, slices))
