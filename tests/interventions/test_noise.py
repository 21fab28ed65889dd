"""Noise: where it is asked for, of the size asked for, and gone afterwards, bit for bit."""

import numpy as np
import pytest
import torch

from linguistic_regions.interventions.lesions import noised
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region


def region_of(model, share):
    generator = np.random.default_rng(1)
    matrices = selectable(model, [], [])
    return Region.from_masks({name: generator.random(tuple(weight.shape)) < share for name, weight in matrices.items()})


def copies(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("share", [0.2, 0.8], ids=["few", "most"])
def test_noise_changes_the_region_alone_and_every_bit_is_restored(tiny_model, share, dtype):
    model = tiny_model.to(dtype)
    region, before = region_of(model, share), copies(model)
    with noised(model, region, 0.5, 3):
        during = copies(model)
    with noised(model, region, 0.5, 3):
        assert all(torch.equal(now, during[name]) for name, now in copies(model).items())
    with noised(model, region, 0.5, 4):
        assert any(not torch.equal(now, during[name]) for name, now in copies(model).items())
    for name, now in during.items():
        mask = torch.from_numpy(region.mask(name)) if name in region.shapes else torch.zeros(now.shape, dtype=bool)
        mask = mask.to(now.device)
        assert torch.equal(now[~mask], before[name][~mask])
        assert (now[mask] != before[name][mask]).float().mean() > 0.9 or not mask.any()
    assert all(torch.equal(now, before[name]) for name, now in copies(model).items())
    with pytest.raises(RuntimeError), noised(model, region, 0.5, 3):
        raise RuntimeError
    assert all(torch.equal(now, before[name]) for name, now in copies(model).items())


def test_noise_is_gaussian_in_deviations_of_its_matrix():
    torch.manual_seed(0)
    model = torch.nn.Linear(300, 200)
    with torch.no_grad():
        model.weight.copy_(torch.randn(200, 300) * 3 + 1)
    before = model.weight.detach().clone()
    mask = np.random.default_rng(0).random((200, 300)) < 0.3
    with noised(model, Region.from_masks({"weight": mask}), 0.1, 0):
        noise = (model.weight - before).detach()[torch.from_numpy(mask)] / (0.1 * before.std(correction=0))
    count = len(noise)
    assert abs(noise.mean()) < 5 / count**0.5
    assert abs(noise.std() - 1) < 5 / (2 * count) ** 0.5
    assert abs((noise**4).mean() - 3) < 5 * (96 / count) ** 0.5
