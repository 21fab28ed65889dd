"""Progress with a remaining time: a bar in a terminal, a line now and then in a log."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from tqdm import tqdm

LOG_INTERVAL = 10.0  # seconds between two progress lines in a log


IS_RANK_ZERO = os.environ.get("RANK", "0") == "0"  # of several processes of one program (accelerate launch) the first


def progress(
    items: Iterable | None, description: str, total: int | None = None, unit: str = "it", delay: float = 0.0
) -> tqdm:
    """Iterate over `items` and show how far it is and how long it will take; without items, as `update(n)` says.

    A bar in a terminal; in a log (standard error is no terminal) a line every `LOG_INTERVAL` seconds. Nothing is shown
    of what ends within `delay` seconds.
    """
    if sys.stderr.isatty():
        return tqdm(
            items, desc=description, total=total, unit=unit, dynamic_ncols=True, delay=delay, disable=not IS_RANK_ZERO
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
        delay=delay,
        disable=not IS_RANK_ZERO,
    )


class _Lines:
    """Standard error for a log: a carriage return becomes a line end, blank updates vanish."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            with suppress(BrokenPipeError):  # whoever wrote the log was ended first: the work may still be saved
                print(text, file=sys.stderr, flush=True)

    def flush(self) -> None:
        sys.stderr.flush()
