"""Scoring of minimal pairs, directly and in prompts, compared with bare passes over as many tokens, without padding."""

from collections.abc import Iterator

import numpy as np
import reference
from measurement import Row, medians
from workbench import MODEL, PRECISION, batch_tokens, description, load_model, peak_memory, text, wait

from linguistic_regions.model.options import Question, log_probabilities

SENTENCES = range(6, 25)  # tokens
PROMPTS = range(50, 111)  # tokens


def rows() -> Iterator[Row]:
    """Yield the throughput of sentences after BOS, and of prompts with two answers of one token."""
    model = load_model()
    draw = np.random.default_rng(0)
    count = 24 if MODEL else 256

    def drawn(size: int) -> list[int]:
        return draw.integers(0, model.config.vocab_size, size).tolist()

    lengths = {"direct": draw.choice(SENTENCES, 4 * count), "prompted": draw.choice(PROMPTS, count)}
    questions = {
        "direct": [Question([0], [drawn(length)]) for length in lengths["direct"]],
        "prompted": [Question(drawn(length), [[1], [2]]) for length in lengths["prompted"]],
    }
    for name, asked in questions.items():
        yield _row(
            f"{name}: {len(asked)} texts of {lengths[name].mean():.0f} tokens", model, asked, lengths[name].sum()
        )


def _row(what: str, model, asked: list[Question], tokens: int) -> Row:
    size = text(model, 1).input_ids.shape[1]
    blocks = text(model, tokens // size).input_ids

    def ours() -> None:
        log_probabilities(model, asked, batch_tokens(), PRECISION)

    def plain() -> None:
        reference.passes(model, blocks, batch_tokens() // size, PRECISION)
        wait()

    our, bare = medians(ours, plain)
    ratio = (tokens / our) / (blocks.size / bare)
    return Row(
        f"{what}, {description(model)}",
        f"{tokens / our:,.0f} tokens/s{peak_memory()}",
        f"{blocks.size / bare:,.0f} tokens/s (bare forward)",
        ratio,
        f"passes of {batch_tokens()} tokens",
    )
