"""The header of a GGUF file: what it says of the model, and where its tensors are. Standard library only.

The `gguf` package reads the same, but takes seconds for a vocabulary, and the shape of a model is wanted at each start.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
LONGEST = 1 << 28  # bytes of a string, values of an array: what is more is damaged


class Damaged(Exception):
    """A file that is no GGUF file, or that ends too early."""


@dataclass(frozen=True)
class Tensor:
    """A tensor: its shape as PyTorch has it, rows first, the number of its type, and its place in the data."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int

    @property
    def size(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a GGUF file says before its data.

    Attributes:
        metadata: by key; of an array of strings only their number, except of those that were asked for.
        tensors: in the file's order.
        data: where their data begins, in bytes.
    """

    metadata: dict[str, object]
    tensors: list[Tensor]
    data: int


def read(path: Path, strings: tuple[str, ...] = ()) -> Header:
    """The header of a file.

    Args:
        path: the file.
        strings: keys whose arrays of strings are wanted.

    Raises:
        Damaged: it is no GGUF file, or its header is not whole.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return parse(file, strings)


def parse(file: BinaryIO, strings: tuple[str, ...] = ()) -> Header:
    """The same of an open file, at its beginning."""
    if file.read(4) != b"GGUF":
        raise Damaged("it does not begin with GGUF")
    (version,) = _numbers(file, "I")
    if version not in (2, 3):
        raise Damaged(f"it is of version {version}; 2 and 3 can be read")
    tensors, count = _numbers(file, "QQ")
    metadata: dict[str, object] = {}
    for _ in range(count):
        key = _text(file)
        metadata[key] = _value(file, *_numbers(file, "I"), key in strings)
    found = [_tensor(file) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1 or not isinstance(metadata.get("general.architecture"), str):
        raise Damaged(
            "it does not name its architecture" if isinstance(alignment, int) else "its alignment is not a number"
        )
    return Header(metadata, found, -(-file.tell() // alignment) * alignment)


def _tensor(file: BinaryIO) -> Tensor:
    name = _text(file)
    (dimensions,) = _numbers(file, "I")
    if dimensions > 8:
        raise Damaged(f"{name} has {dimensions} dimensions")
    shape = _numbers(file, "Q" * dimensions)
    return Tensor(name, shape[::-1], *_numbers(file, "IQ"))


def _value(file: BinaryIO, kind: int, wanted: bool = False) -> object:
    if kind in NUMBERS:
        return _numbers(file, NUMBERS[kind])[0]
    if kind == STRING:
        return _text(file)
    if kind != ARRAY:
        raise Damaged(f"its metadata has a value of type {kind}, which there is not")
    inner, count = _numbers(file, "IQ")
    if count > LONGEST:
        raise Damaged("its metadata is damaged")
    if inner in NUMBERS:
        return list(_numbers(file, f"{count}{NUMBERS[inner]}"))
    if inner == STRING and not wanted:
        for _ in range(count):
            _bytes(file, *_numbers(file, "Q"))
        return count
    return [_value(file, inner, wanted) for _ in range(count)]


def _numbers(file: BinaryIO, form: str) -> tuple:
    form = f"<{form}"
    return struct.unpack(form, _bytes(file, struct.calcsize(form)))


def _text(file: BinaryIO) -> str:
    return _bytes(file, *_numbers(file, "Q")).decode("utf-8", errors="replace")


def _bytes(file: BinaryIO, length: int) -> bytes:
    if length > LONGEST:
        raise Damaged("its header is damaged")
    found = file.read(length)
    if len(found) < length:
        raise Damaged("it ends in its header")
    return found
