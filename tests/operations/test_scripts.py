"""The programs one after another on Hugging Face folders of several shapes, given by path."""

import csv

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

import continue_pretraining
import evaluate
import fetch_model
import launch
import overlap
import region
import score
import tables
import tokenizer
from continue_pretraining import Arm
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.evaluation.perplexity import Measurement
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule

LABEL = {"kind": "top", "ratio": 0.1, "samples": 8, "replicate": 0, "scope": "tensor", "target": "core"}
SCHEDULE = Schedule(batch_size=4, warmup_steps=1, precision="fp32")


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("kv_heads", [4, 2], ids=["multi-head", "grouped-query"])
def test_scores_regions_evaluation_and_training(tmp_path, token_folder, tokenizer_folder, tied, kv_heads):
    source, base = tmp_path / "source", tmp_path / "base"
    from_scratch(300, 3, 32, 4, kv_heads, 40, 16, tied, 7).save_pretrained(source)
    fetch_model.main(model=str(source), output=base)
    tokenizer.main(output=tmp_path / "tokenizer", model=str(tokenizer_folder))

    for language in ("en", "ru"):
        score.main(
            model=base,
            samples=token_folder / language / "train.parquet",
            language=language,
            output=tmp_path / f"importance/taylor/{language}",
            stability=tmp_path / f"{language}.csv",
            milestones=(4, 8),
            checkpoints=tmp_path / f"score-{language}",
            checks=(2, 8),
            precision="fp32",
        )
    scores = load_file(tmp_path / "importance/taylor/ru/8/importance.safetensors")
    weights = {name: tuple(weight.shape) for name, weight in loading.load(base).named_parameters()}
    assert len(scores) == 3 * 7
    assert all(score.shape == weights[name] and score.dtype == np.float32 for name, score in scores.items())
    assert [row["samples"] for row in rows(tmp_path / "ru.csv")] == ["2", "8"]

    top, random = tmp_path / "regions/top.safetensors", tmp_path / "regions/random.safetensors"
    folders = tuple(tmp_path / f"importance/taylor/{language}/8" for language in ("en", "ru"))
    region.build(select="top", scores=folders, ratio=0.1, output=top, label=region.Label(**LABEL))
    region.build(select="random", like=(top,), seed=1, output=random)
    overlap.main(regions=(top, random), overlap=tmp_path / "overlap.csv", density=tmp_path / "density.csv")
    assert len(rows(tmp_path / "density.csv")) == 2 * 3 * 7

    measured = Measurement(token_folder, ("en", "ru"), max_blocks=4)
    evaluate.main(
        model=base,
        output=tmp_path / "evaluations",
        name="core",
        checkpoints=tmp_path / "evaluate",
        evaluations=evaluate.Measurements(perplexity=measured),
        regions=(top, random),
        intact=True,
        precision="fp32",
    )
    evidence = tmp_path / "evaluations/perplexity/core.parquet"
    tables.main(output=tmp_path / "tables", removal=(evidence,), languages=("en", "ru"), model=base)
    table = rows(tmp_path / "tables/removal.csv")
    assert [row["kind"] for row in table[::2]] == ["base", "other", "top"]
    assert {key: table[-1][key] for key in LABEL} == {key: str(value) for key, value in LABEL.items()}

    arms = {
        "full": Arm(),
        "core_frozen": Arm("core_frozen", freeze=top),
        "region_only": Arm("region_only", train_only=top),
        "top_freeze": Arm("top_freeze", zero=top, freeze=top),
    }
    for name, arm in arms.items():
        continue_pretraining.main(
            model=base,
            language="ru",
            samples=token_folder / "ru/train.parquet",
            evidence=tmp_path / f"{name}.parquet",
            learning_rate=1e-2,
            milestones=(0, 8),
            schedule=SCHEDULE,
            measured=measured,
            checkpoints=tmp_path / name,
            arm=arm,
            start=evidence,
            output=tmp_path / "models" / name,
        )
        assert not (tmp_path / name).exists()
    tables.main(output=tmp_path / "tables", freezing=tuple(tmp_path / f"{name}.parquet" for name in arms), model=base)
    trained = {(row["arm"], row["samples"], row["language"]): row for row in rows(tmp_path / "tables/freezing.csv")}
    nll = {key: float(row["nll"]) for key, row in trained.items()}
    intact = float(next(row["nll"] for row in table if row["kind"] == "base" and row["language"] == "ru"))
    assert nll["full", "8", "ru"] < nll["full", "0", "ru"] == intact == nll["core_frozen", "0", "ru"]
    assert nll["top_freeze", "0", "ru"] != intact
    again, frozen = (loading.load(tmp_path / "models" / name) for name in ("full", "core_frozen"))
    assert (again.get_output_embeddings().weight is again.get_input_embeddings().weight) is tied
    start, core = loading.load(base), region.Region.load(top)
    for name in core.shapes:
        mask = torch.from_numpy(core.mask(name))
        assert torch.equal(frozen.get_parameter(name)[mask], start.get_parameter(name)[mask])
        assert not torch.equal(frozen.get_parameter(name)[~mask], start.get_parameter(name)[~mask])


@pytest.fixture
def scored(tmp_path, token_folder):
    """Score a tiny model's weights for English: `scored(**options)`."""
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(tmp_path / "base")

    def run(**options):
        score.main(
            model=tmp_path / "base",
            samples=token_folder / "en/train.parquet",
            language="en",
            output=tmp_path / "importance",
            stability=tmp_path / "stability.csv",
            checkpoints=tmp_path / "state",
            precision="fp32",
            **options,
        )

    return run


def test_scoring_ends_when_its_regions_are_stable(scored, tmp_path):
    def used_and_agreement(stop_at):
        scored(milestones=(2, 4, 8), checks=(2, 4, 6, 8), ratio=0.3, stop_at=stop_at)
        used = {}
        for samples in (2, 4, 8):
            with safe_open(tmp_path / f"importance/{samples}/importance.safetensors", "numpy") as file:
                used[samples] = int(file.metadata()["samples"])
        return used, [float(row["jaccard"]) for row in rows(tmp_path / "stability.csv")]

    used, agreement = used_and_agreement(None)
    assert used == {2: 2, 4: 4, 8: 8}
    assert len(agreement) == 4
    threshold = max(agreement[:2])
    first = 2 * (1 + [value >= threshold for value in agreement].index(True))
    used, stopped = used_and_agreement(threshold)
    assert stopped == agreement[: first // 2]
    assert used == {samples: min(samples, first) for samples in (2, 4, 8)}
    assert first < 8


def test_too_few_blocks_for_a_milestone(scored):
    with pytest.raises(UserError, match=r"en: importance.samples needs 9999 training blocks, but there are \d+"):
        scored(milestones=(9999,))


def test_a_region_records_its_recipe_and_what_it_is_of(tmp_path):
    region.Region.from_masks({"w": np.eye(4, dtype=bool)}).save(tmp_path / "like.safetensors")
    origin = region.Origin(model="scratch", include=("w",), at="further")
    for name, seed in (("a", 1), ("same", 1), ("b", 2)):
        region.build(
            select="random", like=(tmp_path / "like.safetensors",), seed=seed, origin=origin,
            output=tmp_path / f"{name}.safetensors",
        )  # fmt: skip
    a, same, b = (region.Region.load(tmp_path / f"{name}.safetensors") for name in ("a", "same", "b"))
    assert a.metadata["recipe"] == {"select": "random", "like": "like", "seed": 1}
    assert (a.metadata["model"], a.metadata["include"], a.metadata["at"]) == ("scratch", ["w"], "further")
    assert a.metadata["config_hash"] == same.metadata["config_hash"] != b.metadata["config_hash"]
    assert a.counts == b.counts == {"w": 4}


def test_the_region_command_does_set_algebra(tmp_path, capsys):
    generator = np.random.default_rng(0)
    masks = [generator.random((5, 9)) < 0.5 for _ in range(2)]
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path, mask in zip(paths, masks, strict=True):
        region.Region.from_masks({"w": mask}).save(path)
    out = tmp_path / "c.safetensors"
    for operation, expected in {
        region.union: masks[0] | masks[1],
        region.intersection: masks[0] & masks[1],
        region.difference: masks[0] & ~masks[1],
    }.items():
        operation(tuple(paths), output=out)
        assert np.array_equal(region.Region.load(out).mask("w"), expected)
    capsys.readouterr()
    region.jaccard(tuple(paths))
    assert float(capsys.readouterr().out) == pytest.approx((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
    region.describe(out)
    assert "difference" in capsys.readouterr().out


def test_an_empty_region_is_not_the_intact_model(tmp_path, token_folder):
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(tmp_path / "base")
    empty = region.Region.from_masks({"model.layers.0.mlp.up_proj.weight": np.zeros((8, 8), bool)})
    empty.save(tmp_path / "none.safetensors")
    evaluate.main(
        model=tmp_path / "base",
        output=tmp_path,
        name="x",
        checkpoints=tmp_path / "state",
        evaluations=evaluate.Measurements(perplexity=Measurement(token_folder, ("en",))),
        regions=(tmp_path / "none.safetensors",),
        intact=True,
    )
    evidence = Evidence.load(tmp_path / "perplexity/x.parquet")
    assert {name: told["labels"]["kind"] for name, told in evidence.described.items()} == {
        "intact": "base",
        "none": "other",
    }
    assert evidence.rows["intact"].column("nll") == evidence.rows["none"].column("nll")


def test_a_first_measurement_of_other_blocks_is_not_taken_over(tmp_path, token_folder):
    few, many = (Measurement(token_folder, ("en",), max_blocks=count) for count in (2, 3))
    evidence = Evidence()
    model = from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0)
    columns = few.measure(Subject(model, tmp_path, 64, "fp32"))
    evidence.add("intact", "", {}, columns)
    evidence.save(tmp_path / "x.parquet")
    assert continue_pretraining.intact(tmp_path / "x.parquet", few) == columns
    assert continue_pretraining.intact(tmp_path / "x.parquet", many) is None
    assert continue_pretraining.intact(tmp_path / "not there", few) is None


def test_a_folder_with_pickled_weights_only_is_refused(tmp_path):
    source = tmp_path / "pickled"
    from_scratch(24, 1, 8, 2, 2, 8, 8, False, 0).config.save_pretrained(source)
    torch.save({}, source / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        fetch_model.main(model=str(source), output=tmp_path / "base")
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(("gpus", "gres", "wanted"), [(2, "", 2), (0, "", 0), (0, "gpu:2", 2), (0, "gpu:a100:4", 4)])
def test_gpus_are_asked_for_by_number_or_as_generic_resources(gpus, gres, wanted):
    assert launch.requested_gpus(gpus, gres) == wanted


def test_several_gpus_are_a_launch_of_as_many_processes():
    program = ["scripts/score.py", "--language", "ru"]
    for gpus in (0, 1):
        assert launch.command(gpus, *program)[1:] == program
    words = launch.command(4, *program)
    assert words[0].endswith("accelerate") and words[1] == "launch"
    assert words[words.index("--num_processes") + 1] == "4"
    assert words[words.index(program[0]) :] == [*program, "--shard-model", "True"]
