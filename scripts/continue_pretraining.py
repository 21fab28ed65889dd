"""Continue pre-training a model on one language, with a region removed or frozen if asked (paper, sections 2 to 5)."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from transformers import PreTrainedModel

from linguistic_regions.evaluation.conditions import INTACT
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.evaluation.perplexity import Measurement
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.interventions.freezing import Frozen
from linguistic_regions.interventions.lesions import zero
from linguistic_regions.model.loading import load, save
from linguistic_regions.model.sharding import shard
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import programs
from linguistic_regions.runtime.checkpoints import Checkpoints, claim
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.distributed import processes
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.locks import discard
from linguistic_regions.runtime.options import (
    Ascending,
    Folder,
    NewFolder,
    NonNegative,
    Number,
    OutputFile,
    Positive,
    Seed,
    Threads,
)
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.text import tokens
from linguistic_regions.training.loop import Schedule, train


@dataclass(frozen=True)
class Arm:
    """An arm of a training experiment: which regions are removed and frozen.

    Attributes:
        arm: its name in the tables; see docs/method.md.
        zero: file of a region to set to zero before training.
        freeze: file of a region to freeze, after zeroing.
        train_only: file of a region to train while everything else is frozen.
    """

    arm: str = "full"
    zero: Path | None = None
    freeze: Path | None = None
    train_only: Path | None = None


def main(
    *,
    model: Folder,
    language: str,
    samples: Path,
    evidence: OutputFile,
    learning_rate: Positive,
    milestones: Annotated[tuple[Number, ...], Ascending(some=True)],
    schedule: Annotated[Schedule, tyro.conf.arg(name="")],
    measured: Annotated[Measurement, tyro.conf.arg(name="perplexity")],
    checkpoints: Path,
    arm: Annotated[Arm, tyro.conf.arg(name="")] = Arm(),
    start: Path | None = None,
    output: NewFolder | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    shard_model: bool = False,
    trust_remote_code: bool = False,
    checkpoint_minutes: NonNegative = 10.0,
    seed: Seed = 0,
    threads: Threads = 1,
) -> None:
    """Train on one language, and measure perplexity at each milestone.

    Example: .venv/bin/python scripts/continue_pretraining.py --model results/demo/models/base --language ru --samples
    results/demo/tokens/ru/train.parquet --learning-rate 1e-4 --milestones 0 32 --perplexity.tokens-folder
    results/demo/tokens --perplexity.texts ru --evidence ru.parquet --checkpoints state

    Args:
        model: folder of the model to start from.
        language: code of the language to train on.
        samples: file with its training blocks.
        evidence: file for the measurements.
        learning_rate: peak learning rate.
        milestones: numbers of samples after which to measure; 0 is before training, which ends at the last.
        schedule: how to train.
        measured: the text to measure perplexity on.
        checkpoints: folder for the state of an unfinished training.
        arm: which regions to remove and freeze.
        start: evidence file of the intact model, from which an arm that removes nothing takes its first measurement.
        output: folder for the trained model; None: not saved.
        dtype: dtype of the saved weights, float32 or bfloat16; in training they are float32.
        shard_model: shard the model over the processes (accelerate launch), if it does not fit on one GPU.
        trust_remote_code: run the Python code that comes with the model.
        checkpoint_minutes: minutes between checkpoints.
        seed: seed of the sample order.
        threads: CPU threads.
    """
    if arm.freeze and arm.train_only:
        raise UserError("--freeze, --train-only: one freezes a region, the other all else: give one of them")
    configure(threads)
    claim(checkpoints)
    regions = {name: Region.load(path) for name, path in vars(arm).items() if isinstance(path, Path)}
    rows = draw(samples, language, milestones[-1], seed)
    learner = load(model, trust_remote_code=trust_remote_code)
    if shard_model:
        shard(learner, schedule.precision)
    labels = {"arm": arm.arm, "learning_rate": learning_rate, "train_language": language, "seed": seed}
    name = f"{language}-{arm.arm}-{learning_rate:g}-{seed}"
    first = intact(start, measured) if start and not arm.zero else None
    subject = Subject(learner, model, schedule.batch_tokens, schedule.precision, trust_remote_code)

    def measure(count: int) -> list[dict]:
        columns = first if count == 0 and first else measured.measure(subject)
        return [{"samples": count, "columns": dict(columns)}]

    fingerprints = {role: region.fingerprint for role, region in regions.items()}
    code = programs.fingerprint("continue_pretraining")
    state = Checkpoints(
        checkpoints,
        checkpoint_minutes,
        dependencies=(code, labels, fingerprints, measured.fingerprint(), dtype),
    )
    found = train(
        learner,
        rows,
        learning_rate,
        schedule,
        list(milestones),
        measure,
        intervene(learner, regions),
        state,
        name,
    )
    if processes().is_main_process:
        gathered = Evidence()
        for row in found:
            gathered.add(f"{name}@{row['samples']}", "", labels | {"samples": row["samples"]}, row["columns"])
            nll = sum(row["columns"]["nll"]) / sum(row["columns"]["tokens"])
            logging.info("%s, %d samples: %.4f nats per token", name, row["samples"], nll)
        gathered.save(evidence)
    if output:
        keep(learner, output, dtype)
    if processes().is_main_process:
        discard(checkpoints)


def draw(path: Path, language: str, count: int, seed: int) -> np.ndarray:
    """Return `count` of the training blocks in random order: int32, shape (count, block size).

    Raises:
        UserError: if there are fewer blocks.
    """
    blocks = tokens.read(path)
    if count > len(blocks):
        raise UserError(
            f"{language}: milestone {count} exceeds its {len(blocks)} training blocks; "
            "lower the milestones or add text for the language"
        )
    return blocks.input_ids[np.random.default_rng(seed).permutation(len(blocks))[:count]]


def intact(path: Path, measured: Measurement) -> dict | None:
    """Return the intact model's measurement in an evidence file, or None if it is not of the same blocks."""
    rows = Evidence.load(path).rows.get(INTACT)
    if rows is None or rows.column("item").to_pylist() != measured.items:
        return None
    return rows.drop_columns("condition").to_pydict()


def intervene(model: PreTrainedModel, regions: dict[str, Region]) -> Frozen | None:
    """Remove the arm's region from the model, and return its frozen weights."""
    if "zero" in regions:
        zero(model, regions["zero"])
    if "freeze" in regions:
        return Frozen(model, regions["freeze"])
    if "train_only" in regions:
        return Frozen(model, regions["train_only"], only=True)
    return None


def keep(model: PreTrainedModel, folder: Path, dtype: str) -> None:
    """Save the trained model; all processes must call this, because each may hold a shard."""
    if processes().is_main_process:
        with atomic_write(folder) as part:
            save(model, part, dtype)
    else:
        save(model, folder, dtype)


if __name__ == "__main__":
    run(main)
