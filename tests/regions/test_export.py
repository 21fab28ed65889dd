"""A region for other programs: boolean masks, and a copy of the model without it."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

import region as program
from linguistic_regions.model import loading
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions import Region, masks
from linguistic_regions.runtime.errors import UserError


def region_of(model, path, share=0.3):
    """A random region of the model, saved."""
    generator = np.random.default_rng(2)
    matrices = selectable(model, [], [])
    region = Region.from_masks(
        {name: generator.random(tuple(weight.shape)) < share for name, weight in matrices.items()},
        {"recipe": {"select": "random"}},
    )
    region.save(path)
    return Region.load(path)


def tensors(folder):
    """All weights in a folder's files, by name."""
    return {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}


def assert_lesioned(copy, model, region, prefix=""):
    """The copy's files are the model's, with the region at zero, bit for bit."""
    before, after = tensors(model), tensors(copy)
    assert {file.name for file in model.glob("*.safetensors")} == {file.name for file in copy.glob("*.safetensors")}
    assert before.keys() == after.keys()
    for name, weight in before.items():
        if prefix + name in region.shapes:
            mask = torch.from_numpy(region.mask(prefix + name))
            assert mask.any()
            weight[mask] = 0
        assert after[name].dtype == weight.dtype
        assert torch.equal(after[name].view(torch.uint8), weight.view(torch.uint8)), name


def test_masks_equal_the_regions(tmp_path, tiny_model):
    region = region_of(tiny_model, tmp_path / "region.safetensors")
    program.export(tmp_path / "region.safetensors", mask=tmp_path / "masks.safetensors")
    masks = load_file(tmp_path / "masks.safetensors")
    assert masks.keys() == region.shapes.keys()
    for name, mask in masks.items():
        assert mask.dtype == torch.bool
        assert mask.shape == tiny_model.get_parameter(name).shape
        assert np.array_equal(mask.numpy(), region.mask(name))
    with safe_open(tmp_path / "masks.safetensors", "pt") as file:
        assert json.loads(file.metadata()["recipe"]) == {"select": "random"}


def test_masks_take_the_place_of_older_ones(tmp_path):
    for value in (True, False):
        Region.from_masks({"w": np.full((3, 5), value)}).save(tmp_path / "region.safetensors")
        program.export(tmp_path / "region.safetensors", mask=tmp_path / "masks.safetensors")
        assert load_file(tmp_path / "masks.safetensors")["w"].eq(value).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", ["1GB", "2KB"], ids=["one file", "shards"])
def test_the_lesioned_copy_is_the_model_with_the_region_at_zero(tmp_path, tiny_model, tokenizer_folder, size, dtype):
    model, copy = tmp_path / "model", tmp_path / "copy"
    region = region_of(tiny_model, tmp_path / "region.safetensors")
    tiny_model.to(getattr(torch, dtype)).save_pretrained(model, max_shard_size=size)
    AutoTokenizer.from_pretrained(tokenizer_folder).save_pretrained(model)
    (model / "pytorch_model.bin").write_bytes(b"pickled")
    program.export(tmp_path / "region.safetensors", model=model, lesioned=copy)
    assert len(list(copy.glob("*.safetensors"))) > (size == "2KB")
    assert_lesioned(copy, model, region)
    assert not (copy / "pytorch_model.bin").exists()
    loaded = AutoModelForCausalLM.from_pretrained(copy, dtype="auto")
    assert loaded.dtype == getattr(torch, dtype)
    for name in region.shapes:
        assert (loaded.get_parameter(name)[torch.from_numpy(region.mask(name))] == 0).all()
    loading.load(copy)  # its seal is right
    assert len(AutoTokenizer.from_pretrained(copy)) == len(AutoTokenizer.from_pretrained(tokenizer_folder))


def test_the_copy_says_what_was_removed_and_does_not_pass_for_the_intact_model(tmp_path, tiny_model):
    region_of(tiny_model, tmp_path / "region.safetensors")
    tiny_model.save_pretrained(tmp_path / "model")
    (tmp_path / "model/source.json").write_text(json.dumps({"model": "a/b", "name": "b"}))
    program.export(tmp_path / "region.safetensors", model=tmp_path / "model", lesioned=tmp_path / "copy")
    assert not (tmp_path / "copy/source.json").exists()
    assert json.loads((tmp_path / "copy/lesion.json").read_text()) == {
        "model": {"model": "a/b", "name": "b"},
        "removed": {"recipe": {"select": "random"}},
    }


def test_files_of_a_bare_decoder_name_weights_without_its_name(tmp_path):
    model = GPT2LMHeadModel(GPT2Config(vocab_size=24, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    region = region_of(model, tmp_path / "region.safetensors")
    model.save_pretrained(tmp_path / "model")
    path = tmp_path / "model/model.safetensors"
    save_file({name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}, path)
    program.export(tmp_path / "region.safetensors", model=tmp_path / "model", lesioned=tmp_path / "copy")
    assert_lesioned(tmp_path / "copy", tmp_path / "model", region, "transformer.")


def without_weights(folder):
    (folder / "model.safetensors").unlink()


def cut_short(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def quantized(folder):
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight.to(torch.int8) for name, weight in weights.items()}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_weights, "it has no safetensors weights: name a folder"),
        (cut_short, "model.safetensors: not a readable part of a model"),
        (quantized, "is stored as I8: name a model whose weights are not quantized"),
    ],
)
def test_a_model_that_cannot_be_copied_is_refused(tmp_path, tiny_model, damage, message):
    region_of(tiny_model, tmp_path / "region.safetensors")
    tiny_model.save_pretrained(tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(UserError, match=message):
        program.export(tmp_path / "region.safetensors", model=tmp_path / "model", lesioned=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_region_of_another_model_is_refused_in_one_line(tmp_path, tiny_model):
    tiny_model.save_pretrained(tmp_path / "model")
    Region.from_masks({"model.layers.0.mlp.up_proj.weight": np.ones((2, 2), bool)}).save(tmp_path / "r.safetensors")
    command = [sys.executable, program.__file__, "export", "r.safetensors", "--model", "model", "--lesioned", "copy"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == (
        "region.py: error: r.safetensors belongs to another model: model has no model.layers.0.mlp.up_proj.weight of "
        "shape [2, 2]; name the model that it was built from; if the weights in its files have other names, "
        "load the model and save it again\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "r.safetensors"]


def test_a_folder_that_exists_is_not_replaced(tmp_path, tiny_model):
    region_of(tiny_model, tmp_path / "region.safetensors")
    tiny_model.save_pretrained(tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "before")
    with pytest.raises(UserError, match="model exists: remove it, or name another folder"):
        program.export(tmp_path / "region.safetensors", model=tmp_path / "model", lesioned=tmp_path / "model")
    assert tensors(tmp_path / "model").keys() == tensors(tmp_path / "before").keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no output: give --mask"),
        ({"model": "model"}, "--model and --lesioned need each other"),
        ({"lesioned": "copy"}, "--model and --lesioned need each other"),
    ],
)
def test_export_wants_to_be_told_what_to_write(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        program.export(tmp_path / "region.safetensors", **{key: tmp_path / name for key, name in arguments.items()})


def test_a_region_is_not_overwritten_by_its_own_masks(tiny_model, tmp_path):
    path = tmp_path / "r.safetensors"
    region = region_of(tiny_model, path)
    with pytest.raises(UserError, match="r.safetensors is the region's own file: name another"):
        masks.save_masks(Region.load(path), path)
    assert Region.load(path).fingerprint == region.fingerprint
