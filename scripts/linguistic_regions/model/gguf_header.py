"""Parse the header of a GGUF file: metadata, and the location of the tensors. Standard library only.

The `gguf` package takes seconds to read a vocabulary, which is too slow for the shape that every start needs.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

NUMBER_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
MAX_LENGTH = 1 << 28  # bytes of a string, or values of an array; a larger number means that the file is corrupted


class InvalidGguf(Exception):
    """The file is not a GGUF file, is corrupted, or is truncated."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a GGUF file.

    Attributes:
        name: its name in the file.
        shape: rows first, as in PyTorch.
        kind: number of its type (`GGMLQuantizationType`).
        offset: byte at which it begins, from the start of the data.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """The header of a GGUF file.

    Attributes:
        metadata: values by key; for an array of strings only their number, unless the strings were requested.
        tensors: in the order of the file.
        data: byte at which the data begins.
    """

    metadata: dict[str, object]
    tensors: list[Tensor]
    data: int


def read(path: Path, strings: tuple[str, ...] = ()) -> Header:
    """Read the header of a file.

    Args:
        path: the file.
        strings: metadata keys whose arrays of strings are read.

    Raises:
        InvalidGguf: the file is not a GGUF file, or its header is corrupted or truncated.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return parse(file, strings)


def parse(file: BinaryIO, strings: tuple[str, ...] = ()) -> Header:
    """Like `read`, for a file that is open and at its beginning."""
    if file.read(4) != b"GGUF":
        raise InvalidGguf("it does not begin with GGUF")
    (version,) = _numbers(file, "I")
    if version not in (2, 3):
        raise InvalidGguf(f"its version is {version}; versions 2 and 3 are supported")
    tensors, count = _numbers(file, "QQ")
    metadata: dict[str, object] = {}
    for _ in range(count):
        key = _text(file)
        metadata[key] = _value(file, *_numbers(file, "I"), key in strings)
    found = [_tensor(file) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1 or not isinstance(metadata.get("general.architecture"), str):
        raise InvalidGguf(
            "it does not name its architecture" if isinstance(alignment, int) else "its alignment is not a number"
        )
    return Header(metadata, found, -(-file.tell() // alignment) * alignment)


def _tensor(file: BinaryIO) -> Tensor:
    name = _text(file)
    (dimensions,) = _numbers(file, "I")
    if dimensions > 8:
        raise InvalidGguf(f"{name} has {dimensions} dimensions")
    shape = _numbers(file, "Q" * dimensions)
    return Tensor(name, shape[::-1], *_numbers(file, "IQ"))


def _value(file: BinaryIO, kind: int, strings: bool = False) -> object:
    if kind in NUMBER_FORMATS:
        return _numbers(file, NUMBER_FORMATS[kind])[0]
    if kind == STRING:
        return _text(file)
    if kind != ARRAY:
        raise InvalidGguf(f"its metadata has a value of the unknown type {kind}")
    inner, count = _numbers(file, "IQ")
    if count > MAX_LENGTH:
        raise InvalidGguf("its metadata is corrupted")
    if inner in NUMBER_FORMATS:
        return list(_numbers(file, f"{count}{NUMBER_FORMATS[inner]}"))
    if inner == STRING and not strings:
        for _ in range(count):
            _bytes(file, *_numbers(file, "Q"))
        return count
    return [_value(file, inner, strings) for _ in range(count)]


def _numbers(file: BinaryIO, form: str) -> tuple:
    form = f"<{form}"
    return struct.unpack(form, _bytes(file, struct.calcsize(form)))


def _text(file: BinaryIO) -> str:
    return _bytes(file, *_numbers(file, "Q")).decode("utf-8", errors="replace")


def _bytes(file: BinaryIO, length: int) -> bytes:
    if length > MAX_LENGTH:
        raise InvalidGguf("its header is corrupted")
    content = file.read(length)
    if len(content) < length:
        raise InvalidGguf("its header is truncated")
    return content
