"""The command line of every program: arguments from a function's signature, help from its docstring, one-line errors.

A program in `scripts/` is a function that is passed to `run`.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import tyro

from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.runtime.joblogs import WARNING
from linguistic_regions.runtime.progress import IS_RANK_ZERO

TYRO_CONFIG = (tyro.conf.FlagConversionOff,)  # booleans take a value: --base True


def run(*functions: Callable) -> None:
    """Run one function, or one of several as subcommands, with the arguments in `sys.argv`.

    A `UserError` or a system error (no space, no memory, no permission) is printed as one line on standard error, and
    the exit code is 1.
    """
    logging.basicConfig(
        level=logging.INFO if IS_RANK_ZERO else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
    for handler in logging.getLogger().handlers:  # of libraries, warnings only
        handler.addFilter(lambda record: record.name == "root" or record.levelno >= logging.WARNING)
        handler.setFormatter(_Formatter())
    try:
        if len(functions) == 1:
            tyro.cli(functions[0], config=TYRO_CONFIG)
        else:
            commands = {function.__name__: function for function in functions}
            tyro.extras.subcommand_cli_from_dict(commands, config=TYRO_CONFIG)
    except BrokenPipeError:  # the reader of our output, such as head, has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        user_error = error if isinstance(error, UserError) else system_error(error)
        if user_error is None:
            raise
        sys.exit(f"{Path(sys.argv[0]).name}: error: {' '.join(str(user_error).split())}")


class _Formatter(logging.Formatter):
    """Messages as they are, and warnings marked as such, so that a run can repeat them at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        return f"{WARNING if record.levelno == logging.WARNING else ''}{super().format(record)}"
