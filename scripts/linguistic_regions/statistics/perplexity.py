"""Perplexity from evidence: means, bits per byte and bootstrap intervals over documents."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Perplexity:
    """A model's perplexity on one text.

    Attributes:
        tokens: number of predicted tokens.
        nll: their mean negative log-likelihood, in nats.
        ppl: exp(nll).
        ppl_low, ppl_high: 95 % bootstrap interval of ppl over documents.
        bits_per_byte: negative log-likelihood in bits per UTF-8 byte; comparable between languages and tokenizers.
    """

    tokens: int
    nll: float
    ppl: float
    ppl_low: float
    ppl_high: float
    bits_per_byte: float


def perplexity(items: pd.DataFrame, seed: int = 0) -> Perplexity:
    """Compute a model's perplexity on one text from its blocks.

    The interval resamples documents, not blocks, because the blocks of a document are correlated. Bits per byte are
    exact if blocks begin with BOS; without BOS, the first token of a block is not predicted, and the mean of the others
    is used for it.

    Args:
        items: the evidence of one condition and text: columns document, tokens, nll, bytes, window, bos.
        seed: seed of the resampling.
    """
    nll, tokens = items["nll"].to_numpy(), items["tokens"].to_numpy(np.int64)
    mean = nll.sum() / tokens.sum()
    text_tokens = np.where(items["bos"], tokens, items["window"]).sum(dtype=np.int64)
    bits_per_byte = mean * text_tokens / (np.log(2) * items["bytes"].to_numpy(np.int64).sum())
    sums, counts = by_document(items)
    draws = resampled(len(sums), seed)
    with np.errstate(over="ignore"):
        low, high = np.exp(np.percentile(sums[draws].sum(1) / counts[draws].sum(1), INTERVAL))
        ppl = np.exp(mean)
    return Perplexity(int(tokens.sum()), float(mean), float(ppl), float(low), float(high), float(bits_per_byte))


def log_ratio(items: pd.DataFrame, reference: pd.DataFrame, seed: int = 0) -> tuple[float, float, float]:
    """Compute the log ratio of a condition's perplexity to a reference condition's on the same text.

    The bootstrap is paired: a resample takes the same documents from both, so that their difficulty cancels.

    Args:
        items: the evidence of one condition and text.
        reference: the evidence of the reference condition, for the same items.
        seed: seed of the resampling.

    Returns:
        The estimate, and the ends of its 95 % bootstrap interval over documents.
    """
    (sums, counts), (others, other_counts) = by_document(items), by_document(reference)
    estimate = sums.sum() / counts.sum() - others.sum() / other_counts.sum()
    draws = resampled(len(sums), seed)
    differences = sums[draws].sum(1) / counts[draws].sum(1) - others[draws].sum(1) / other_counts[draws].sum(1)
    low, high = np.percentile(differences, INTERVAL)
    return float(estimate), float(low), float(high)


def by_document(items: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the summed negative log-likelihood and the number of tokens of each document, sorted by name."""
    _, document = np.unique(items["document"].to_numpy(str), return_inverse=True)
    return np.bincount(document, items["nll"]), np.bincount(document, items["tokens"])


def resampled(count: int, seed: int) -> np.ndarray:
    """Draw documents with replacement; return their indices, shape (RESAMPLES, count)."""
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
