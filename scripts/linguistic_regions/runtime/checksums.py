"""Fingerprints that identify data, and checksums that detect corrupted files. Needs numpy and xxhash only.

The hash is xxh3, which is as fast as reading memory. It detects accidental changes, not deliberate ones.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xxhash

from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import read_json, unreadable

CHUNK = 1 << 24  # bytes per checksum
CHECKSUMS_FILE = "checksums.json"
PROGRESS = {"description": "checksums", "unit": "file"}


def fingerprint(facts: Iterable[object]) -> str:
    """Hash a sequence of objects: arrays by dtype, shape and content, everything else by its `repr`.

    Returns:
        32 hexadecimal digits.
    """
    digest = xxhash.xxh3_128()
    for fact in facts:
        if isinstance(fact, np.ndarray):
            digest.update(f"{fact.dtype} {fact.shape} ".encode())
            digest.update(np.ascontiguousarray(fact))
        else:
            digest.update(f"{fact!r} ".encode())
    return digest.hexdigest()


def chunk_checksums(data: np.ndarray) -> list[str]:
    """The checksum (16 hexadecimal digits) of each chunk of `CHUNK` bytes of an array; the last may be shorter."""
    flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    return [xxhash.xxh3_64_hexdigest(flat[start : start + CHUNK]) for start in range(0, len(flat), CHUNK)]


def write_checksums(folder: Path) -> None:
    """Write checksums.json, the checksums of all files in a folder, for `verify_checksums`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS_FILE)
    sums = {path.relative_to(folder).as_posix(): _file_checksum(path) for path in progress(files, **PROGRESS)}
    (folder / CHECKSUMS_FILE).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def verify_checksums(folder: Path, kind: str) -> None:
    """Check the files of a folder against its checksums.json; a folder without one is not checked.

    Args:
        folder: the folder that was given to `write_checksums`.
        kind: what error messages call it, such as "model".

    Raises:
        UserError: a file is missing, or its checksum differs.
    """
    if not (folder / CHECKSUMS_FILE).exists():
        return
    for name, checksum in progress(read_json(folder / CHECKSUMS_FILE).items(), **PROGRESS):
        try:
            actual = _file_checksum(folder / name)
        except OSError as error:
            raise unreadable(folder, kind, error) from None
        if actual != checksum:
            raise unreadable(folder, kind, f"{name} is corrupted: its checksum differs")


def _file_checksum(path: Path) -> str:
    digest, buffer = xxhash.xxh3_64(), bytearray(CHUNK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()
