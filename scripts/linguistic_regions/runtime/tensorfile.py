"""Safetensors files larger than memory: written and read one tensor at a time, with checksums in their metadata.

Needs numpy, safetensors and xxhash only.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from linguistic_regions.runtime.checksums import CHUNK, chunk_checksums
from linguistic_regions.runtime.storage import atomic_write

Shape = tuple[int, ...]
CHECKSUMS = "checksums"  # metadata key: the checksums of each tensor's chunks, as JSON
NAMES = {np.dtype(np.float32): "F32", np.dtype(np.uint8): "U8", np.dtype(bool): "BOOL"}  # of the supported dtypes


@dataclass
class TensorWriter:
    """An open file, to which the tensors are written in the order of `create`'s `shapes`.

    Attributes:
        file: the open file.
        expected: the tensors yet to be written: (name, shape, dtype).
        checksums: the checksums of each tensor's chunks; zeros until the tensor is written.
    """

    file: BinaryIO
    expected: Iterator[tuple[str, Shape, np.dtype]]
    checksums: dict[str, list[str]]

    def write(self, name: str, array: np.ndarray) -> None:
        """Write the next tensor.

        Raises:
            ValueError: its name, shape or dtype is not the expected one.
        """
        if (name, array.shape, array.dtype) != next(self.expected, None):
            raise ValueError(f"{name} {array.shape} {array.dtype} is not the expected tensor")
        array = np.ascontiguousarray(array)
        self.checksums[name] = chunk_checksums(array)
        self.file.write(array.data)


@contextmanager
def create(
    path: str | Path, shapes: Mapping[str, Shape], dtype: str, metadata: dict[str, str]
) -> Iterator[TensorWriter]:
    """Write a safetensors file tensor by tensor; it appears under its name when the block ends.

    Args:
        path: the file.
        shapes: shape of each tensor, in the order in which they are written.
        dtype: dtype of all tensors: "float32", "uint8" or "bool".
        metadata: strings. The block may change values, but their JSON must not become longer, because the header
            precedes the tensors.

    Raises:
        ValueError: a tensor was not written, or the metadata became longer.
    """
    kind = np.dtype(dtype)
    expected = ((name, tuple(shape), kind) for name, shape in shapes.items())
    sizes = {name: kind.itemsize * math.prod(shape) for name, shape in shapes.items()}
    checksums = {name: ["0" * 16] * -(-size // CHUNK) for name, size in sizes.items()}
    with atomic_write(path) as part, part.open("wb") as file:
        head = _header(shapes, kind, metadata, checksums)
        reserved = -(-len(head) // 8) * 8  # data begins at a multiple of eight bytes
        file.write(reserved.to_bytes(8, "little") + head.ljust(reserved))
        writer = TensorWriter(file, expected, checksums)
        yield writer
        if (missing := next(writer.expected, None)) is not None:
            raise ValueError(f"{path}: the tensor {missing[0]} was not written")
        head = _header(shapes, kind, metadata, checksums)
        if len(head) > reserved:
            raise ValueError(f"{path}: its metadata grew beyond {reserved} bytes")
        file.seek(8)
        file.write(head.ljust(reserved))


def _header(
    shapes: Mapping[str, Shape], dtype: np.dtype, metadata: dict[str, str], checksums: dict[str, list[str]]
) -> bytes:
    labels = metadata | {CHECKSUMS: json.dumps(checksums)}
    entries, end = {"__metadata__": dict(sorted(labels.items()))}, 0  # safetensors returns them in a random order
    for name, shape in shapes.items():
        start, end = end, end + dtype.itemsize * math.prod(shape)
        entries[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    return json.dumps(entries, separators=(",", ":")).encode()


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a safetensors file.

    Attributes:
        path: the file.
        offset: byte at which its data begins.
        dtype: its dtype.
        shape: its shape.
        checksums: of its chunks; empty if the file has none.
    """

    path: Path
    offset: int
    dtype: np.dtype
    shape: Shape
    checksums: list[str]

    def values(self, start: int, stop: int) -> np.ndarray:
        """The flattened values from `start` to `stop`, memory-mapped, after checking their checksums.

        Args:
            start: index of the first value, at the start of a chunk (of `checksums.CHUNK` bytes).
            stop: index after the last value, at the end of a chunk or of the tensor.

        Returns:
            Shape (stop - start,), of the tensor's dtype.

        Raises:
            SafetensorError: the values are corrupted.
        """
        begin = start * self.dtype.itemsize
        view = np.memmap(self.path, self.dtype, "r", self.offset + begin, (stop - start,))
        if self.checksums:
            actual = chunk_checksums(view)
            if actual != self.checksums[begin // CHUNK :][: len(actual)]:
                raise SafetensorError("a checksum differs")
        return view


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, without the checksums."""
    with safe_open(path, "numpy") as file:
        return {key: value for key, value in (file.metadata() or {}).items() if key != CHECKSUMS}


def header(path: Path) -> tuple[dict[str, dict], int]:
    """Read the header of a safetensors file.

    Returns:
        `dtype`, `shape` and `data_offsets` by tensor; and the byte at which the data begins.

    Raises:
        SafetensorError: the file is corrupted.
        OSError: the file cannot be read.
    """
    with safe_open(path, "numpy"):
        pass  # the library checks that the header matches the file
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


def index(paths: Iterable[Path]) -> dict[str, StoredTensor]:
    """Locate the tensors of one or more files (shards).

    Returns:
        The tensors by name, in ascending order.

    Raises:
        SafetensorError: a file is corrupted, or has a tensor of another dtype than float32, uint8 and bool.
    """
    found = {}
    for path in paths:
        entries, data = header(path)
        checksums = json.loads(entries.get("__metadata__", {}).get(CHECKSUMS, "{}"))
        for name, tensor in entries.items():
            if name != "__metadata__":
                dtype = next((dtype for dtype, known in NAMES.items() if known == tensor["dtype"]), None)
                if dtype is None:
                    raise SafetensorError(f"{name} is {tensor['dtype']}, not float32")
                offset = data + tensor["data_offsets"][0]
                shape = tuple(tensor["shape"])
                found[name] = StoredTensor(path, offset, dtype, shape, checksums.get(name, []))
    return dict(sorted(found.items()))
