"""Removal restores every bit; frozen weights keep theirs through weight decay and momentum."""

import copy

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from linguistic_regions.interventions.freezing import Frozen, freeze
from linguistic_regions.interventions.lesions import noised, removed, scaled, zero
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule, train


def region_of(model, share=0.2, seed=1):
    generator = np.random.default_rng(seed)
    matrices = selectable(model, [], [])
    return Region.from_masks({name: generator.random(tuple(weight.shape)) < share for name, weight in matrices.items()})


def mask_of(region, name, weight):
    """The region's mask of any parameter."""
    return torch.from_numpy(region.mask(name)) if name in region.shapes else torch.zeros_like(weight, dtype=torch.bool)


def bits(model):
    return {name: weight.detach().clone().view(torch.int32) for name, weight in model.named_parameters()}


def test_removal_zeroes_the_region_alone_and_restores_every_bit(tiny_model):
    parameters, region = dict(tiny_model.named_parameters()), region_of(tiny_model)
    with torch.no_grad():  # a negative zero and a NaN must come back as they were
        flat = parameters["model.layers.0.mlp.up_proj.weight"].view(-1)
        first, second = np.flatnonzero(region.mask("model.layers.0.mlp.up_proj.weight"))[:2]
        flat[first], flat[second] = -0.0, float("nan")
    before = bits(tiny_model)
    with removed(tiny_model, region) as changed:
        assert changed == len(region) - 1
        for name in region.shapes:
            mask = torch.from_numpy(region.mask(name))
            now = parameters[name].detach()
            assert (now[mask] == 0).all()
            assert torch.equal(now[~mask].view(torch.int32), before[name][~mask])
    assert all(torch.equal(now, before[name]) for name, now in bits(tiny_model).items())


def test_removal_restores_after_an_error(tiny_model):
    before = bits(tiny_model)
    with pytest.raises(ZeroDivisionError), removed(tiny_model, region_of(tiny_model)):
        raise ZeroDivisionError
    assert all(torch.equal(now, before[name]) for name, now in bits(tiny_model).items())


@pytest.mark.parametrize("share", [0.2, 0.8], ids=["few", "most"])
def test_a_model_that_was_converted_inside_the_block_is_named(tiny_model, share):
    said = "converted from torch.float32 to torch.float16 while a region of it was changed or frozen"
    with pytest.raises(UserError, match=said), removed(tiny_model, region_of(tiny_model, share)):
        tiny_model.half()


@pytest.mark.parametrize("share", [0.2, 0.8], ids=["few", "most"])
@pytest.mark.parametrize("factor", [0.5, -2.0, 0.0])
def test_scaling_multiplies_the_region_alone_and_restores_every_bit(tiny_model, factor, share):
    region, unchanged = region_of(tiny_model, share), bits(tiny_model)
    before = {name: weight.detach().clone() for name, weight in tiny_model.named_parameters()}
    with scaled(tiny_model, region, factor):
        for name, now in tiny_model.named_parameters():
            mask = mask_of(region, name, now)
            assert torch.equal(now[mask], before[name][mask] * factor)
            assert torch.equal(now[~mask], before[name][~mask])
    assert all(torch.equal(now, unchanged[name]) for name, now in bits(tiny_model).items())


def test_a_region_of_another_model_is_refused(tiny_model):
    other = Region.from_masks({"model.layers.0.mlp.up_proj.weight": np.ones((2, 2), bool)})
    with pytest.raises(UserError, match="another model"):
        zero(tiny_model, other)


def trained(model, frozen):
    rows = np.random.default_rng(5).integers(0, 24, (48, 8)).astype(np.int32)
    schedule = Schedule(batch_size=4, warmup_steps=1, weight_decay=0.5, precision="fp32")
    train(model, rows, 1e-2, schedule, [], lambda _: [], frozen)


def test_frozen_weights_keep_their_bits_and_the_others_move(tiny_model):
    region, before = region_of(tiny_model), bits(tiny_model)
    trained(tiny_model, Frozen(tiny_model, region))
    for name, now in bits(tiny_model).items():
        mask = mask_of(region, name, now)
        assert torch.equal(now[mask], before[name][mask])
        assert (now[~mask] != before[name][~mask]).float().mean() > 0.9


def test_only_the_region_is_trained(tiny_model):
    region, before = region_of(tiny_model), bits(tiny_model)
    trained(tiny_model, Frozen(tiny_model, region, only=True))
    for name, now in bits(tiny_model).items():
        if name not in region.shapes:
            assert torch.equal(now, before[name])
            continue
        mask = torch.from_numpy(region.mask(name))
        assert torch.equal(now[~mask], before[name][~mask])
        assert (now[mask] != before[name][mask]).float().mean() > 0.9


def test_a_removed_and_frozen_region_stays_zero(tiny_model):
    parameters, region = dict(tiny_model.named_parameters()), region_of(tiny_model)
    zero(tiny_model, region)
    trained(tiny_model, Frozen(tiny_model, region))
    for name in region.shapes:
        assert (parameters[name].detach()[torch.from_numpy(region.mask(name))] == 0).all()


def step(model, optimizer, seed):
    """One optimizer step towards random next tokens."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 24, (2, 8), generator=generator)
    ids = ids.to(model.device)
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


OPTIMIZERS = {
    "AdamW": lambda weights: torch.optim.AdamW(weights, 1e-2, weight_decay=0.5),
    "fused AdamW": lambda weights: torch.optim.AdamW(weights, 1e-2, weight_decay=0.5, fused=True),
    "momentum": lambda weights: torch.optim.SGD(weights, 1e-1, momentum=0.9, weight_decay=0.5),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("share", [0.2, 0.8], ids=["few", "most"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_freeze_holds_bits_until_its_handle_is_removed(tiny_model, kind, share, dtype):
    model, region = tiny_model.to(dtype), region_of(tiny_model, share)
    optimizer = OPTIMIZERS[kind](model.parameters())
    step(model, optimizer, 0)  # momentum that still moves the weights
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    handle = freeze(optimizer, model, region)
    for seed in range(3):
        step(model, optimizer, seed)
    for name, now in model.named_parameters():
        mask = mask_of(region, name, now)
        assert torch.equal(now[mask], before[name][mask])
        assert (now[~mask] != before[name][~mask]).any()
    handle.remove()
    step(model, optimizer, 3)
    assert all(not torch.equal(model.get_parameter(name), before[name]) for name in region.shapes)


def test_freeze_takes_the_optimizer_that_accelerate_wraps(tiny_model):
    tiny_model.cpu()
    region, before = region_of(tiny_model), bits(tiny_model)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    optimizer = torch.optim.AdamW(tiny_model.parameters(), 1e-2, weight_decay=0.5)
    model, optimizer = accelerator.prepare(tiny_model, optimizer)
    freeze(optimizer, model, region)
    for seed in range(4):
        with accelerator.accumulate(model):
            step(model, optimizer, seed)
    for name in region.shapes:
        mask = torch.from_numpy(region.mask(name))
        now = bits(tiny_model)[name]
        assert torch.equal(now[mask], before[name][mask])
        assert not torch.equal(now, before[name])


def test_an_optimizer_without_hooks_is_refused(tiny_model):
    class Master:
        """Steps on copies of the weights."""

    with pytest.raises(UserError, match=r"freeze: Master is not a torch.optim.Optimizer"):
        freeze(Master(), tiny_model, region_of(tiny_model))


def test_the_optimizer_of_another_model_is_refused(tiny_model):
    other = torch.optim.SGD(copy.deepcopy(tiny_model).parameters(), 0.1)
    with pytest.raises(UserError, match="trains no parameter of the region"):
        freeze(other, tiny_model, region_of(tiny_model))


@pytest.mark.parametrize(
    "lesion",
    [lambda *of: scaled(*of, np.nan), lambda *of: noised(*of, -1.0, seed=1), lambda *of: noised(*of, 0.1, seed=-1)],
)
def test_a_lesion_by_a_number_that_makes_no_sense_is_refused(lesion, tiny_model):
    before = bits(tiny_model)
    with pytest.raises(UserError, match="give a (finite|whole) number"), lesion(tiny_model, region_of(tiny_model)):
        pass
    assert all(torch.equal(now, before[name]) for name, now in bits(tiny_model).items())


def test_the_users_settings_of_determinism_stay(tiny_model):
    torch.use_deterministic_algorithms(True)
    try:
        with removed(tiny_model, region_of(tiny_model)):
            pass
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
