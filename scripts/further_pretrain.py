"""Train a model further on one language, whole or with a region removed or frozen (paper, sections 2 to 5)."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from linguistic_regions import freezing, models, perplexity, tokens
from linguistic_regions.arms import ARMS
from linguistic_regions.commands import UserError, run
from linguistic_regions.regions import Region
from linguistic_regions.storage import remove, whole, write_csv
from linguistic_regions.tokens import Blocks
from linguistic_regions.training import Checkpoints, Schedule, train


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
    split: Literal["valid", "test"] = "test",
    arms: tuple[str, ...] = ("full",),
    top: Path | None = None,
    bottom: Path | None = None,
    random: Path | None = None,
    output: Path | None = None,
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
        evaluate: the languages to measure; none: the trained one.
        split: what to measure on.
        arms: what to do with the regions; see docs/method.md.
        top: the region that the arms' word "top" means, a file.
        bottom: likewise.
        random: likewise.
        output: folder for the trained models, {language}/ each (of the last arm, rate and seed); None: not kept.
        checkpoint_minutes: time between two checkpoints.
        seeds: of the order of the samples.
        threads: CPU threads.
    """
    models.use_threads(threads)
    regions = {"top": top, "bottom": bottom, "random": random}
    rows = []
    for training in runs(languages, arms, learning_rates, seeds, regions):
        blocks = _samples(tokens_folder, training, milestones[-1])
        held_out = tokens.read_split(tokens_folder, evaluate or (training.language,), split)
        learner = models.load(model)
        held = prepare(learner, training.arm, regions)
        state = Checkpoints(checkpoints / str(training), checkpoint_minutes)
        rate = training.learning_rate

        def measure(samples: int, learner=learner, held_out=held_out, training=training) -> list[dict]:
            scores = {
                language: perplexity.evaluate(learner, test, schedule.batch_tokens, schedule.precision)
                for language, test in held_out.items()
            }
            return [_row(training, samples, language, score) for language, score in scores.items()]

        rows += train(learner, blocks, rate, schedule, list(milestones), measure, held, state, str(training))
        if output:
            with whole(output / training.language) as part:
                learner.save_pretrained(part)
    write_csv(table, rows)
    for row in rows:
        logging.info("%(arm)s on %(train_language)s, %(samples)d samples: %(language)s perplexity %(ppl).3f", row)
    remove(checkpoints)


def runs(languages, arms, learning_rates, seeds, regions: dict[str, Path | None]) -> Iterator[Run]:
    """All combinations, once it is sure that each arm is known and has its region."""
    for arm in arms:
        if arm not in ARMS:
            raise UserError(f"--arms: {arm!r} is none of {', '.join(ARMS)}")
        for kind in ARMS[arm].values():
            if regions[kind] is None:
                raise UserError(f"--{kind}: the arm {arm} needs this region; give its file")
    return (Run(*values) for values in product(languages, arms, learning_rates, seeds))


def prepare(model, arm: str, regions: dict[str, Path | None]) -> freezing.Frozen | None:
    """Remove what the arm removes from the model, and give what it freezes."""
    parameters = dict(model.named_parameters())
    does = {action: Region.load(regions[kind]) for action, kind in ARMS[arm].items()}
    if "lesion" in does:
        freezing.remove(does["lesion"], parameters)
    if "frozen" in does:
        return freezing.Frozen(does["frozen"], parameters)
    if "only" in does:
        return freezing.Frozen(does["only"], parameters, only=True)
    return None


def _samples(tokens_folder: Path, training: Run, count: int) -> np.ndarray:
    blocks: Blocks = tokens.read(tokens_folder / training.language / "train.parquet")
    if count > len(blocks):
        raise UserError(
            f"{training.language}: milestone {count} is beyond its {len(blocks)} training blocks; "
            "lower the milestones or give the language more text"
        )
    return blocks.input_ids[np.random.default_rng(training.seed).permutation(len(blocks))[:count]]


def _row(training: Run, samples: int, language: str, score: perplexity.Perplexity) -> dict:
    of_training = {
        "arm": training.arm,
        "learning_rate": training.learning_rate,
        "train_language": training.language,
        "seed": training.seed,
    }
    return {**of_training, "samples": samples, "language": language, **asdict(score)}


if __name__ == "__main__":
    run(main)
