"""Perplexity from evidence: means, bits per byte and intervals over documents."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from linguistic_regions.statistics.intervals import MINIMUM_UNITS, Interval, no_interval, of_ratio, student


@dataclass(frozen=True)
class Perplexity:
    """A model's perplexity on one text.

    Attributes:
        tokens: number of predicted tokens.
        nll: their mean negative log-likelihood, in nats.
        ppl: exp(nll).
        ppl_low, ppl_high: 95 % interval of ppl over documents; NaN if they are fewer than `MINIMUM_UNITS`.
        bits_per_byte: negative log-likelihood in bits per UTF-8 byte; comparable between languages and tokenizers.
    """

    tokens: int
    nll: float
    ppl: float
    ppl_low: float
    ppl_high: float
    bits_per_byte: float


def perplexity(items: pd.DataFrame) -> Perplexity:
    """Compute a model's perplexity on one text from its blocks.

    The interval is over documents, not blocks, because the blocks of a document are correlated. Bits per byte are exact
    if blocks begin with BOS; without BOS, the first token of a block is not predicted, and the mean of the others is
    used for it.

    Args:
        items: the evidence of one condition and text: columns document, tokens, nll, bytes, window, bos.
    """
    tokens = items["tokens"].to_numpy(np.int64)
    nll = over_documents(*by_document(items))
    text_tokens = np.where(items["bos"], tokens, items["window"]).sum(dtype=np.int64)
    bits_per_byte = nll.estimate * text_tokens / (np.log(2) * items["bytes"].to_numpy(np.int64).sum())
    with np.errstate(over="ignore"):
        ppl, low, high = (float(np.exp(value)) for value in (nll.estimate, nll.low, nll.high))
    return Perplexity(int(tokens.sum()), nll.estimate, ppl, low, high, float(bits_per_byte))


def log_ratio(items: pd.DataFrame, reference: pd.DataFrame) -> Interval:
    """Compute the log ratio of a condition's perplexity to a reference condition's on the same text.

    Documents are paired, so that their difficulty cancels.

    Args:
        items: the evidence of one condition and text.
        reference: the evidence of the reference condition, for the same items.

    Returns:
        The estimate, and its 95 % interval over documents.
    """
    (sums, counts), (others, _) = by_document(items), by_document(reference)
    return over_documents(sums - others, counts)


def over_documents(sums: np.ndarray, tokens: np.ndarray) -> Interval:
    """The mean per token of what was summed by document, shape (documents,), with its interval."""
    mean = sums.sum() / tokens.sum()
    if len(sums) < MINIMUM_UNITS:
        return no_interval(mean, len(sums), "documents")
    return student(mean, [of_ratio(sums, tokens)], len(sums), "documents", "Student t, jackknife")


def by_document(items: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the summed negative log-likelihood and the number of tokens of each document, sorted by name."""
    _, document = np.unique(items["document"].to_numpy(str), return_inverse=True)
    return np.bincount(document, items["nll"]), np.bincount(document, items["tokens"])
