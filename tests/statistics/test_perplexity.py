"""Perplexity from its evidence: means and bits per byte by hand, intervals by how often they hold the truth."""

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest

from linguistic_regions.statistics.perplexity import by_document, log_ratio, perplexity

DATA_SETS = 300
TRUTH, EFFECT = 3.0, 0.2  # nats per token of the reference, and by how much a condition differs from it
DIFFICULTY, NOISE = 0.5, 0.1  # how much documents differ, and their effects: standard deviations


def items(nll, documents, tokens=7, window=8, size=10, bos=True):
    """Evidence of one condition and text: a row per block."""
    return pd.DataFrame(
        {"nll": nll, "document": documents, "tokens": tokens, "window": window, "bytes": size} | {"bos": bos}
    )


def test_by_hand():
    score = perplexity(items([7.0, 14.0, 21.0], ["a", "b", "b"]))
    assert (score.tokens, score.nll) == (21, 2.0)
    assert score.ppl == pytest.approx(math.exp(2))
    assert score.bits_per_byte == pytest.approx(42 / math.log(2) / 30)


def test_blocks_count_by_their_tokens():
    score = perplexity(items([4.0, 30.0], ["a", "b"], tokens=[1, 9]))
    assert score.nll == pytest.approx(3.4)


def test_without_bos_the_token_that_is_not_predicted_counts_as_the_others_do():
    score = perplexity(items([4.0, 4.0], ["a", "b"], tokens=4, window=5, bos=False))
    assert score.nll == pytest.approx(1.0)
    assert score.bits_per_byte == pytest.approx(10 / math.log(2) / 20)


def test_a_perplexity_beyond_all_numbers_is_infinite():
    score = perplexity(items([7000.0, 7000.0, 7000.0], ["a", "b", "c"]))
    assert (score.nll, score.ppl, score.ppl_high) == (1000.0, math.inf, math.inf)


def test_documents_of_equal_length_have_students_interval():
    score = perplexity(items([7.0, 14.0, 21.0, 28.0], ["a", "b", "c", "d"]))
    half = 3.182446 * np.std([1, 2, 3, 4], ddof=1) / 2
    assert (score.ppl_low, score.ppl_high) == pytest.approx((math.exp(2.5 - half), math.exp(2.5 + half)), rel=1e-5)


def test_two_documents_have_no_interval_however_many_blocks_they_have():
    score = perplexity(items([7.0, 7.0, 14.0, 21.0], ["a", "a", "b", "b"]))
    assert math.isnan(score.ppl_low) and math.isnan(score.ppl_high) and score.ppl == pytest.approx(math.exp(1.75))


def test_log_ratio_by_hand():
    """Documents are matched by name, in whatever order the two list them."""
    reference = items([7.0, 14.0], ["a", "b"])
    condition = items([28.0, 14.0], ["b", "a"])
    assert log_ratio(condition, reference).estimate == pytest.approx(1.5)
    assert log_ratio(reference, condition).estimate == pytest.approx(-1.5)


def test_the_same_effect_on_each_document_is_certain():
    reference = items([7.0, 14.0, 70.0], ["a", "b", "c"])
    ratio = log_ratio(reference.assign(nll=reference["nll"] + 7 * EFFECT), reference)
    assert ratio.estimate == pytest.approx(EFFECT) == pytest.approx(ratio.low) == pytest.approx(ratio.high)


@cache
def simulated(documents):
    """Data sets of documents that differ in difficulty and in length: a reference, and a condition on the same text."""
    generator = np.random.default_rng(0)

    def draw():
        owners = np.repeat(np.arange(documents), generator.integers(1, 4, documents))
        names = [f"document-{owner}" for owner in owners]
        mean = TRUTH + generator.normal(0, DIFFICULTY, documents)
        changed = mean + EFFECT + generator.normal(0, NOISE, documents)
        return items(7 * changed[owners], names), items(7 * mean[owners], names)

    return [draw() for _ in range(DATA_SETS)]


@pytest.mark.parametrize("documents", [3, 40])
def test_ninety_five_percent_of_the_intervals_of_a_perplexity_hold_the_truth(documents):
    scores = [perplexity(reference) for _, reference in simulated(documents)]
    held = np.mean([score.ppl_low <= math.exp(TRUTH) <= score.ppl_high for score in scores])
    assert 0.92 <= held <= 0.98


@pytest.mark.parametrize("documents", [3, 40])
def test_ninety_five_percent_of_the_intervals_of_a_ratio_hold_the_truth(documents):
    intervals = [log_ratio(condition, reference) for condition, reference in simulated(documents)]
    held = np.mean([interval.low <= EFFECT <= interval.high for interval in intervals])
    assert 0.92 <= held <= 0.98


def test_pairing_cancels_what_makes_documents_hard():
    """The interval is much narrower than that of two samples which have nothing to do with each other."""
    condition, reference = simulated(40)[0]
    paired = log_ratio(condition, reference)
    _, documents = by_document(reference)
    shuffled = np.random.default_rng(1).permutation(len(documents))
    renamed = {f"document-{old}": f"document-{new}" for old, new in enumerate(shuffled)}
    unpaired = log_ratio(condition, reference.replace({"document": renamed}))
    assert paired.error < 0.5 * unpaired.error
