"""Splitting text into blocks, compared with the tokenizer alone: the cost of packing and counting bytes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from measurement import Row, medians

from linguistic_regions.text import tokens, vocabulary
from linguistic_regions.text.tokens import BlockTokenizer

# First and last letter, and word separator; letters take one, two or three bytes in UTF-8.
SCRIPTS = [("a", "z", " "), ("а", "я", " "), ("ا", "ي", " "), ("가", "힣", " "), ("一", "鿿", "，")]
WORDS = 5000  # per script
DOCUMENTS = 400  # per script
VOCABULARY = 8000
BLOCK_SIZE = 512


def rows() -> Iterator[Row]:
    """Yield a row for one thread and a row for all cores."""
    documents = [(str(number), text) for number, text in enumerate(synthetic_texts())]
    trained = vocabulary.train((text for _, text in documents[::4]), VOCABULARY)
    cutter = BlockTokenizer(trained.backend_tokenizer, trained.bos_token_id, trained.eos_token_id)
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        with _parallel(threads > 1):
            yield _row(cutter, documents, threads)


def synthetic_texts() -> Iterator[str]:
    """Yield documents of realistic lengths, alternating between scripts, of random words with Zipf frequencies."""
    generator = np.random.default_rng(0)
    dictionaries = [_words(first, last, generator) for first, last, _ in SCRIPTS]
    frequency = 1 / (np.arange(WORDS) + 3)  # Zipf's law
    frequency /= frequency.sum()
    for length in generator.lognormal(mean=5, sigma=1, size=DOCUMENTS).astype(int):
        for words, (_, _, space) in zip(dictionaries, SCRIPTS, strict=True):
            yield space.join(generator.choice(words, length, p=frequency))


def _words(first: str, last: str, generator: np.random.Generator) -> list[str]:
    letters = [chr(code) for code in range(ord(first), ord(last) + 1)]
    return ["".join(generator.choice(letters, length)) for length in generator.integers(1, 12, WORDS)]


@contextmanager
def _parallel(wanted: bool) -> Iterator[None]:
    """Let the tokenizer use all cores inside the block, or one."""
    os.environ["TOKENIZERS_PARALLELISM"] = str(wanted).lower()
    yield
    del os.environ["TOKENIZERS_PARALLELISM"]


def _row(cutter: BlockTokenizer, documents: list[tuple[str, str]], threads: int) -> Row:
    texts = [text for _, text in documents]

    def encode() -> None:
        for start in range(0, len(texts), tokens.DOCUMENTS_PER_BATCH):
            cutter.tokenizer.encode_batch(texts[start : start + tokens.DOCUMENTS_PER_BATCH], add_special_tokens=False)

    plain, our = medians(encode, lambda: cutter.blocks(documents, BLOCK_SIZE))
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    count = cutter.blocks(documents, BLOCK_SIZE).input_ids.size
    return Row(
        f"blocks of {BLOCK_SIZE} tokens from {megabytes:.1f} MB of text, threads: {threads}",
        f"{count / our / 1e6:.2f} M tokens/s",
        f"{count / plain / 1e6:.2f} M tokens/s (encode_batch alone)",
        plain / our,
        f"tokenizer alone: {megabytes / plain:.1f} MB/s",
    )
