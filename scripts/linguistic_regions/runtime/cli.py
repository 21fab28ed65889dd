"""The command line of every program: arguments from a function's signature, help from its docstring, one-line errors.

A program in `scripts/` is a function that is passed to `run`.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import get_type_hints

import tyro
from tyro._errors import on_parse_error

from linguistic_regions.runtime.arguments import refuse
from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.runtime.joblogs import WARNING
from linguistic_regions.runtime.options import mistakes, outputs_in_use
from linguistic_regions.runtime.progress import IS_RANK_ZERO

TYRO_CONFIG = (tyro.conf.FlagConversionOff,)  # booleans take a value: --base True


def run(*functions: Callable) -> None:
    """Run one function, or one of several as subcommands, with the arguments in `sys.argv`.

    Arguments that do not fit the function (`runtime/arguments.py`), and values that the types of its parameters rule
    out (`runtime/options.py`), are refused before it runs. A `UserError` or a system error (no space, no memory, no
    permission) is printed on standard error, a line for each mistake, and the exit code is 1.
    """
    logging.basicConfig(
        level=logging.INFO if IS_RANK_ZERO else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
    for handler in logging.getLogger().handlers:  # of libraries, warnings only
        handler.addFilter(lambda record: record.name == "root" or record.levelno >= logging.WARNING)
        handler.setFormatter(_Formatter())
    try:
        with on_parse_error(refuse):
            if len(functions) == 1:
                tyro.cli(_checked(functions[0]), config=TYRO_CONFIG)
            else:
                commands = {function.__name__: _checked(function) for function in functions}
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
        program = Path(sys.argv[0]).name
        sys.exit("\n".join(f"{program}: error: {' '.join(line.split())}" for line in user_error.args))


def _checked(function: Callable) -> Callable:
    """The function, but its arguments are checked first."""

    @wraps(function)
    def checked(*positional: object, **named: object) -> object:
        given = signature(function).bind(*positional, **named).arguments
        kinds = get_type_hints(function, include_extras=True)
        found = [mistake for name, value in given.items() for mistake in mistakes(name, kinds[name], value)]
        found += outputs_in_use(given, kinds)
        if found:
            raise UserError(*dict.fromkeys(found))
        return function(*positional, **named)

    return checked


class _Formatter(logging.Formatter):
    """Messages as they are, and warnings marked as such, so that a run can repeat them at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        return f"{WARNING if record.levelno == logging.WARNING else ''}{super().format(record)}"
