"""What every program of the workflow shares: a command line from a signature, one-line errors, progress.

A program in `scripts/` is a function; `run(function)` makes its signature the command line and its docstring the help.
"""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import tyro

from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.runtime.progress import IS_RANK_ZERO

VALUES = (tyro.conf.FlagConversionOff,)  # truth values are said as such: --base True


def run(*functions: Callable) -> None:
    """Run a program: one function, or several as subcommands, with the arguments of `sys.argv`.

    A `UserError`, and what the machine refuses, is printed as one line on standard error and ends the program with
    exit code 1.
    """
    logging.basicConfig(
        level=logging.INFO if IS_RANK_ZERO else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
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
        told = error if isinstance(error, UserError) else system_error(error)
        if told is None:
            raise
        sys.exit(f"{Path(sys.argv[0]).name}: error: {' '.join(str(told).split())}")
