"""What tells data from other data, and whole data from what rotted on its disk. Needs numpy and xxhash only.

The hash is xxh3, which is as fast as memory is read: it is proof against chance, not against malice.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xxhash

from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import read_json, unreadable

CHUNK = 1 << 24  # bytes that have a checksum of their own
SEAL = "checksums.json"
SHOWN = {"description": "checksums", "unit": "file", "delay": 3.0}  # progress, of models that take longer


def fingerprint(facts: Iterable[object]) -> str:
    """What tells things apart, in hexadecimal: of arrays by all that is in them, of all else as it is printed."""
    total = xxhash.xxh3_128()
    for fact in facts:
        if isinstance(fact, np.ndarray):
            total.update(f"{fact.dtype} {fact.shape} ".encode())
            total.update(np.ascontiguousarray(fact))
        else:
            total.update(f"{fact!r} ".encode())
    return total.hexdigest()


def chunk_checksums(data: np.ndarray) -> list[str]:
    """The checksum of each `CHUNK` bytes of an array, the last of which may be fewer: 16 hexadecimal digits."""
    flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    return [xxhash.xxh3_64_hexdigest(flat[start : start + CHUNK]) for start in range(0, len(flat), CHUNK)]


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files in a folder beside them, for `verify_checksums`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    sums = {path.relative_to(folder).as_posix(): _of_file(path) for path in progress(files, **SHOWN)}
    (folder / SEAL).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def verify_checksums(folder: Path, kind: str) -> None:
    """See that the files of a folder are those that were sealed; of one without a seal nothing is known.

    Args:
        folder: where `write_checksums` was called.
        kind: what errors call it.

    Raises:
        UserError: a file is not there, or not what it was.
    """
    if not (folder / SEAL).exists():
        return
    for name, checksum in progress(read_json(folder / SEAL).items(), **SHOWN):
        try:
            now = _of_file(folder / name)
        except OSError as error:
            raise unreadable(folder, kind, error) from None
        if now != checksum:
            raise unreadable(folder, kind, f"{name} is not what was written: its checksum differs")


def _of_file(path: Path) -> str:
    total, buffer = xxhash.xxh3_64(), bytearray(CHUNK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total.update(memoryview(buffer)[:count])
    return total.hexdigest()
