"""The examples of docs/library.md run, and do what they say."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from linguistic_regions.model.weights import selectable
from linguistic_regions.regions import Region
from machine import ROOT

IDS = torch.from_numpy(np.random.default_rng(5).integers(0, 24, (16, 8)))


def examples(document):
    """The Python of a document, its blocks in order."""
    return re.findall(
        r"^```python\n(.*?)^```$", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.fixture
def tiny_model(tiny_model):
    """The model where these trainings run, also on a machine with a GPU."""
    return tiny_model.cpu()


@pytest.fixture
def names(tmp_path, monkeypatch, tiny_model):
    """What the examples take for given: a model and regions in the working directory, batches and a data set."""
    monkeypatch.chdir(tmp_path)
    tiny_model.save_pretrained("model")
    generator = np.random.default_rng(1)
    shapes = {name: tuple(weight.shape) for name, weight in selectable(tiny_model, [], []).items()}
    for path in ("region.safetensors", "other.safetensors"):
        masks = {name: generator.random(shape) < 0.3 for name, shape in shapes.items()}
        Region.from_masks(masks, {"recipe": {"select": "random"}}).save(path)
    batches = [{"input_ids": ids, "labels": ids} for ids in IDS.split(4)]
    dataset = [{"input_ids": ids, "labels": ids} for ids in IDS]
    return {"batches": batches, "batch": batches[0], "dataset": dataset}


def frozen(model, region, before):
    """Whether the region has its bits in the model, and other weights have not."""
    masks = {name: torch.from_numpy(region.mask(name)) for name in region.shapes}
    assert any(not torch.equal(model.get_parameter(name)[~mask], before[name][~mask]) for name, mask in masks.items())
    return all(torch.equal(model.get_parameter(name)[mask], before[name][mask]) for name, mask in masks.items())


def test_the_librarys_documentation(names, tiny_model):
    blocks = examples("docs/library.md")
    assert len(blocks) == 6
    for block in blocks:
        exec(block, names)
    region, before = names["region"], dict(tiny_model.named_parameters())
    assert Region.load("only.safetensors").fingerprint == (region - names["other"]).fingerprint
    assert all(np.array_equal(mask, region.mask(name)) for name, mask in load_file("masks.safetensors").items())
    lesioned = AutoModelForCausalLM.from_pretrained("lesioned")
    for name in region.shapes:
        mask = torch.from_numpy(region.mask(name))
        before[name].data[mask] = 0
        assert torch.equal(lesioned.get_parameter(name), before[name])
    assert frozen(names["model"].cpu(), region, before)  # at zero, through both trainings
