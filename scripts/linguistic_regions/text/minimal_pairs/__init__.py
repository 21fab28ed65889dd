"""Minimal pairs: two sentences that differ in little, of which the first is grammatical and the second is not.

Where they come from: `templates`, `corruptions`, `hub` and `files`, one module each. `selection` chooses among them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.storage import atomic_write, unreadable

DROPPED = "dropped"  # metadata key


@dataclass(frozen=True)
class Pair:
    """A minimal pair.

    Attributes:
        language: code of its language.
        source: where it comes from: `templates`, `corruptions`, `blimp` or another name of a set.
        phenomenon: what the sentences differ in, such as `subject_verb`.
        template: what it was made from, the unit of resampling: a template, a paradigm, a document.
        item: unique id.
        good: the grammatical sentence.
        bad: the other one.
    """

    language: str
    source: str
    phenomenon: str
    template: str
    item: str
    good: str
    bad: str


COLUMNS = [field.name for field in fields(Pair)]


def write(path: Path, pairs: Iterable[Pair], dropped: Mapping[str, int]) -> None:
    """Write pairs as parquet: a row per pair, whose columns are the fields of `Pair`, all strings.

    Args:
        path: the file.
        pairs: the pairs.
        dropped: how many pairs were left out, by reason; kept in the metadata, as JSON.
    """
    rows = list(map(astuple, pairs))
    columns = zip(*rows, strict=True) if rows else [[]] * len(COLUMNS)
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=COLUMNS)
    with atomic_write(path) as part:
        kept = table.replace_schema_metadata({DROPPED: json.dumps(dropped)})
        pq.write_table(kept, part, compression="zstd", write_page_checksum=True)


def read(path: Path) -> list[Pair]:
    """Read a file written by `write`.

    Raises:
        UserError: the file is missing, corrupted or of another kind.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True).select(COLUMNS)
        return [Pair(**row) for row in table.to_pylist()]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise unreadable(path, "file of minimal pairs", error) from None
