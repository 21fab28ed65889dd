"""Removal restores every bit; frozen weights keep theirs through weight decay and momentum."""

import numpy as np
import pytest
import torch

from linguistic_regions.interventions.freezing import Frozen
from linguistic_regions.interventions.lesions import removed, zero
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule, train


def region_of(model, share=0.2, seed=1):
    generator = np.random.default_rng(seed)
    matrices = selectable(model, [], [])
    return Region.from_masks({name: generator.random(tuple(weight.shape)) < share for name, weight in matrices.items()})


def bits(model):
    return {name: weight.detach().clone().view(torch.int32) for name, weight in model.named_parameters()}


def test_removal_zeroes_the_region_alone_and_restores_every_bit(tiny_model):
    parameters, region = dict(tiny_model.named_parameters()), region_of(tiny_model)
    with torch.no_grad():  # a negative zero and a NaN must come back as they were
        flat = parameters["model.layers.0.mlp.up_proj.weight"].view(-1)
        first, second = np.flatnonzero(region.mask("model.layers.0.mlp.up_proj.weight"))[:2]
        flat[first], flat[second] = -0.0, float("nan")
    before = bits(tiny_model)
    with removed(region, parameters) as changed:
        assert changed == len(region) - 1
        for name in region.shapes:
            mask = torch.from_numpy(region.mask(name))
            now = parameters[name].detach()
            assert (now[mask] == 0).all()
            assert torch.equal(now[~mask].view(torch.int32), before[name][~mask])
    assert all(torch.equal(now, before[name]) for name, now in bits(tiny_model).items())


def test_removal_restores_after_an_error(tiny_model):
    before = bits(tiny_model)
    with pytest.raises(ZeroDivisionError), removed(region_of(tiny_model), dict(tiny_model.named_parameters())):
        raise ZeroDivisionError
    assert all(torch.equal(now, before[name]) for name, now in bits(tiny_model).items())


def test_a_region_of_another_model_is_refused(tiny_model):
    other = Region.from_masks({"model.layers.0.mlp.up_proj.weight": np.ones((2, 2), bool)})
    with pytest.raises(UserError, match="another model"):
        zero(other, dict(tiny_model.named_parameters()))


def trained(model, frozen):
    rows = np.random.default_rng(5).integers(0, 24, (48, 8)).astype(np.int32)
    schedule = Schedule(batch_size=4, warmup_steps=1, weight_decay=0.5, precision="fp32")
    train(model, rows, 1e-2, schedule, [], lambda _: [], frozen)


def test_frozen_weights_keep_their_bits_and_the_others_move(tiny_model):
    region, before = region_of(tiny_model), bits(tiny_model)
    trained(tiny_model, Frozen(region, dict(tiny_model.named_parameters())))
    for name, now in bits(tiny_model).items():
        mask = torch.from_numpy(region.mask(name)) if name in region.shapes else torch.zeros_like(now, dtype=torch.bool)
        assert torch.equal(now[mask], before[name][mask])
        assert (now[~mask] != before[name][~mask]).float().mean() > 0.9


def test_only_the_region_is_trained(tiny_model):
    region, before = region_of(tiny_model), bits(tiny_model)
    trained(tiny_model, Frozen(region, dict(tiny_model.named_parameters()), only=True))
    for name, now in bits(tiny_model).items():
        if name not in region.shapes:
            assert torch.equal(now, before[name])
            continue
        mask = torch.from_numpy(region.mask(name))
        assert torch.equal(now[~mask], before[name][~mask])
        assert (now[mask] != before[name][mask]).float().mean() > 0.9


def test_a_removed_and_frozen_region_stays_zero(tiny_model):
    parameters, region = dict(tiny_model.named_parameters()), region_of(tiny_model)
    zero(region, parameters)
    trained(tiny_model, Frozen(region, parameters))
    for name in region.shapes:
        assert (parameters[name].detach()[torch.from_numpy(region.mask(name))] == 0).all()
