"""Progress bars with an estimate of the remaining time; in a log, a line at regular intervals."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from tqdm import tqdm

LOG_INTERVAL = 10.0  # seconds between two progress lines in a log
SHORT = 2.0  # seconds
IS_RANK_ZERO = os.environ.get("RANK", "0") == "0"  # `accelerate launch` sets RANK


def progress(items: Iterable | None, description: str, total: int | None = None, unit: str = "it") -> tqdm:
    """Iterate over `items` and show progress and remaining time on standard error.

    If standard error is not a terminal, a line is printed every `LOG_INTERVAL` seconds. Nothing is shown in the first
    `SHORT` seconds.

    Args:
        items: what to iterate over; None: the caller advances the bar with `update(n)`.
        description: what is being done.
        total: number of items; None: `len(items)`, if it has a length.
        unit: what an item is called.
    """
    if sys.stderr.isatty():
        return tqdm(
            items, desc=description, total=total, unit=unit, dynamic_ncols=True, delay=SHORT, disable=not IS_RANK_ZERO
        )
    return tqdm(
        items,
        desc=description,
        total=total,
        unit=unit,
        file=_Lines(),
        mininterval=LOG_INTERVAL,
        miniters=1,
        ncols=100,
        ascii=True,
        delay=SHORT,
        disable=not IS_RANK_ZERO,
    )


class _Lines:
    """Standard error for a log: carriage returns become line ends, and blank updates are dropped."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            with suppress(BrokenPipeError):  # the process that writes the log has exited; the state can still be saved
                print(text, file=sys.stderr, flush=True)

    def flush(self) -> None:
        sys.stderr.flush()
