"""Evidence: measurements item by item, in Parquet files, from which tables and intervals are computed later.

A file holds one or more conditions; its metadata records the fingerprint and the table labels of each.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.storage import atomic_write

COLUMNS = {  # of every evaluation; an evaluation may add others
    "condition": pa.string(),  # state of the model
    "language": pa.string(),  # language code
    "domain": pa.string(),  # kind of text
    "item": pa.string(),  # the item scored: a block, a pair, a prompt
    "document": pa.string(),  # unit of resampling
    "tokens": pa.int32(),  # number of predicted tokens
    "nll": pa.float64(),  # their summed negative log-likelihood, in nats
    "bytes": pa.int32(),  # UTF-8 bytes of the item's text
}
CONDITIONS = "conditions"  # metadata key


@dataclass
class Evidence:
    """The measurements of one or more conditions.

    Attributes:
        rows: the rows of each condition.
        described: the fingerprint and labels of each condition.
    """

    rows: dict[str, pa.Table] = field(default_factory=dict)
    described: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Evidence":
        """Read a file; return no evidence if it is missing or damaged, so that it is measured again."""
        try:
            table = pq.read_table(path, page_checksum_verification=True)
            described = json.loads(table.schema.metadata[CONDITIONS.encode()])
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
            return cls()
        found = {name: table.filter(pa.compute.field("condition") == name) for name in described}
        return cls(found, described)

    def has(self, condition: str, fingerprint: str) -> bool:
        """Whether there is a measurement of the condition with this fingerprint."""
        return self.described.get(condition, {}).get("fingerprint") == fingerprint

    def take(self, condition: str, other: "Evidence") -> None:
        """Copy a condition's rows from other evidence."""
        self.rows[condition], self.described[condition] = other.rows[condition], other.described[condition]

    def add(self, condition: str, fingerprint: str, labels: Mapping, columns: Mapping[str, Sequence]) -> None:
        """Add a condition's rows.

        Args:
            condition: its name.
            fingerprint: identifies everything that its rows depend on.
            labels: its labels in the tables.
            columns: columns of equal length, including all of `COLUMNS` except `condition`.
        """
        count = len(columns["item"])
        arrays = {name: pa.array(values, COLUMNS.get(name)) for name, values in columns.items()}
        arrays["condition"] = pa.array([condition] * count, pa.string())
        order = [*COLUMNS, *(name for name in arrays if name not in COLUMNS)]
        self.rows[condition] = pa.table({name: arrays[name] for name in order})
        self.described[condition] = {"fingerprint": fingerprint, "labels": dict(labels)}

    def save(self, path: Path) -> None:
        """Write all conditions to one file, which has no rows if there are none."""
        table = pa.concat_tables([*self.rows.values()] or [pa.schema(COLUMNS).empty_table()])
        table = table.replace_schema_metadata({CONDITIONS: json.dumps(self.described)})
        with atomic_write(path) as part:
            pq.write_table(table, part, compression="zstd", write_page_checksum=True)
