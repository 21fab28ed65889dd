"""Train a model further on one language, whole or with a region removed or frozen (paper, sections 2 to 5)."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from linguistic_regions import freezing, models, perplexity, tokens
from linguistic_regions.commands import UserError, run
from linguistic_regions.regions import Region
from linguistic_regions.storage import whole, write_csv
from linguistic_regions.training import Checkpoints, Schedule, finish, train


def main(
    *,
    model: Path,
    tokens_folder: Path,
    language: str,
    schedule: Annotated[Schedule, tyro.conf.arg(name="")],
    checkpoints: Path,
    milestones: tuple[int, ...],
    evaluate: tuple[str, ...],
    table: Path,
    output: Path | None = None,
    split: Literal["valid", "test"] = "test",
    arm: str = "full",
    lesion: Path | None = None,
    frozen: Path | None = None,
    only: Path | None = None,
    checkpoint_minutes: float = 10.0,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Train on the language's blocks up to the last milestone, and measure perplexity at each.

    Args:
        model: the model to start from.
        tokens_folder: the blocks: {language}/{split}.parquet.
        language: the language to train on.
        schedule: how to train.
        checkpoints: folder for the state of an unfinished training.
        milestones: numbers of samples after which to measure; the last one ends the training; 0 is before it.
        evaluate: the languages to measure.
        table: the measurements, CSV.
        output: folder for the trained model; None: it is not kept.
        split: what to measure on.
        arm: name of this run's condition in the table.
        lesion: a region to set to zero before training.
        frozen: a region whose weights keep their bits.
        only: a region outside of which all weights keep their bits.
        checkpoint_minutes: time between two checkpoints.
        seed: of the order of the samples.
        threads: CPU threads.
    """
    models.use_threads(threads)
    blocks = tokens.read(tokens_folder / language / "train.parquet")
    if milestones[-1] > len(blocks):
        raise UserError(
            f"{language}: milestone {milestones[-1]} is beyond its {len(blocks)} training blocks; "
            "lower the milestones or give the language more text"
        )
    order = np.random.default_rng(seed).permutation(len(blocks))[: milestones[-1]]
    held_out = tokens.read_split(tokens_folder, evaluate, split)

    learner = models.load(model)
    parameters = dict(learner.named_parameters())
    if lesion:
        freezing.remove(Region.load(lesion), parameters)
    held = None
    if frozen or only:
        held = freezing.Frozen(Region.load(frozen or only), parameters, only=only is not None)

    def measure(samples: int) -> list[dict]:
        return [
            {
                "arm": arm,
                "learning_rate": schedule.learning_rate,
                "train_language": language,
                "seed": seed,
                "samples": samples,
                "language": other,
                **asdict(perplexity.evaluate(learner, test, schedule.batch_tokens, schedule.precision)),
            }
            for other, test in held_out.items()
        ]

    state = Checkpoints(checkpoints, checkpoint_minutes)
    description = f"{arm} on {language}, {schedule.learning_rate:g}"
    rows = train(learner, blocks.input_ids[order], schedule, list(milestones), measure, held, state, description)
    for row in rows:
        logging.info("%(samples)d samples: %(language)s perplexity %(ppl).3f", row)
    if output:
        with whole(output) as part:
            learner.save_pretrained(part)
    write_csv(table, rows)
    finish(state)


if __name__ == "__main__":
    run(main)
