"""Kinds of GPU, from `resources/gpus.tsv`, which has the figures of the data sheets. Standard library only."""

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
        bf16_flops: peak FLOP/s of dense bfloat16 matrix products, accumulated in float32.
        fp32_flops: peak FLOP/s of float32 matrix products (not TF32).
        bandwidth: memory bandwidth, bytes per second.
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
    """The kind of GPU with this name.

    Raises:
        UserError: it is not in the table; the message lists the names.
    """
    if name not in gpus():
        known = ", ".join(gpus())
        raise UserError(f"gpu: {name!r} is not one of {known}; choose one, or add a row to resources/{TABLE.name}")
    return gpus()[name]
