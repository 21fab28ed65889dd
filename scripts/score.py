"""Score every selectable weight by its importance for one language (paper, section 2)."""

import logging
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from linguistic_regions.importance.accumulation import Sums, measure
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model.loading import load
from linguistic_regions.model.sharding import shard
from linguistic_regions.model.weights import enable_activation_checkpointing, selectable
from linguistic_regions.runtime import programs, tensorfile
from linguistic_regions.runtime.checkpoints import Checkpoints, claim
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.distributed import broadcast_from_main, processes
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.locks import discard
from linguistic_regions.runtime.options import (
    Ascending,
    Count,
    Folder,
    NonNegative,
    OutputFile,
    OutputFolder,
    Ratio,
    Share,
    Threads,
)
from linguistic_regions.runtime.storage import atomic_write, move, write_csv
from linguistic_regions.text import tokens


@dataclass(frozen=True)
class Stops:
    """The stops of the pass over the samples; see `main`."""

    milestones: tuple[int, ...]
    checks: tuple[int, ...]
    ratio: float
    stop_at: float | None


def main(
    *,
    model: Folder,
    samples: Path,
    language: str,
    output: OutputFolder,
    stability: OutputFile,
    milestones: Annotated[tuple[Count, ...], Ascending(some=True)],
    checkpoints: Path,
    estimator: Literal["taylor", "taylor_abs", "fisher", "magnitude"] = "taylor",
    micro_batch: Count = 1,
    checks: Annotated[tuple[Count, ...], Ascending()] = (),
    ratio: Ratio = 0.03,
    stop_at: Share | None = None,
    batch_tokens: Count = 8192,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    activation_checkpointing: bool = False,
    offload: bool = False,
    shard_model: bool = False,
    trust_remote_code: bool = False,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    checkpoint_minutes: NonNegative = 10.0,
    threads: Threads = 1,
) -> None:
    """Write the scores to `output`/{samples}, as safetensors named and shaped like the weights.

    Example: .venv/bin/python scripts/score.py --model results/demo/models/base --samples
    results/demo/tokens/ru/train.parquet --language ru --milestones 40 --output scores --stability stability.csv
    --checkpoints state

    Args:
        model: folder of the model.
        samples: file with the language's training blocks.
        language: language code, for the table.
        output: folder of the scores.
        stability: CSV table of the agreement between the regions of two halves of the samples.
        milestones: numbers of samples, ascending; all are scored in one pass.
        checkpoints: folder for the state of an unfinished run, and for its scores until all are complete.
        estimator: how importance is estimated.
        micro_batch: blocks per micro-batch of taylor_abs and fisher.
        checks: numbers of samples after which the two halves are compared.
        ratio: size of the regions to compare, as a share of the weights.
        stop_at: stop at the first check with a Jaccard index of at least this; later milestones get the same scores.
        batch_tokens: tokens per pass and process for taylor.
        precision: precision of matrix products; sums are float32.
        dtype: dtype of the weights.
        activation_checkpointing: recompute activations in the backward pass: less memory, a third more time.
        offload: keep the sums in CPU memory, not on the GPU.
        shard_model: shard the model over the processes (accelerate launch), if it does not fit on one GPU.
        trust_remote_code: run the Python code that comes with the model.
        include: regular expressions for the weights to score; none: the decoder layers' matrices.
        exclude: regular expressions for weights to leave out.
        checkpoint_minutes: minutes between checkpoints.
        threads: CPU threads.
    """
    configure(threads)
    claim(checkpoints)
    kind = Estimator(estimator, micro_batch)
    stops = Stops(milestones, checks if estimator != "magnitude" else (), ratio, stop_at)
    wanted = max((*milestones, *checks))
    blocks = tokens.read(samples, wanted)
    if wanted > len(blocks):
        raise UserError(
            f"{language}: importance.samples needs {wanted} training blocks, but there are {len(blocks)}; "
            "lower it or add text for the language"
        )
    scored = load(model, dtype=dtype, trust_remote_code=trust_remote_code)
    if activation_checkpointing:
        enable_activation_checkpointing(scored)
    if shard_model:
        shard(scored, precision)
    parameters = selectable(scored, list(include), list(exclude))
    facts = (programs.fingerprint("score"), language, kind, stops, batch_tokens, precision, sorted(parameters))
    state = Checkpoints(checkpoints, checkpoint_minutes, dependencies=facts)
    records: list[dict] = []
    passes = measure(
        scored, parameters, blocks, milestones, kind, batch_tokens, precision, checks, offload, state, records
    )
    score(passes, stops, language, records, checkpoints)
    if not processes().is_main_process:
        return
    write_csv(stability, records, ("language", "samples", "ratio", "jaccard"))
    for milestone in map(str, milestones):  # last, because moving needs no more disk space
        move(checkpoints / milestone, output / milestone)
    discard(checkpoints)


def score(passes: Generator[tuple[int, Sums]], stops: Stops, language: str, records: list[dict], folder: Path) -> None:
    """Run the passes; write the scores at each milestone, and record the agreement of the halves at each check."""
    for count, sums in passes:
        enough = False
        if count in stops.checks:
            agreement = sums.agreement(stops.ratio)
            logging.info("%s, %d samples: Jaccard index of the two halves %.3f", language, count, agreement)
            records.append({"language": language, "samples": count, "ratio": stops.ratio, "jaccard": agreement})
            enough = broadcast_from_main(stops.stop_at is not None and agreement >= stops.stop_at)
        for milestone in stops.milestones:
            if milestone == count or (enough and milestone > count):
                write(sums, folder / str(milestone), count)
        if enough:
            break
    passes.close()


def write(sums: Sums, folder: Path, samples: int) -> None:
    """Write the scores from the first `samples` samples, tensor by tensor; the main process writes."""
    metadata = {"format": "pt", "samples": str(samples), "estimator": sums.estimator.name}
    main_process = processes().is_main_process
    with atomic_write(folder) if main_process else nullcontext() as part:
        if main_process:
            part.mkdir()
            with tensorfile.create(part / "importance.safetensors", sums.shapes, "float32", metadata) as file:
                for name in sums.shapes:
                    file.write(name, sums.score(name))
        else:
            for name in sums.shapes:  # takes part in gathering the sums
                sums.score(name)
    logging.info("%s: %s of %d matrices from %d samples", folder, sums.estimator.name, len(sums.shapes), samples)


if __name__ == "__main__":
    run(main)
