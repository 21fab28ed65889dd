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
CHECKSUMS = "checksums"  # the key of the metadata: for each tensor those of its pieces, as JSON
NAMES = {np.dtype(np.float32): "F32", np.dtype(np.uint8): "U8", np.dtype(bool): "BOOL"}  # of what is written here


@dataclass
class TensorWriter:
    """An open file that takes its tensors in the order in which they were announced.

    Attributes:
        file: where to write.
        expected: the tensors still to come, (name, shape, dtype).
        checksums: for each tensor those of its pieces; as long before it is written as after.
    """

    file: BinaryIO
    expected: Iterator[tuple[str, Shape, np.dtype]]
    checksums: dict[str, list[str]]

    def write(self, name: str, array: np.ndarray) -> None:
        """Write the next tensor; its name, shape and dtype must be as announced."""
        if (name, array.shape, array.dtype) != next(self.expected, None):
            raise ValueError(f"{name} {array.shape} {array.dtype} is not the tensor announced")
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
        shapes: the tensors, in the order in which they will be written.
        dtype: of all of them: "float32", "uint8" or "bool".
        metadata: strings. The block may change values, but not make their JSON longer: the header precedes the
            tensors, and has room for what it was announced with.
    """
    kind = np.dtype(dtype)
    announced = ((name, tuple(shape), kind) for name, shape in shapes.items())
    sizes = {name: kind.itemsize * math.prod(shape) for name, shape in shapes.items()}
    checksums = {name: ["0" * 16] * -(-size // CHUNK) for name, size in sizes.items()}
    with atomic_write(path) as part, part.open("wb") as file:
        head = _header(shapes, kind, metadata, checksums)
        room = -(-len(head) // 8) * 8  # data begins at a multiple of eight bytes
        file.write(room.to_bytes(8, "little") + head.ljust(room))
        writer = TensorWriter(file, announced, checksums)
        yield writer
        if (missing := next(writer.expected, None)) is not None:
            raise ValueError(f"{path}: {missing[0]} was announced and not written")
        head = _header(shapes, kind, metadata, checksums)
        if len(head) > room:
            raise ValueError(f"{path}: its metadata grew beyond {room} bytes")
        file.seek(8)
        file.write(head.ljust(room))


def _header(
    shapes: Mapping[str, Shape], dtype: np.dtype, metadata: dict[str, str], checksums: dict[str, list[str]]
) -> bytes:
    described, end = {"__metadata__": metadata | {CHECKSUMS: json.dumps(checksums)}}, 0
    for name, shape in shapes.items():
        start, end = end, end + dtype.itemsize * math.prod(shape)
        described[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    return json.dumps(described, separators=(",", ":")).encode()


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a safetensors file: where its flattened values are, its shape, and its pieces' checksums, if any."""

    path: Path
    offset: int
    dtype: np.dtype
    shape: Shape
    checksums: list[str]

    def values(self, start: int, stop: int) -> np.ndarray:
        """A view of the flattened values from `start` to `stop`, mapped from the file.

        Args:
            start: where a piece (of `checksums.PIECE` bytes) begins.
            stop: where one ends.

        Raises:
            SafetensorError: they are not what was written.
        """
        begin = start * self.dtype.itemsize
        view = np.memmap(self.path, self.dtype, "r", self.offset + begin, (stop - start,))
        if self.checksums:
            now = chunk_checksums(view)
            if now != self.checksums[begin // CHUNK :][: len(now)]:
                raise SafetensorError("it does not hold what was written: a checksum differs")
        return view


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; without the checksums."""
    with safe_open(path, "numpy") as file:
        return {key: value for key, value in (file.metadata() or {}).items() if key != CHECKSUMS}


def header(path: Path) -> tuple[dict[str, dict], int]:
    """The header of a safetensors file: `dtype`, `shape` and `data_offsets` by tensor; and where the data begin.

    Raises:
        SafetensorError: the file is damaged.
        OSError: it cannot be read.
    """
    with safe_open(path, "numpy"):
        pass  # the library checks that header and file fit each other
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


def index(paths: Iterable[Path]) -> dict[str, StoredTensor]:
    """Where the tensors of one or more files (shards) are, by name in ascending order.

    Raises:
        SafetensorError: a file is damaged or holds another dtype than float32, uint8 and bool.
    """
    found = {}
    for path in paths:
        described, data = header(path)
        checksums = json.loads(described.get("__metadata__", {}).get(CHECKSUMS, "{}"))
        for name, tensor in described.items():
            if name != "__metadata__":
                dtype = next((dtype for dtype, known in NAMES.items() if known == tensor["dtype"]), None)
                if dtype is None:
                    raise SafetensorError(f"{name} is {tensor['dtype']}; float32 is expected")
                offset = data + tensor["data_offsets"][0]
                shape = tuple(tensor["shape"])
                found[name] = StoredTensor(path, offset, dtype, shape, checksums.get(name, []))
    return dict(sorted(found.items()))
