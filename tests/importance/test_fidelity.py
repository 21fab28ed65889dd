"""Scores against the exact change of the loss: what is drawn, and the change against a plain reference."""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
import torch

from linguistic_regions.evaluation import single_weights
from linguistic_regions.importance import accumulation, fidelity
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model.float64 import Float64
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.weights import selectable

SEVEN = {f"mlp.{name}_proj" for name in ("gate", "up", "down")} | {f"self_attn.{name}_proj" for name in "qkvo"}


def every_weight(model):
    """All selectable weights, as parameters and flat indices."""
    return [(weight, index) for weight in selectable(model, [], []).values() for index in range(weight.numel())]


@pytest.mark.parametrize("batch_tokens", [16, 4096], ids=["in batches", "at once"])
def test_the_change_is_that_of_zeroing_each_weight_in_turn(tiny_model, tiny_blocks, batch_tokens):
    model = tiny_model.double()
    before = [weight.clone() for weight in model.parameters()]
    places = every_weight(model)[::7]
    measured, floor = single_weights.changes(model, tiny_blocks.input_ids, places, batch_tokens)
    ids = torch.from_numpy(tiny_blocks.input_ids).long()
    with torch.no_grad(), Float64():  # the model is float64 already, so its weights can be changed here
        intact = next_token_loss(model, ids).mean().item()
        for change, (weight, index) in zip(measured, places, strict=True):
            kept = weight.view(-1)[index].item()
            weight.view(-1)[index] = 0.0
            assert change == pytest.approx(next_token_loss(model, ids).mean().item() - intact, abs=1e-14)
            weight.view(-1)[index] = kept
    assert all(torch.equal(weight, old) for weight, old in zip(model.parameters(), before, strict=True))
    assert floor < 1e-13
    assert np.median(np.abs(measured)) > 1e6 * floor


def test_rounding_of_a_model_that_is_float64_in_name_alone_is_seen(tiny_model, tiny_blocks, monkeypatch):
    """Norms are computed in float32 all the same, unless `Float64` sees to it."""
    model, ids = tiny_model.double(), torch.from_numpy(tiny_blocks.input_ids).long()
    with torch.no_grad(), Float64():
        exact = single_weights.rounding(model, ids, next_token_loss(model, ids))
    monkeypatch.setattr(single_weights, "Float64", nullcontext)
    with torch.no_grad():
        rounded = single_weights.rounding(model, ids, next_token_loss(model, ids))
    assert exact < 1e-13 < 1e-9 < rounded


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_of_other_dtypes_are_cast_at_each_use(tiny_model, tiny_blocks, dtype):
    model = tiny_model.to(dtype)
    places = every_weight(model)[::50]
    cast, _ = single_weights.changes(model, tiny_blocks.input_ids, places, 4096)
    assert {weight.dtype for weight in model.parameters()} == {dtype}
    at_once, _ = single_weights.changes(model.double(), tiny_blocks.input_ids, places, 4096)
    np.testing.assert_allclose(cast, at_once, atol=1e-13)


def test_inside_the_block_the_slope_of_the_loss_is_exact_to_nine_digits(tiny_model, tiny_blocks):
    model, ids = tiny_model.double(), torch.from_numpy(tiny_blocks.input_ids).long()
    weight = model.model.layers[0].mlp.up_proj.weight
    with Float64():
        slope = torch.autograd.grad(next_token_loss(model, ids).mean(), weight)[0][0, 0].item()
        losses = []
        with torch.no_grad():
            for step in (1e-4, -2e-4):
                weight[0, 0] += step
                losses.append(next_token_loss(model, ids).mean().item())
    assert (losses[0] - losses[1]) / 2e-4 == pytest.approx(slope, rel=1e-7)


def sums(model, blocks, *estimators):
    """The sums of each estimator over all blocks."""
    found = {}
    for name in estimators:
        parameters = selectable(model, [], [])
        [(_, found[name])] = accumulation.measure(model, parameters, blocks, [len(blocks)], Estimator(name), 4096)
    return found


def test_weights_are_drawn_of_every_kind_and_evenly_from_each_estimators_bins(tiny_model, tiny_blocks):
    found = sums(tiny_model, tiny_blocks, "taylor", "magnitude")
    places = fidelity.draw(found, 24, seed=0)
    assert places == fidelity.draw(found, 24, seed=0) != fidelity.draw(found, 24, seed=1)
    assert {place.kind for place in places} == SEVEN
    assert len({place.parameter for place in places}) == 2 * len(SEVEN)
    assert len(places) == len(set(places))


def test_a_bin_holds_the_weights_between_two_shares():
    values = np.random.default_rng(0).permutation(10_000).astype(np.float32)
    generator = np.random.default_rng(0)
    for low, high in pairwise(fidelity.SHARES):
        ranks = values[[fidelity._between(values, low, high, generator) for _ in range(50)]]
        assert low * 10_000 <= ranks.min() and ranks.max() < high * 10_000
    assert values[fidelity._between(values, 0.9999, 1.0, generator)] == 9_999
    assert fidelity._between(values[:3], 0.9999, 1.0, generator) == values[:3].argmax()


def test_the_scores_of_the_weights_are_those_of_the_sums(tiny_model, tiny_blocks):
    found = sums(tiny_model, tiny_blocks, "taylor", "fisher")
    places = fidelity.draw(found, 12, seed=0)
    for each in found.values():
        expected = [each.score(place.parameter).reshape(-1)[place.index] for place in places]
        assert fidelity.scores(each, places).tolist() == expected
