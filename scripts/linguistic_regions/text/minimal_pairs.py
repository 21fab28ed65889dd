"""Minimal pairs: files of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.storage import atomic_write, unreadable


@dataclass(frozen=True)
class Pair:
    """Two sentences of which one is grammatical."""

    language: str
    source: str
    phenomenon: str
    template: str
    item: str
    good: str
    bad: str


def read(path: str | Path) -> list[Pair]:
    """Read a file."""
    try:
        return [Pair(**row) for row in pq.read_table(path).to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise unreadable(path, "file of minimal pairs", error) from None


def write(path: str | Path, pairs: Sequence[Pair], dropped: Mapping[str, int]) -> None:
    """Write a file."""
    schema = pa.schema([(field.name, pa.string()) for field in fields(Pair)], {"dropped": json.dumps(dict(dropped))})
    with atomic_write(path) as part:
        pq.write_table(pa.Table.from_pylist([asdict(pair) for pair in pairs], schema), part, compression="zstd")
