"""Kinds of GPU, from `resources/gpus.tsv`, which holds what their makers' data sheets say. Standard library only."""

import csv
from dataclasses import dataclass
from functools import cache

from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError

TABLE = ROOT / "resources" / "gpus.tsv"


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU.

    Attributes:
        name: as in the config.
        memory: bytes.
        bf16_flops: peak operations per second of dense bfloat16 matrix products (no sparsity), summed in float32.
        fp32_flops: of float32 ones (not TF32).
        bandwidth: of its memory, bytes per second.
    """

    name: str
    memory: float
    bf16_flops: float
    fp32_flops: float
    bandwidth: float


@cache
def gpus() -> dict[str, Gpu]:
    """The kinds of GPU by name."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {
            row["name"]: Gpu(
                name=row["name"],
                memory=float(row["memory_gib"]) * 2**30,
                bf16_flops=float(row["bf16_teraflops"]) * 1e12,
                fp32_flops=float(row["fp32_teraflops"]) * 1e12,
                bandwidth=float(row["bandwidth_gbs"]) * 1e9,
            )
            for row in rows
        }


def gpu(name: str) -> Gpu:
    """The kind of GPU of this name. Raises `UserError`, with all names, if the table has none."""
    if name not in gpus():
        known = ", ".join(gpus())
        raise UserError(f"gpu: {name!r} is none of {known}; choose one or add a row to resources/{TABLE.name}")
    return gpus()[name]
