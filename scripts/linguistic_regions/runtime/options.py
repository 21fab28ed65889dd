"""Types of options of the programs: which values make sense. `runtime/cli.py` checks them before a program runs."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from itertools import combinations, product
from pathlib import Path
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin, get_type_hints

from linguistic_regions.runtime.errors import UserError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Range:
    """Numbers that make sense: finite, and between two ends.

    Attributes:
        low: the lower end.
        high: the upper end.
        inside: whether the ends themselves make no sense.
    """

    low: float
    high: float = math.inf
    inside: bool = False

    def mistake(self, value: float) -> str | None:
        """What is wrong with a value."""
        if not math.isfinite(value):
            return f"{value} is not a finite number"
        if value < self.low or (self.inside and value == self.low):
            return f"{value} must be {'more than' if self.inside else 'at least'} {self.low}"
        if value > self.high or (self.inside and value == self.high):
            return f"{value} must be {'less than' if self.inside else 'at most'} {self.high}"
        return None


@dataclass(frozen=True)
class Ascending:
    """Numbers in ascending order, each once.

    Attributes:
        some: whether there must be at least one.
    """

    some: bool = False

    def mistake(self, values: tuple) -> str | None:
        """What is wrong with the numbers."""
        if self.some and not values:
            return "no number is given: give at least one"
        if list(values) != sorted(set(values)):
            return f"{' '.join(map(str, values))} must be in ascending order, without duplicates"
        return None


@dataclass(frozen=True)
class ExistingFolder:
    """A folder that must be there."""

    def mistake(self, path: Path) -> str | None:
        """What is wrong with a path."""
        return None if path.is_dir() else f"there is no folder {path}: check the path (~ is not expanded)"


@dataclass(frozen=True)
class NoFolder:
    """A file to read, which is not a folder; if it is missing, the program that reads it says so."""

    def mistake(self, path: Path) -> str | None:
        """What is wrong with a path."""
        return f"{path} is a folder: name its files" if path.is_dir() else None


@dataclass(frozen=True)
class Writable:
    """A file or folder to write, which a long program finds out before its work.

    Attributes:
        is_file: whether it is a file.
    """

    is_file: bool = False

    def mistake(self, path: Path) -> str | None:
        """What is wrong with a path."""
        there = next(each for each in (path, *path.absolute().parents) if each.exists())
        if there.is_dir() and there == path and self.is_file:
            return f"{path} is a folder: name a file"
        if not there.is_dir() and not (self.is_file and there == path):
            return f"{there} is a file: name another path"
        return None if os.access(there, os.W_OK) else f"{there} cannot be written: change its permissions"


@dataclass(frozen=True)
class NothingThere:
    """A folder to write as a whole, so that it must be new or empty."""

    def mistake(self, path: Path) -> str | None:
        """What is wrong with a path."""
        is_new = not path.exists() or (path.is_dir() and not any(path.iterdir()))
        return None if is_new else f"{path} exists: remove it, or name another folder"


@dataclass(frozen=True)
class PlainName:
    """The name of a file, without folders."""

    def mistake(self, name: str) -> str | None:
        """What is wrong with a name."""
        return None if name and name == Path(name).name else f"{name!r} must be the name of a file, without folders"


Count = Annotated[int, Range(1)]
Number = Annotated[int, Range(0)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Threads = Annotated[int, Range(1, 1024)]
Positive = Annotated[float, Range(0, inside=True)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Ratio = Annotated[float, Range(0, 1, inside=True)]
Folder = Annotated[Path, ExistingFolder()]
OutputFile = Annotated[Path, Writable(is_file=True)]
OutputFolder = Annotated[Path, Writable()]
NewFolder = Annotated[Path, Writable(), NothingThere()]
File = Annotated[Path, NoFolder()]
FileName = Annotated[str, PlainName()]


def mistakes(name: str, kind: object, value: object) -> Iterator[str]:
    """Yield what is wrong with the value of an option, or with those of its fields if it is a dataclass.

    Args:
        name: of the parameter or field.
        kind: its type, with annotations.
        value: what was given.
    """
    arguments = get_args(kind)
    if value is None:
        return
    if get_origin(kind) is Annotated:
        found = [check.mistake(value) for check in arguments[1:] if hasattr(check, "mistake")]
        yield from (f"--{name.replace('_', '-')}: {mistake}" for mistake in found if mistake)
        yield from mistakes(name, arguments[0], value)
    elif get_origin(kind) in (Union, UnionType):
        for one in arguments:
            yield from mistakes(name, one, value)
    elif get_origin(kind) is tuple:
        for item in value:
            yield from mistakes(name, arguments[0], item)
    elif is_dataclass(kind):
        for field, of in get_type_hints(kind, include_extras=True).items():
            yield from mistakes(field, of, getattr(value, field))


def outputs_in_use(given: Mapping[str, object], kinds: Mapping[str, object]) -> Iterator[str]:
    """Yield a mistake for each output that is the same file or folder as the value of another option.

    Args:
        given: the values of all options, by name.
        kinds: their types; those of outputs have a check `Writable`.
    """
    paths = {name: value if isinstance(value, tuple) else (value,) for name, value in given.items()}
    paths = {name: {one.resolve(): one for one in values if isinstance(one, Path)} for name, values in paths.items()}
    outputs = [name for name in paths if _is_output(kinds[name])]
    others = [name for name in paths if name not in outputs]
    for output, other in [*product(outputs, others), *combinations(outputs, 2)]:
        for path in paths[output].keys() & paths[other].keys():
            flags = [f"--{name.replace('_', '-')}" for name in (output, other)]
            yield f"{flags[0]}: {paths[output][path]} is also {flags[1]}: name another"


def _is_output(kind: object) -> bool:
    return any(isinstance(part, Writable) or _is_output(part) for part in get_args(kind))


def required(value: Value | None, flag: str, source: str) -> Value:
    """Return the value of an option that a source needs.

    Raises:
        UserError: it was not given.
    """
    if not value:
        raise UserError(f"source '{source}' needs {flag}")
    return value
