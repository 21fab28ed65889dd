"""Perplexity against transformers' own loss; bits per byte and intervals by hand."""

import math

import numpy as np
import pytest
import torch

from linguistic_regions.evaluation import perplexity
from linguistic_regions.model import loss
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.precision import cast_once
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import layers
from linguistic_regions.text.tokens import Blocks, BlockTokenizer


def test_equals_transformers_loss(tiny_model, tiny_blocks):
    ids = torch.from_numpy(tiny_blocks.input_ids).long()
    expected = tiny_model(input_ids=ids, labels=ids).loss.item()
    score = perplexity.evaluate(tiny_model, tiny_blocks, batch_tokens=16, precision="fp32")
    assert score.nll == pytest.approx(expected, rel=1e-5)
    assert score.ppl == pytest.approx(math.exp(expected), rel=1e-5)
    assert score.tokens == 6 * 7


def test_does_not_depend_on_batching_or_mode(tiny_model, tiny_blocks):
    tiny_model.train()
    sums = [perplexity.block_nll(tiny_model, tiny_blocks, tokens, "fp32") for tokens in (1, 24, 1000)]
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


def test_bits_per_byte_of_non_ascii_text_by_hand(tokenizer_folder):
    """A uniform model spends log2(vocabulary) bits on each token: 'Вы' is 4 bytes, '是' 3, the space 1."""
    cutter = BlockTokenizer.load(tokenizer_folder)
    text = "Вы 是"
    size = len(cutter.tokenizer.encode(text).ids) + 1  # BOS, text, EOS: exactly one block
    blocks = cutter.blocks([("a", text)], size)
    assert blocks.bytes.tolist() == [8]
    model = from_scratch(300, 1, 8, 2, 2, 8, size, False, 0)
    torch.nn.init.zeros_(model.lm_head.weight)
    score = perplexity.evaluate(model, blocks, 100, "fp32")
    assert score.ppl == pytest.approx(300, rel=1e-4)
    assert score.bits_per_byte == pytest.approx((size - 1) * math.log2(300) / 8, rel=1e-5)


def test_bits_per_byte_without_bos_count_the_unpredicted_token():
    blocks = Blocks(np.zeros((2, 5), np.int32), ["a", "b"], np.array([10, 10], np.int32), bos=False)
    score = perplexity.summarize(np.array([4.0, 4.0]), blocks)
    assert score.nll == pytest.approx(1.0)
    assert score.bits_per_byte == pytest.approx(10 / math.log(2) / 20)


def test_interval_resamples_documents():
    """Three unlike documents: the interval spans them; one document alone: it is a point."""
    nll = np.array([7.0, 7.0, 14.0, 21.0])
    blocks = Blocks(np.zeros((4, 8), np.int32), ["a", "a", "b", "c"], np.full(4, 9, np.int32), bos=True)
    score = perplexity.summarize(nll, blocks)
    assert math.exp(1) <= score.ppl_low < score.ppl < score.ppl_high <= math.exp(3)
    same = perplexity.summarize(nll, Blocks(blocks.input_ids, ["a"] * 4, blocks.bytes, True))
    assert same.ppl_low == pytest.approx(same.ppl) == pytest.approx(same.ppl_high)


def test_weights_cast_once_give_the_same_bits_as_autocast(tiny_model, tiny_blocks):
    every_pass = perplexity.block_nll(tiny_model, tiny_blocks, 24, "bf16")
    plain = perplexity.block_nll(tiny_model, tiny_blocks, 24, "fp32")
    cast_once(tiny_model, "fp32")
    assert {weight.dtype for weight in tiny_model.parameters()} == {torch.float32}
    cast_once(tiny_model, "bf16")
    assert torch.bfloat16 in {weight.dtype for weight in layers(tiny_model).parameters()}
    once = perplexity.block_nll(tiny_model, tiny_blocks, 24, "bf16")
    np.testing.assert_array_equal(once, every_pass)
    assert np.abs(once - plain).max() > 0
