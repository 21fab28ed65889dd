"""Perplexity from its evidence: means and bits per byte by hand, intervals by how often they hold the truth."""

import math

import numpy as np
import pandas as pd
import pytest

from linguistic_regions.statistics.perplexity import by_document, log_ratio, perplexity

DATA_SETS = 300
DOCUMENTS = 40
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
    score = perplexity(items([7000.0, 7000.0], ["a", "b"]))
    assert (score.nll, score.ppl, score.ppl_high) == (1000.0, math.inf, math.inf)


def test_the_interval_resamples_documents():
    """Three unlike documents: the interval spans them; one document alone: it is a point."""
    nll = [7.0, 7.0, 14.0, 21.0]
    score = perplexity(items(nll, ["a", "a", "b", "c"]))
    assert math.exp(1) <= score.ppl_low < score.ppl < score.ppl_high <= math.exp(3)
    same = perplexity(items(nll, ["a"] * 4))
    assert same.ppl_low == pytest.approx(same.ppl) == pytest.approx(same.ppl_high)


def test_log_ratio_by_hand():
    """Documents are matched by name, in whatever order the two list them."""
    reference = items([7.0, 14.0], ["a", "b"])
    condition = items([28.0, 14.0], ["b", "a"])
    assert log_ratio(condition, reference)[0] == pytest.approx(1.5)
    assert log_ratio(reference, condition)[0] == pytest.approx(-1.5)


def test_the_same_effect_on_each_document_is_certain():
    reference = items([7.0, 14.0, 70.0], ["a", "b", "c"])
    estimate, low, high = log_ratio(reference.assign(nll=reference["nll"] + 7 * EFFECT), reference)
    assert estimate == pytest.approx(EFFECT) == pytest.approx(low) == pytest.approx(high)


@pytest.fixture(scope="module")
def simulated():
    """Data sets of documents that differ in difficulty and in length: a reference, and a condition on the same text."""
    generator = np.random.default_rng(0)

    def draw():
        owners = np.repeat(np.arange(DOCUMENTS), generator.integers(1, 4, DOCUMENTS))
        names = [f"document-{owner}" for owner in owners]
        mean = TRUTH + generator.normal(0, DIFFICULTY, DOCUMENTS)
        changed = mean + EFFECT + generator.normal(0, NOISE, DOCUMENTS)
        return items(7 * changed[owners], names), items(7 * mean[owners], names)

    return [draw() for _ in range(DATA_SETS)]


def test_ninety_five_percent_of_the_intervals_of_a_perplexity_hold_the_truth(simulated):
    scores = [perplexity(reference) for _, reference in simulated]
    held = np.mean([score.ppl_low <= math.exp(TRUTH) <= score.ppl_high for score in scores])
    assert 0.90 <= held <= 0.98


def test_ninety_five_percent_of_the_intervals_of_a_ratio_hold_the_truth(simulated):
    intervals = [log_ratio(condition, reference)[1:] for condition, reference in simulated]
    held = np.mean([low <= EFFECT <= high for low, high in intervals])
    assert 0.90 <= held <= 0.98


def test_pairing_cancels_what_makes_documents_hard(simulated):
    """The interval is much narrower than that of two samples which have nothing to do with each other."""
    condition, reference = simulated[0]
    _, low, high = log_ratio(condition, reference)
    _, documents = by_document(reference)
    shuffled = np.random.default_rng(1).permutation(len(documents))
    renamed = {f"document-{old}": f"document-{new}" for old, new in enumerate(shuffled)}
    _, unpaired_low, unpaired_high = log_ratio(condition, reference.replace({"document": renamed}))
    assert high - low < 0.5 * (unpaired_high - unpaired_low)
