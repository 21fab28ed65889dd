"""A region stays frozen, bit for bit, in anyone's Trainer."""

import copy

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from linguistic_regions.interventions import FreezeRegion, zero
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions import Region
from linguistic_regions.runtime.errors import UserError

SAMPLES = [{"input_ids": ids, "labels": ids} for ids in np.random.default_rng(5).integers(0, 24, (48, 8))]


@pytest.fixture
def tiny_model(tiny_model):
    """The model where these trainings run, also on a machine with a GPU."""
    return tiny_model.cpu()


@pytest.fixture
def region(tiny_model):
    """Few weights of one half of the matrices, most of the other half's."""
    generator = np.random.default_rng(1)
    shapes = [(name, tuple(weight.shape)) for name, weight in selectable(tiny_model, [], []).items()]
    shares = [0.2, 0.8] * len(shapes)
    return Region.from_masks(
        {name: generator.random(shape) < share for (name, shape), share in zip(shapes, shares, strict=False)}
    )


def trainer(model, folder, *callbacks, **options):
    settings = {
        "learning_rate": 1e-2,
        "weight_decay": 0.5,
        "max_grad_norm": 0.1,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "max_steps": 8,
        "save_strategy": "no",
    }
    arguments = TrainingArguments(
        folder, use_cpu=True, report_to="none", disable_tqdm=True, seed=3, **{**settings, **options}
    )
    return Trainer(model, arguments, train_dataset=SAMPLES, callbacks=list(callbacks))


def weights(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def mask_of(region, name, weight):
    """The region's mask of any parameter."""
    return torch.from_numpy(region.mask(name)) if name in region.shapes else torch.zeros_like(weight, dtype=torch.bool)


def assert_frozen(model, region, before):
    for name, now in model.named_parameters():
        mask = mask_of(region, name, now)
        assert torch.equal(now[mask].view(torch.uint8), before[name][mask].view(torch.uint8)), name
        assert not torch.equal(now[~mask], before[name][~mask]), name


@pytest.mark.parametrize(
    "options",
    [{"optim": "adamw_torch"}, {"optim": "sgd", "optim_args": "momentum=0.9", "learning_rate": 0.5}, {"bf16": True}],
    ids=["AdamW", "momentum", "bfloat16 products"],
)
def test_a_region_keeps_its_bits(tmp_path, tiny_model, region, options):
    before = weights(tiny_model)
    trainer(tiny_model, tmp_path, FreezeRegion(region), **options).train()
    assert_frozen(tiny_model, region, before)


def test_bfloat16_weights_keep_their_bits(tmp_path, tiny_model, region):
    model = tiny_model.bfloat16()
    before = weights(model)
    trainer(model, tmp_path, FreezeRegion(region)).train()
    assert_frozen(model, region, before)


def test_training_that_resumes_from_a_checkpoint_ends_as_one_that_did_not_stop(tmp_path, tiny_model, region):
    before, undisturbed, resumed = weights(tiny_model), copy.deepcopy(tiny_model), copy.deepcopy(tiny_model)
    saving = {"save_strategy": "steps", "save_steps": 3}
    trainer(undisturbed, tmp_path, FreezeRegion(region), **saving).train()
    zero(resumed, region)  # what it is before does not count
    trainer(resumed, tmp_path, FreezeRegion(region), **saving).train(str(tmp_path / "checkpoint-3"))
    assert_frozen(resumed, region, before)
    for name, weight in weights(undisturbed).items():
        assert torch.equal(resumed.get_parameter(name), weight), name


class Fails(TrainerCallback):
    """Ends a training with an error."""

    def on_step_end(self, *_, **__):
        raise ZeroDivisionError


def test_a_training_after_one_that_failed_freezes_the_bits_of_its_own_beginning(tmp_path, tiny_model, region):
    training = trainer(tiny_model, tmp_path, FreezeRegion(region), Fails())
    with pytest.raises(ZeroDivisionError):
        training.train()
    training.remove_callback(Fails)
    zero(tiny_model, region)
    before = weights(tiny_model)
    training.train()
    assert_frozen(tiny_model, region, before)


def test_a_finished_training_frees_the_region(tmp_path, tiny_model, region):
    training = trainer(tiny_model, tmp_path, FreezeRegion(region))
    training.train()
    before = weights(tiny_model)
    training.remove_callback(FreezeRegion)
    training.train()
    assert all(not torch.equal(tiny_model.get_parameter(name), before[name]) for name in region.shapes)


def test_a_path_is_no_region_and_a_region_no_model(tiny_model, region):
    with pytest.raises(UserError, match="give Region.load"):
        FreezeRegion("core.safetensors")
    with pytest.raises(UserError, match="'core.safetensors' is not a region: give Region.load"):
        zero(tiny_model, "core.safetensors")
    with pytest.raises(UserError, match="'core.safetensors' is not a region: give Region.load"):
        region.jaccard("core.safetensors")
    with pytest.raises(UserError, match="Region .* is not a model: give a torch.nn.Module"):
        zero(region, region)


def test_a_region_of_another_model_is_refused_before_the_first_step(tmp_path, tiny_model):
    other = Region.from_masks({"model.layers.0.mlp.up_proj.weight": np.ones((2, 2), bool)})
    before = weights(tiny_model)
    with pytest.raises(UserError, match="another model"):
        trainer(tiny_model, tmp_path, FreezeRegion(other)).train()
    assert all(torch.equal(tiny_model.get_parameter(name), weight) for name, weight in before.items())
