"""Train a model further on one language, whole or with a region removed or frozen (paper, sections 2 to 5)."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from transformers import PreTrainedModel

from linguistic_regions.evaluation import perplexity
from linguistic_regions.interventions.freezing import Frozen
from linguistic_regions.interventions.lesions import zero
from linguistic_regions.model import loading
from linguistic_regions.model.sharding import shard
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import programs
from linguistic_regions.runtime.checkpoints import Checkpoints, acquire_lock
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.distributed import processes
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, move, remove, write_csv
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import Blocks
from linguistic_regions.training.arms import ARMS
from linguistic_regions.training.loop import Schedule, train


@dataclass(frozen=True)
class Run:
    """One training: on a language, in an arm, at a peak learning rate, with a seed for the order of the samples."""

    language: str
    arm: str
    learning_rate: float
    seed: int

    def __str__(self) -> str:
        return f"{self.language}-{self.arm}-{self.learning_rate:g}-{self.seed}"


def main(
    *,
    model: Path,
    tokens_folder: Path,
    languages: tuple[str, ...],
    learning_rates: tuple[float, ...],
    milestones: tuple[int, ...],
    schedule: Annotated[Schedule, tyro.conf.arg(name="")],
    checkpoints: Path,
    table: Path,
    evaluate: tuple[str, ...] = (),
    domain: str = "",
    split: Literal["valid", "test"] = "test",
    max_blocks: int | None = None,
    arms: tuple[str, ...] = ("full",),
    top: Path | None = None,
    bottom: Path | None = None,
    random: Path | None = None,
    output: Path | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    shard_model: bool = False,
    trust_remote_code: bool = False,
    checkpoint_minutes: float = 10.0,
    seeds: tuple[int, ...] = (0,),
    threads: int = 1,
) -> None:
    """Train on each language in each arm at each rate with each seed, and measure perplexity at each milestone.

    Every training starts anew from the model.

    Args:
        model: the model to start from.
        tokens_folder: the blocks: {language}/{split}.parquet.
        languages: the languages to train on.
        learning_rates: peak learning rates.
        milestones: numbers of samples after which to measure; the last one ends the training; 0 is before it.
        schedule: how to train.
        checkpoints: folder for the state of unfinished trainings.
        table: the measurements, CSV.
        evaluate: what to measure: languages, or language/domain for text of a further domain; none: the trained one.
        domain: of the text of a language that is named alone.
        split: what to measure on.
        max_blocks: at most so many blocks per language of it, evenly spread; None: all.
        arms: what to do with the regions; see docs/method.md.
        top: the region that the arms' word "top" means, a file.
        bottom: likewise.
        random: likewise.
        output: folder for the trained models, {language}/ each (of the last arm, rate and seed); None: not kept.
        dtype: in which the trained models' weights are written; in training they are float32.
        shard_model: spread the model over the processes (accelerate launch), for one that does not fit a GPU.
        trust_remote_code: run the Python code that comes with the model.
        checkpoint_minutes: time between two checkpoints.
        seeds: of the order of the samples.
        threads: CPU threads.
    """
    configure(threads)
    acquire_lock(checkpoints)
    given = {"top": top, "bottom": bottom, "random": random}
    regions = {kind: Region.load(path) for kind, path in given.items() if path}
    rows, starts = [], {}
    trainings = list(runs(languages, arms, learning_rates, seeds, regions))
    for training in trainings:
        samples = _samples(tokens_folder, training, milestones[-1])
        held_out = tokens.read_split(tokens_folder, evaluate or (training.language,), split, max_blocks)
        learner = loading.load(model, trust_remote_code=trust_remote_code)
        if shard_model:
            shard(learner, schedule.precision)
        used = [regions[kind].fingerprint for kind in ARMS[training.arm].values()]
        measured = [(text, domain, blocks.fingerprint) for text, blocks in held_out.items()]
        state = Checkpoints(
            checkpoints / str(training),
            checkpoint_minutes,
            products=("model",) if output else (),
            facts=(programs.fingerprint("further_pretrain"), training, used, measured, dtype),
        )
        rows += train(
            learner,
            samples,
            training.learning_rate,
            schedule,
            list(milestones),
            partial(measure, learner, held_out, domain, schedule, training, starts),
            intervene(learner, training.arm, regions),
            state,
            partial(_save, learner, state.folder / "model", dtype) if output else lambda: None,
            str(training),
        )
        del learner  # before the next is loaded
    if not processes().is_main_process:
        return
    write_csv(table, rows)
    for row in rows:
        logging.info("%(arm)s on %(train_language)s, %(samples)d samples: %(language)s perplexity %(ppl).3f", row)
    if output:  # last: from here on nothing can fail for want of space
        for training in trainings:
            move(checkpoints / str(training) / "model", output / training.language)
    remove(checkpoints)


def runs(languages, arms, learning_rates, seeds, regions: dict[str, Region]) -> Iterator[Run]:
    """All combinations, once it is sure that each arm is known and has its region."""
    for arm in arms:
        if arm not in ARMS:
            raise UserError(f"--arms: {arm!r} is none of {', '.join(ARMS)}")
        for kind in ARMS[arm].values():
            if kind not in regions:
                raise UserError(f"--{kind}: the arm {arm} needs this region; give its file")
    return (Run(*values) for values in product(languages, arms, learning_rates, seeds))


def intervene(model, arm: str, regions: dict[str, Region]) -> Frozen | None:
    """Remove what the arm removes from the model, and give what it freezes."""
    parameters = dict(model.named_parameters())
    does = {action: regions[kind] for action, kind in ARMS[arm].items()}
    if "lesion" in does:
        zero(does["lesion"], parameters)
    if "frozen" in does:
        return Frozen(does["frozen"], parameters)
    if "only" in does:
        return Frozen(does["only"], parameters, only=True)
    return None


def _save(learner: PreTrainedModel, folder: Path, dtype: str) -> None:
    if processes().is_main_process:
        with atomic_write(folder) as part:
            loading.save(learner, part, dtype)
    else:  # hand over this process's part
        loading.save(learner, folder, dtype)


def _samples(tokens_folder: Path, training: Run, count: int) -> np.ndarray:
    blocks: Blocks = tokens.read(tokens_folder / training.language / "train.parquet")
    if count > len(blocks):
        raise UserError(
            f"{training.language}: milestone {count} is beyond its {len(blocks)} training blocks; "
            "lower the milestones or give the language more text"
        )
    return blocks.input_ids[np.random.default_rng(training.seed).permutation(len(blocks))[:count]]


def measure(
    learner: PreTrainedModel,
    held_out: dict[str, Blocks],
    domain: str,
    schedule: Schedule,
    training: Run,
    starts: dict[tuple, perplexity.Perplexity],
    samples: int,
) -> list[dict]:
    """A row of the table per text: its perplexity after so many samples.

    Before the first sample all arms that remove the same are one model: it is measured once, and kept in `starts`.
    """
    lesion = ARMS[training.arm].get("lesion")

    def score(text: str, blocks: Blocks) -> perplexity.Perplexity:
        if samples == 0 and (lesion, text) in starts:
            return starts[lesion, text]
        found = perplexity.evaluate(learner, blocks, schedule.batch_tokens, schedule.precision)
        if samples == 0:
            starts[lesion, text] = found
        return found

    of_training = {
        "arm": training.arm,
        "learning_rate": training.learning_rate,
        "train_language": training.language,
        "seed": training.seed,
        "samples": samples,
    }
    return [
        {
            **of_training,
            **tokens.labels(text, domain),
            **asdict(score(text, blocks)),
        }
        for text, blocks in held_out.items()
    ]


if __name__ == "__main__":
    run(main)
