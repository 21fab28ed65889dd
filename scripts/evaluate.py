"""Evaluate a model in several conditions: intact, and with a region removed (paper, sections 3 and 4)."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from linguistic_regions.evaluation.conditions import Condition
from linguistic_regions.evaluation.loop import evaluate
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.interventions.snapshot import check
from linguistic_regions.model.loading import load
from linguistic_regions.model.precision import cast_linear_weights
from linguistic_regions.model.sharding import shard
from linguistic_regions.planning.evaluations import PACKAGE, measurements
from linguistic_regions.regions.region import by_name
from linguistic_regions.runtime import programs
from linguistic_regions.runtime.checkpoints import Checkpoints, claim
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.distributed import processes
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.locks import discard
from linguistic_regions.runtime.options import Count, FileName, Folder, NonNegative, OutputFolder, Threads

Measurements = measurements()


def main(
    *,
    model: Folder,
    output: OutputFolder,
    name: FileName,
    checkpoints: Path,
    evaluations: Annotated[Measurements, tyro.conf.arg(name="")],
    regions: tuple[Path, ...] = (),
    intact: bool = False,
    factor: NonNegative = 0.0,
    noise: NonNegative = 0.0,
    batch_tokens: Count = 8192,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    shard_model: bool = False,
    trust_remote_code: bool = False,
    threads: Threads = 1,
) -> None:
    """Load the model once, and run each evaluation in each condition; earlier measurements are reused.

    Example: .venv/bin/python scripts/evaluate.py --model results/demo/models/base --output evaluations --name core
    --checkpoints state --regions results/demo/regions/top-0.01.safetensors --intact True --perplexity.tokens-folder
    results/demo/tokens --perplexity.texts en ru

    Args:
        model: folder of the base model.
        output: folder of the evidence: {evaluation}/{name}.parquet.
        name: name of the evidence files.
        checkpoints: folder for the evidence until all conditions are measured.
        evaluations: what to measure.
        regions: region files; each region is set to zero, scaled or given noise, then restored bit for bit.
        intact: evaluate the intact model too.
        factor: what the weights of a region are multiplied by; 0 removes it.
        noise: standard deviation of noise that is added to them instead, in those of each matrix; 0: none.
        batch_tokens: tokens per forward pass.
        precision: precision of matrix products.
        dtype: dtype of the weights.
        shard_model: shard the model over the processes (accelerate launch), if it does not fit on one GPU.
        trust_remote_code: run the Python code that comes with the model.
        threads: CPU threads.
    """
    configure(threads)
    conditions = [Condition()] * intact + [Condition.of(path, factor, noise) for path in by_name(regions).values()]
    wanted = {key: value for key, value in vars(evaluations).items() if value.wanted}
    if not conditions or not wanted:
        raise UserError(
            "nothing to measure: give --intact True or --regions, and what to measure, such as "
            "--perplexity.tokens-folder and --perplexity.texts"
        )
    claim(checkpoints)
    loaded = load(model, dtype=dtype, trust_remote_code=trust_remote_code)
    for condition in conditions[intact:]:  # check all before removing the first
        check(loaded, condition.region)
    if shard_model:
        shard(loaded, precision)
    else:
        cast_linear_weights(loaded, precision)
    identity = Checkpoints(checkpoints, dependencies=(batch_tokens, precision)).fingerprint(loaded)
    codes = {key: programs.fingerprint("evaluate", f"{PACKAGE}.{key}") for key in wanted}
    outputs = {key: output / key / f"{name}.parquet" for key in wanted}
    gathered = evaluate(
        Subject(loaded, model, batch_tokens, precision, trust_remote_code),
        conditions,
        wanted,
        known={key: [path] for key, path in outputs.items()},
        checkpoints={key: checkpoints / f"{key}.parquet" for key in wanted},
        identities={key: f"{identity} {code}" for key, code in codes.items()},
    )
    if processes().is_main_process:
        for key, evidence in gathered.items():
            evidence.save(outputs[key])
        discard(checkpoints)


if __name__ == "__main__":
    run(main)
