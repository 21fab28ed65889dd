"""Evidence: what was measured, item by item, in parquet files. Tables and intervals are computed from it later.

A file holds some conditions. Its metadata say of each by which fingerprint its rows can be found again, and which
labels it has in the tables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.storage import atomic_write

COLUMNS = {  # of every evaluation, which may add its own
    "condition": pa.string(),  # state of the model
    "language": pa.string(),  # code
    "domain": pa.string(),  # kind of text
    "item": pa.string(),  # what was scored: a block, a pair, a prompt
    "document": pa.string(),  # what items are resampled by
    "tokens": pa.int32(),  # predicted
    "nll": pa.float64(),  # summed negative log-likelihood of these, nats
    "bytes": pa.int32(),  # of the item's text, UTF-8
}
CONDITIONS = "conditions"  # key of the metadata


@dataclass
class Evidence:
    """The rows of some conditions.

    Attributes:
        rows: by condition.
        described: by condition its fingerprint and its labels.
    """

    rows: dict[str, pa.Table] = field(default_factory=dict)
    described: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Evidence":
        """What a file holds; nothing if it is missing or damaged, so that it is measured again."""
        try:
            table = pq.read_table(path, page_checksum_verification=True)
            described = json.loads(table.schema.metadata[CONDITIONS.encode()])
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
            return cls()
        found = {name: table.filter(pa.compute.field("condition") == name) for name in described}
        return cls(found, described)

    def has(self, condition: str, fingerprint: str) -> bool:
        """Whether the condition was measured, in the state with this fingerprint."""
        return self.described.get(condition, {}).get("fingerprint") == fingerprint

    def take(self, condition: str, other: "Evidence") -> None:
        """Take over a condition's rows."""
        self.rows[condition], self.described[condition] = other.rows[condition], other.described[condition]

    def add(self, condition: str, fingerprint: str, labels: Mapping, columns: Mapping[str, Sequence]) -> None:
        """Add a condition's rows.

        Args:
            condition: its name.
            fingerprint: of all that its rows follow from.
            labels: what the tables say of it.
            columns: of equal length, `COLUMNS` but for `condition` among them.
        """
        count = len(columns["item"])
        arrays = {name: pa.array(values, COLUMNS.get(name)) for name, values in columns.items()}
        arrays["condition"] = pa.array([condition] * count, pa.string())
        order = [*COLUMNS, *(name for name in arrays if name not in COLUMNS)]
        self.rows[condition] = pa.table({name: arrays[name] for name in order})
        self.described[condition] = {"fingerprint": fingerprint, "labels": dict(labels)}

    def save(self, path: Path) -> None:
        """Write all conditions to one file."""
        table = pa.concat_tables(self.rows.values())
        table = table.replace_schema_metadata({CONDITIONS: json.dumps(self.described)})
        with atomic_write(path) as part:
            pq.write_table(table, part, compression="zstd", write_page_checksum=True)
