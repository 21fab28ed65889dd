"""What every program of the workflow shares: a command line from a signature, one-line errors, progress.

A program in `scripts/` is a function; `run(function)` makes its signature the command line and its docstring the help.
"""

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import tyro
from tqdm import tqdm

VALUES = (tyro.conf.FlagConversionOff,)  # truth values are said as such: --base True
LOG_INTERVAL = 10.0  # seconds between two progress lines in a log
SPEAKS = os.environ.get("RANK", "0") == "0"  # of several processes of one program (accelerate launch) the first

GO_ON = "what is finished stays, and the same command goes on"
REFUSALS = {  # of the operating system, and what to do
    errno.ENOSPC: f"free some space; {GO_ON}",
    errno.EDQUOT: f"free some space or have the quota raised; {GO_ON}",
    errno.EROFS: f"make it writable, or make results a link to a folder that is; {GO_ON}",
    errno.EACCES: "change its permissions or its owner",
    errno.EPERM: "change its permissions or its owner",
}
OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory", re.IGNORECASE)  # torch, of a CPU and of a GPU


class UserError(Exception):
    """A mistake that the user can mend: its one line says what is wrong, where, and what to do."""


def refusal(error: Exception, path: object = None) -> UserError | None:
    """What the machine refused: space, memory, permission, as a person wants it told; None for any other error.

    Args:
        error: of Python, or of a library that passes the operating system's on.
        path: what was being written, where the error does not know.
    """
    if isinstance(error, UserError):
        return None
    number, named = getattr(error, "errno", None), getattr(error, "filename", None)
    if number is None and (told := re.search(r"\(os error (\d+)\)", str(error))):  # libraries written in Rust
        number = int(told[1])
    if number in (errno.EACCES, errno.EPERM) and not named:
        return None  # no file: a network's
    if number in REFUSALS:  # where there is no space the name may be that of a copy's source
        where = named if number in (errno.EACCES, errno.EPERM) else path or named or "a file"
        return UserError(f"{where}: {os.strerror(number)}: {REFUSALS[number]}")
    if isinstance(error, MemoryError) or number == errno.ENOMEM or OUT_OF_MEMORY.search(str(error)):
        said = str(error).splitlines()[0] if str(error) else "Cannot allocate memory"
        return UserError(
            f"not enough memory: {said}: lower batch_tokens, set activation_checkpointing or importance.offload, "
            f"or give the job more; {GO_ON}"
        )
    return None


def run(*functions: Callable) -> None:
    """Run a program: one function, or several as subcommands, with the arguments of `sys.argv`.

    A `UserError`, and what the machine refuses, is printed as one line on standard error and ends the program with
    exit code 1.
    """
    logging.basicConfig(level=logging.INFO if SPEAKS else logging.WARNING, format="%(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:  # what the programs say, and only warnings of libraries
        handler.addFilter(lambda record: record.name == "root" or record.levelno >= logging.WARNING)
    try:
        if len(functions) == 1:
            tyro.cli(functions[0], config=VALUES)
        else:
            tyro.extras.subcommand_cli_from_dict({function.__name__: function for function in functions}, config=VALUES)
    except BrokenPipeError:  # whoever read our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        told = error if isinstance(error, UserError) else refusal(error)
        if told is None:
            raise
        sys.exit(f"{Path(sys.argv[0]).name}: error: {' '.join(str(told).split())}")


def progress(
    items: Iterable | None, description: str, total: int | None = None, unit: str = "it", delay: float = 0.0
) -> tqdm:
    """Iterate over `items` and show how far it is and how long it will take; without items, as `update(n)` says.

    A bar in a terminal; in a log (standard error is no terminal) a line every `LOG_INTERVAL` seconds. Nothing is shown
    of what ends within `delay` seconds.
    """
    if sys.stderr.isatty():
        return tqdm(
            items, desc=description, total=total, unit=unit, dynamic_ncols=True, delay=delay, disable=not SPEAKS
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
        disable=not SPEAKS,
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
