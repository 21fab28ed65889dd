"""Perplexity: how well a language model predicts the test blocks, with an interval over documents."""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from linguistic_regions.model.fit import check_fit
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.precision import autocast
from linguistic_regions.runtime.distributed import gather_in_order, rank_share
from linguistic_regions.text.tokens import Blocks

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Perplexity:
    """A model's score on one language's blocks.

    Attributes:
        tokens: how many tokens were predicted.
        nll: their mean negative log-likelihood, in nats.
        ppl: exp(nll).
        ppl_low, ppl_high: 95 % bootstrap interval of ppl over documents.
        bits_per_byte: bits that the text costs per UTF-8 byte; comparable between languages and tokenizers.
    """

    tokens: int
    nll: float
    ppl: float
    ppl_low: float
    ppl_high: float
    bits_per_byte: float


@torch.no_grad()  # not inference_mode: its tensors could not be trained on afterwards where a model is spread
def block_nll(model: PreTrainedModel, blocks: Blocks, batch_tokens: int, precision: str) -> np.ndarray:
    """Summed negative log-likelihood of each block in nats, float64, shape (blocks,).

    Args:
        model: a causal language model.
        blocks: what it shall predict.
        batch_tokens: tokens in one forward pass.
        precision: "fp32", "bf16" or "auto" (bf16 where the device has it).
    """
    check_fit(model, blocks.input_ids)
    batch = max(1, batch_tokens // blocks.input_ids.shape[1])
    mine = rank_share(len(blocks))
    sums = []
    was_training = model.training
    model.eval()
    with autocast(precision, model.device):
        for start in range(0, len(mine), batch):
            rows = blocks.input_ids[mine[start : start + batch]]
            ids = torch.tensor(rows, dtype=torch.long, device=model.device)
            sums.append(next_token_loss(model, ids).double().sum(1))
    model.train(was_training)
    return gather_in_order(torch.cat(sums), len(blocks)).cpu().numpy()


def summarize(nll: np.ndarray, blocks: Blocks, seed: int = 0) -> Perplexity:
    """Perplexity from each block's summed negative log-likelihood `nll` (nats, shape (blocks,)).

    The interval comes from resampling documents, not blocks, because the blocks of one document are alike.
    Bits per byte are exact where blocks begin with BOS; without it a block's first token is not predicted,
    and counts with the mean of the others.
    """
    size = blocks.input_ids.shape[1]
    predicted = size - 1
    mean = nll.sum() / (len(blocks) * predicted)
    text_tokens = predicted if blocks.bos else size
    bits_per_byte = mean * len(blocks) * text_tokens / (np.log(2) * blocks.bytes.sum(dtype=np.int64))

    _, document = np.unique(blocks.documents, return_inverse=True)
    sums = np.bincount(document, nll)
    counts = np.bincount(document) * predicted
    draws = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    with np.errstate(over="ignore"):
        low, high = np.exp(np.percentile(sums[draws].sum(1) / counts[draws].sum(1), INTERVAL))
        ppl = np.exp(mean)
    return Perplexity(len(blocks) * predicted, float(mean), float(ppl), float(low), float(high), float(bits_per_byte))


def evaluate(model: PreTrainedModel, blocks: Blocks, batch_tokens: int, precision: str) -> Perplexity:
    """`block_nll`, summarized."""
    return summarize(block_nll(model, blocks, batch_tokens, precision), blocks)
