"""Importance against exact loss differences: each weight of a tiny model zeroed in turn."""

import numpy as np
import pytest
import torch

from linguistic_regions import importance, models
from linguistic_regions.perplexity import next_token_loss


def loss_of(model, blocks):
    return next_token_loss(model, torch.from_numpy(blocks.input_ids).long()).double().mean().item()


def score(model, blocks, **options):
    parameters = models.selectable(model, [], [])
    [(_, scores)] = importance.scores(model, parameters, blocks, [len(blocks)], **options)
    return scores


@torch.no_grad()
def test_taylor_estimates_the_exact_loss_difference(tiny_model, tiny_blocks):
    """First-order, and so exact only for weights that are small beside what they are added to, as these are."""
    with torch.enable_grad():
        taylor = score(tiny_model, tiny_blocks, estimator="taylor", micro_batch=3)
    exact_model = tiny_model.double()
    whole = loss_of(exact_model, tiny_blocks)
    exact, estimate = [], []
    for name, weight in models.selectable(exact_model, [], []).items():
        flat = weight.view(-1)
        for j in range(len(flat)):
            kept = flat[j].item()
            flat[j] = 0
            exact.append(abs(whole - loss_of(exact_model, tiny_blocks)))
            flat[j] = kept
            estimate.append(taylor[name].view(-1)[j].item())
    exact, estimate = np.array(exact), np.array(estimate)
    assert np.corrcoef(exact, estimate)[0, 1] > 0.99
    tenth = len(exact) // 10
    shared = set(np.argsort(-exact)[:tenth]) & set(np.argsort(-estimate)[:tenth])
    assert len(shared) > 0.9 * tenth
    assert np.abs(exact - estimate).mean() < 0.1 * exact.mean()


def test_taylor_is_the_gradient_of_all_samples_times_the_weight(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="taylor")
    tiny_model.requires_grad_(True)
    next_token_loss(tiny_model, torch.from_numpy(tiny_blocks.input_ids).long()).mean().backward()
    for name, weight in models.selectable(tiny_model, [], []).items():
        torch.testing.assert_close(scores[name], (weight.grad * weight).abs().detach(), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("micro_batch", [2, 3, 6])
def test_taylor_does_not_depend_on_batching(tiny_model, tiny_blocks, micro_batch):
    one_by_one = score(tiny_model, tiny_blocks, micro_batch=1)
    batched = score(tiny_model, tiny_blocks, micro_batch=micro_batch)
    for name in one_by_one:
        torch.testing.assert_close(batched[name], one_by_one[name], rtol=1e-4, atol=1e-9)


def test_taylor_abs_is_the_mean_over_micro_batches(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="taylor_abs", micro_batch=2)
    parts = [
        score(tiny_model, tiny_blocks.take(np.arange(i, i + 2)), estimator="taylor", micro_batch=2) for i in (0, 2, 4)
    ]
    for name in scores:
        torch.testing.assert_close(scores[name], sum(part[name] for part in parts) / 3, rtol=1e-4, atol=1e-9)


def test_magnitude_is_the_weight(tiny_model, tiny_blocks):
    scores = score(tiny_model, tiny_blocks, estimator="magnitude")
    for name, weight in models.selectable(tiny_model, [], []).items():
        assert torch.equal(scores[name], weight.abs())


@pytest.mark.parametrize("estimator", ["taylor", "taylor_abs"])
def test_milestones_of_one_pass_equal_separate_passes(tiny_model, tiny_blocks, estimator):
    parameters = models.selectable(tiny_model, [], [])
    options = {"estimator": estimator, "micro_batch": 2}
    together = dict(importance.scores(tiny_model, parameters, tiny_blocks, [2, 6], **options))
    [(_, early)] = importance.scores(tiny_model, parameters, tiny_blocks, [2], **options)
    assert list(together) == [2, 6]
    for name in parameters:
        assert torch.equal(together[2][name], early[name])
        assert not torch.equal(together[2][name], together[6][name])


def test_scores_are_float32_and_weights_stay(tiny_model, tiny_blocks):
    before = {name: weight.clone() for name, weight in tiny_model.named_parameters()}
    scores = score(tiny_model, tiny_blocks, precision="bf16")
    for name, weight in tiny_model.named_parameters():
        assert torch.equal(weight, before[name])
    for name, values in scores.items():
        assert values.dtype == torch.float32
        assert values.shape == before[name].shape
