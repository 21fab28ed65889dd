"""Removal of several regions in sequence, compared with as many bare forward passes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import reference
from measurement import Row, medians
from workbench import (
    MODEL,
    PRECISION,
    batch_tokens,
    description,
    forward_flops,
    load_model,
    peak_flops,
    peak_memory,
    region,
    text,
    wait,
)

from linguistic_regions.interventions import removed
from linguistic_regions.model.loss import block_nll
from linguistic_regions.regions.region import Region

REGIONS = 2
LANGUAGES = 3


def rows() -> Iterator[Row]:
    """Yield the throughput of reading and removing each region, measuring each language, and restoring the region."""
    model = load_model()
    blocks = text(model, 8 if MODEL else 32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "region.safetensors"
        region(model, 0.03).save(path)

        def ours() -> None:
            for _ in range(REGIONS):
                with removed(model, Region.load(path)):
                    for _ in range(LANGUAGES):
                        block_nll(model, blocks.input_ids, batch_tokens(), PRECISION)

        def plain() -> None:
            for _ in range(REGIONS * LANGUAGES):
                reference.passes(model, blocks.input_ids, batch_tokens() // blocks.input_ids.shape[1], PRECISION)
            wait()

        our, bare = medians(ours, plain, rounds=3)
    tokens = REGIONS * LANGUAGES * blocks.input_ids.size
    flops = REGIONS * LANGUAGES * forward_flops(model, blocks)
    peak = peak_flops()
    yield Row(
        f"removal of {REGIONS} regions of 3 %, {LANGUAGES} languages, {description(model)}",
        f"{tokens / our:,.0f} tokens/s{peak_memory()}",
        f"{tokens / bare:,.0f} tokens/s (bare forward)",
        bare / our,
        f"{flops / our / 1e12:.2f} of {peak / 1e12:.2f} TFLOP/s of a large product: {flops / our / peak:.0%}",
    )
