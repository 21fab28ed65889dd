"""Run by `accelerate launch` in two processes: the programs, with the model whole in each and spread over both."""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

import continue_pretraining
import evaluate
import score
from linguistic_regions.evaluation import direct
from linguistic_regions.evaluation.perplexity import Measurement
from linguistic_regions.importance.accumulation import measure
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model import loading
from linguistic_regions.model.sharding import shard
from linguistic_regions.model.weights import selectable
from linguistic_regions.runtime import distributed
from linguistic_regions.runtime.checkpoints import Checkpoints
from linguistic_regions.text.tokens import Blocks
from linguistic_regions.training.loop import Schedule, train

SCHEDULE = Schedule(batch_size=4, warmup_steps=1, precision="fp32", batch_tokens=16)


def run(folder: Path, tokens_folder: Path, name: str, **options) -> None:
    """Importance by both estimators, removal, and two arms of training, of the model in `folder`/base."""
    out, region = folder / name, folder / "region.safetensors"
    common = {"model": folder / "base", **options}
    scoring = common | {"samples": tokens_folder / "en/train.parquet", "language": "en", "batch_tokens": 32}
    for estimator in ("taylor", "taylor_abs", "fisher"):
        score.main(
            **scoring,
            output=out / estimator,
            stability=out / f"{estimator}.csv",
            milestones=(4, 7),
            checks=(4, 7),
            ratio=0.2,
            estimator=estimator,
            precision="fp32",
            checkpoints=out / "scoring",
        )
    score.main(
        **scoring,
        output=out / "bfloat16",
        stability=out / "bfloat16.csv",
        milestones=(7,),
        precision="bf16",
        dtype="bfloat16",
        checkpoints=out / "scoring",
    )
    measured = Measurement(tokens_folder, ("en",))
    evaluations = evaluate.Measurements(
        perplexity=measured, direct=direct.Measurement(folder / "pairs", ("en",), ("other",))
    )
    evaluate.main(
        **common, evaluations=evaluations, regions=(region,), intact=True,
        batch_tokens=32, precision="fp32", output=out, name="removal", checkpoints=out / "removal",
    )  # fmt: skip
    arms = {"region_only": {"train_only": region}, "full": {}, "core_frozen": {"freeze": region}}
    for arm, roles in arms.items():
        continue_pretraining.main(
            **common,
            language="en",
            samples=tokens_folder / "en/train.parquet",
            learning_rate=1e-2,
            milestones=(0, 4, 8),
            schedule=SCHEDULE,
            measured=measured,
            arm=continue_pretraining.Arm(arm, **roles),
            checkpoints=out / "checkpoints",
            checkpoint_minutes=0,
            evidence=out / f"perplexity/{arm}.parquet",
            output=out / f"further/{arm}",
        )


def kill_and_resume(folder: Path, shard_model: bool) -> None:
    """A training that ends with an error goes on from its checkpoint, and ends as one that was not disturbed."""
    rows = np.random.default_rng(0).integers(0, 300, (16, 16)).astype(np.int32)
    checkpoints = Checkpoints(folder / f"killed-{shard_model}", minutes=0)

    def training(killed: bool, checkpoints: Checkpoints | None) -> list[dict]:
        model = loading.load(folder / "base")
        if shard_model:
            shard(model, "fp32")

        def milestone(samples: int) -> list[dict]:
            if killed and samples == 8:
                raise KeyboardInterrupt
            weights = [distributed.gather_full(weight.detach()) for weight in model.parameters()]
            return [{"samples": samples, "weights": str([weight.double().sum().item() for weight in weights])}]

        return train(model, rows, 1e-2, SCHEDULE, [0, 8, 16], milestone, checkpoints=checkpoints)

    undisturbed = training(False, None)
    with suppress(KeyboardInterrupt):
        training(True, checkpoints)
    latest = checkpoints.folder / (
        "step-000000001.part-2-of-2.safetensors" if shard_model else "step-000000001.safetensors"
    )
    assert latest.exists()
    assert training(False, checkpoints) == undisturbed


def kill_and_resume_importance(folder: Path, shard_model: bool) -> None:
    """Scoring that ends with an error goes on from its checkpoint, and gives the same scores."""
    ids = np.random.default_rng(1).integers(0, 300, (12, 16)).astype(np.int32)
    blocks = Blocks(ids, [str(row) for row in range(12)], np.full(12, 20, np.int32), True)
    checkpoints = Checkpoints(folder / f"killed-importance-{shard_model}", minutes=0)

    def scored(killed: bool, checkpoints: Checkpoints | None) -> dict[int, dict[str, np.ndarray]]:
        model = loading.load(folder / "base")
        if shard_model:
            shard(model, "fp32")
        parameters = selectable(model, [], [])
        taylor = Estimator("taylor")
        found = {}
        for count, sums in measure(model, parameters, blocks, (4, 8, 12), taylor, 32, checkpoints=checkpoints):
            if killed and count == 8:
                raise KeyboardInterrupt
            found[count] = {name: sums.score(name) for name in sums.shapes}
        return found

    undisturbed = scored(False, None)
    with suppress(KeyboardInterrupt):
        scored(True, checkpoints)
    resumed = scored(False, checkpoints)
    assert list(resumed) == [8, 12]  # what came before the checkpoint is not done again
    for count, scores in resumed.items():
        assert all(np.array_equal(scores[name], undisturbed[count][name]) for name in scores)


if __name__ == "__main__":
    folder, tokens_folder = map(Path, sys.argv[1:])
    run(folder, tokens_folder, "whole")
    run(folder, tokens_folder, "spread", shard_model=True)
    kill_and_resume(folder, False)
    kill_and_resume(folder, True)
    kill_and_resume_importance(folder, False)
    kill_and_resume_importance(folder, True)
