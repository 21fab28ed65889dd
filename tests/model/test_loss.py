"""The loss against transformers' own, however it is batched, split and cast."""

import numpy as np
import pytest
import torch

from linguistic_regions.model import loss
from linguistic_regions.model.loss import block_nll, next_token_loss
from linguistic_regions.model.precision import cast_linear_weights
from linguistic_regions.model.weights import layers


def test_equals_transformers_loss(tiny_model, tiny_blocks):
    ids = torch.from_numpy(tiny_blocks.input_ids).long()
    expected = tiny_model(input_ids=ids, labels=ids).loss.item()
    sums = block_nll(tiny_model, tiny_blocks.input_ids, batch_tokens=16, precision="fp32")
    assert (sums.dtype, sums.shape) == (np.float64, (6,))
    assert sums.sum() / (6 * 7) == pytest.approx(expected, rel=1e-5)


def test_does_not_depend_on_batching_or_mode(tiny_model, tiny_blocks):
    tiny_model.train()
    sums = [block_nll(tiny_model, tiny_blocks.input_ids, tokens, "fp32") for tokens in (1, 24, 1000)]
    assert tiny_model.training
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-5)
    np.testing.assert_allclose(sums[0], sums[2], rtol=1e-5)


def test_logits_are_float32_a_few_rows_at_a_time(tiny_model, tiny_blocks, monkeypatch):
    """Neither losses nor gradients depend on it, and a part is never larger than allowed."""
    ids = torch.from_numpy(tiny_blocks.input_ids).long()
    seen = []
    plain = loss.cross_entropy

    def watched(logits, *args, **options):
        seen.append(logits.numel())
        return plain(logits, *args, **options)

    monkeypatch.setattr(loss, "cross_entropy", watched)
    found = {}
    for at_once in (1 << 26, 5 * 24):
        monkeypatch.setattr(loss, "LOGITS_AT_ONCE", at_once)
        seen.clear()
        tiny_model.zero_grad()
        losses = next_token_loss(tiny_model, ids)
        losses.mean().backward()
        assert max(seen) <= at_once
        found[at_once] = [losses.detach(), *(weight.grad.clone() for weight in tiny_model.parameters())]
    assert len(seen) == 2 * 10  # 48 rows, five at a time, and again in the backward pass
    for once, parts in zip(*found.values(), strict=True):
        torch.testing.assert_close(once, parts)


def test_weights_cast_once_give_the_same_bits_as_autocast(tiny_model, tiny_blocks):
    def measured(precision):
        return block_nll(tiny_model, tiny_blocks.input_ids, 24, precision)

    every_pass, plain = measured("bf16"), measured("fp32")
    cast_linear_weights(tiny_model, "fp32")
    assert {weight.dtype for weight in tiny_model.parameters()} == {torch.float32}
    cast_linear_weights(tiny_model, "bf16")
    assert torch.bfloat16 in {weight.dtype for weight in layers(tiny_model).parameters()}
    once = measured("bf16")
    np.testing.assert_array_equal(once, every_pass)
    assert np.abs(once - plain).max() > 0
