"""Set regions to zero, one after another, and measure what each language loses (paper, sections 3 and 4)."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from torch import nn
from transformers import PreTrainedModel

from linguistic_regions.evaluation import perplexity
from linguistic_regions.interventions.held import check
from linguistic_regions.interventions.lesions import removed
from linguistic_regions.model import loading
from linguistic_regions.model.precision import cast_once
from linguistic_regions.model.sharding import shard
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import programs
from linguistic_regions.runtime.checkpoints import Checkpoints, acquire_lock
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.distributed import processes
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import remove, write_csv
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import Blocks

INTACT = {"kind": "base", "ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": ""}
UNLABELLED = {"kind": "other", "ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": ""}


def main(
    *,
    model: Path,
    tokens_folder: Path,
    texts: tuple[str, ...],
    output: Path,
    checkpoints: Path,
    regions: tuple[Path, ...] = (),
    base: bool = False,
    domain: str = "",
    max_blocks: int | None = None,
    batch_tokens: int = 8192,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    shard_model: bool = False,
    trust_remote_code: bool = False,
    threads: int = 1,
) -> None:
    """Load the model once, and write the perplexity of every language without each of the regions.

    Args:
        model: the base model.
        tokens_folder: the blocks: {text}/test.parquet.
        texts: what to measure: languages, or language/domain for text of a further domain.
        output: the table, CSV.
        checkpoints: folder for what is measured, until the table is whole.
        regions: region files; each is set to zero and restored bit for bit.
        base: measure the intact model too.
        domain: of the text of a language that is named alone.
        max_blocks: at most so many test blocks per language, evenly spread; None: all.
        batch_tokens: tokens in one forward pass.
        precision: of the matrix products.
        dtype: of the weights.
        shard_model: spread the model over the processes (accelerate launch), for one that does not fit a GPU.
        trust_remote_code: run the Python code that comes with the model.
        threads: CPU threads.
    """
    configure(threads)
    acquire_lock(checkpoints)
    opened = [None] * base + [Region.load(path) for path in regions]
    tests = tokens.read_split(tokens_folder, texts, "test", max_blocks)
    lesioned = loading.load(model, dtype=dtype, trust_remote_code=trust_remote_code)
    if shard_model:
        shard(lesioned, precision)
    else:
        cast_once(lesioned, precision)
    parameters = dict(lesioned.named_parameters())
    for region in opened[base:]:  # each is looked at before the first is removed
        check(region, parameters)
    measured = [(text, domain, blocks.fingerprint) for text, blocks in tests.items()]
    facts = (programs.fingerprint("removal"), measured, batch_tokens, precision)
    work = Checkpoints(checkpoints, facts=facts).identity(lesioned)
    rows = []
    for region in progress(opened, "removal", unit="region"):
        name = "base" if region is None else Path(region.name).stem
        state = Checkpoints(checkpoints / name)
        this = fingerprint((work, None if region is None else region.fingerprint))
        found = state.finished(this)
        if found is None:
            found = measure(lesioned, region, parameters, tests, domain, batch_tokens, precision)
            if processes().is_main_process:
                state.finish(found, this)
        rows += [{"region": name, **label(region), **row} for row in found]
    if processes().is_main_process:
        write_csv(output, rows)
        remove(checkpoints)


def label(region: Region | None) -> dict:
    """What the table says of a region: how it was made, by its recipe."""
    if region is None:  # not `not region`: a region may be empty
        return INTACT
    return region.metadata.get("recipe", {}).get("label", UNLABELLED)


def measure(
    lesioned: PreTrainedModel,
    region: Region | None,
    parameters: Mapping[str, nn.Parameter],
    tests: Mapping[str, Blocks],
    domain: str,
    batch_tokens: int,
    precision: str,
) -> list[dict]:
    """Each text's perplexity while the region is zero; None: of the intact model."""
    with nullcontext(0) if region is None else removed(region, parameters) as changed:
        scores = {
            text: perplexity.evaluate(lesioned, blocks, batch_tokens, precision) for text, blocks in tests.items()
        }
    if region is not None:
        logging.info("%s: %d of %d weights were not zero", region.name, changed, len(region))
    return [
        {
            **tokens.labels(text, domain),
            **asdict(scores[text]),
            "window": blocks.input_ids.shape[1],
            "bos": blocks.bos,
        }
        for text, blocks in tests.items()
    ]


if __name__ == "__main__":
    run(main)
