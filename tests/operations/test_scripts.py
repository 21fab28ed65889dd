"""The programs one after another on Hugging Face folders of several shapes, given by path."""

import csv
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

import fetch_model
import further_pretrain
import importance
import launch
import overlap
import region
import removal
import tokenizer
from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.planning import catalog
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule

CONFIG = {
    "seed": 0,
    "importance": {"samples": [4, 8], "languages": ["en", "ru"]},
    "monolingual": {"languages": ["en", "ru"], "ratio": 0.2, "replicates": 1},
}


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("kv_heads", [4, 2], ids=["multi-head", "grouped-query"])
def test_importance_regions_removal_and_training(tmp_path, token_folder, tokenizer_folder, tied, kv_heads):
    source, base = tmp_path / "source", tmp_path / "base"
    from_scratch(300, 3, 32, 4, kv_heads, 40, 16, tied, 7).save_pretrained(source)
    fetch_model.main(model=str(source), output=base)
    tokenizer.main(output=tmp_path / "tokenizer", model=str(tokenizer_folder))

    importance.main(
        model=str(base),
        tokens_folder=token_folder,
        languages=("en", "ru"),
        output=tmp_path / "importance",
        stability=tmp_path / "stability.csv",
        milestones=(4, 8),
        checks=(2, 8),
        precision="fp32",
    )
    scores = load_file(tmp_path / "importance/ru/8/importance.safetensors")
    weights = {name: tuple(weight.shape) for name, weight in loading.load(base).named_parameters()}
    assert len(scores) == 3 * 7
    assert all(score.shape == weights[name] and score.dtype == np.float32 for name, score in scores.items())

    made = catalog.core_at(CONFIG, 0.1) | catalog.monolingual(CONFIG)
    regions = tmp_path / "regions"
    region.build(recipes_json=json.dumps(made), importance=tmp_path / "importance", output=regions)
    overlap.main(
        regions=(regions / "top-0.1.safetensors", regions / "monolingual-ru-8.safetensors"),
        overlap=tmp_path / "overlap.csv",
        density=tmp_path / "density.csv",
    )
    assert len(rows(tmp_path / "density.csv")) == 2 * 3 * 7

    files = (regions / "top-0.1.safetensors", regions / "random-0.1-1.safetensors")
    common = {"model": base, "tokens_folder": token_folder}
    removal.main(
        **common,
        texts=("en", "ru"),
        regions=files,
        base=True,
        max_blocks=4,
        output=tmp_path / "removal.csv",
        checkpoints=tmp_path / "removal",
    )
    measured = rows(tmp_path / "removal.csv")
    assert [row["kind"] for row in measured[::2]] == ["base", "top", "random"]

    further_pretrain.main(
        **common,
        languages=("ru",),
        learning_rates=(1e-2,),
        milestones=(0, 8),
        schedule=Schedule(batch_size=4, warmup_steps=1, precision="fp32"),
        checkpoints=tmp_path / "checkpoints",
        table=tmp_path / "training.csv",
        arms=("full", "core_frozen", "region_only", "top_freeze"),
        top=regions / "top-0.1.safetensors",
        output=tmp_path / "further",
    )
    trained = {(row["arm"], row["samples"]): float(row["nll"]) for row in rows(tmp_path / "training.csv")}
    assert trained["full", "8"] < trained["full", "0"] == trained["core_frozen", "0"]
    again = loading.load(tmp_path / "further/ru")
    assert (again.get_output_embeddings().weight is again.get_input_embeddings().weight) is tied
    assert not (tmp_path / "checkpoints").exists()


def test_importance_ends_when_its_regions_are_stable(tmp_path, token_folder):
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(tmp_path / "base")

    def score(stop_at):
        importance.main(
            model=str(tmp_path / "base"),
            tokens_folder=token_folder,
            languages=("en",),
            output=tmp_path / "importance",
            stability=tmp_path / "stability.csv",
            milestones=(2, 4, 8),
            checks=(2, 4, 6, 8),
            ratio=0.3,
            stop_at=stop_at,
            precision="fp32",
        )
        used = {}
        for samples in (2, 4, 8):
            with safe_open(tmp_path / f"importance/en/{samples}/importance.safetensors", "numpy") as file:
                used[samples] = int(file.metadata()["samples"])
        return used, [float(row["jaccard"]) for row in rows(tmp_path / "stability.csv")]

    used, agreement = score(None)
    assert used == {2: 2, 4: 4, 8: 8}
    assert len(agreement) == 4
    threshold = max(agreement[:2])
    first = 2 * (1 + [value >= threshold for value in agreement].index(True))
    used, stopped = score(threshold)
    assert stopped == agreement[: first // 2]
    assert used == {samples: min(samples, first) for samples in (2, 4, 8)}
    assert first < 8


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
    removal.main(
        model=tmp_path / "base",
        tokens_folder=token_folder,
        texts=("en",),
        regions=(tmp_path / "none.safetensors",),
        base=True,
        output=tmp_path / "removal.csv",
        checkpoints=tmp_path / "state",
    )
    intact, none = rows(tmp_path / "removal.csv")
    assert (intact["region"], intact["kind"], none["region"], none["kind"]) == ("base", "base", "none", "other")
    assert intact["nll"] == none["nll"]


def test_an_arm_without_its_region_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(UserError, match="--top: the arm core_frozen needs this region"):
        further_pretrain.main(
            model=tmp_path,
            tokens_folder=tmp_path,
            languages=("ru",),
            learning_rates=(1e-2,),
            milestones=(0, 8),
            schedule=Schedule(),
            checkpoints=tmp_path,
            table=tmp_path / "x.csv",
            arms=("core_frozen",),
        )


def test_a_folder_with_pickled_weights_only_is_refused(tmp_path):
    source = tmp_path / "pickled"
    from_scratch(24, 1, 8, 2, 2, 8, 8, False, 0).config.save_pretrained(source)
    torch.save({}, source / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        fetch_model.main(model=str(source), output=tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_too_few_blocks_for_a_milestone(tmp_path, token_folder):
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(tmp_path / "base")
    with pytest.raises(UserError, match=r"en: importance.samples needs 9999 training blocks"):
        importance.main(
            model=str(tmp_path / "base"),
            tokens_folder=token_folder,
            languages=("en",),
            output=tmp_path / "importance",
            stability=tmp_path / "stability.csv",
            milestones=(9999,),
        )


@pytest.mark.parametrize(("gpus", "gres", "wanted"), [(2, "", 2), (0, "", 0), (0, "gpu:2", 2), (0, "gpu:a100:4", 4)])
def test_gpus_are_asked_for_by_number_or_as_generic_resources(gpus, gres, wanted):
    assert launch.wanted(gpus, gres) == wanted


def test_several_gpus_are_a_launch_of_as_many_processes():
    program = ["scripts/importance.py", "--languages", "ru"]
    for gpus in (0, 1):
        assert launch.command(gpus, *program)[1:] == program
    words = launch.command(4, *program)
    assert words[0].endswith("accelerate") and words[1] == "launch"
    assert words[words.index("--num_processes") + 1] == "4"
    assert words[words.index(program[0]) :] == [*program, "--shard-model", "True"]
