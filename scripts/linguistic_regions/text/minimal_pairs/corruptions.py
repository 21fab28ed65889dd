"""Source `corruptions`: sentences of held-out text, and the same with words in disorder, for any language.

Of a language that is written without spaces, characters are taken for words.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from linguistic_regions.text.documents import Document
from linguistic_regions.text.languages import language as row_of
from linguistic_regions.text.minimal_pairs import Pair

WITHOUT_SPACES = ("Hani", "Jpan")  # scripts
WORDS = (4, 20)  # fewest and most words of a sentence
CHARACTERS = (8, 40)  # of a sentence without spaces: about two for each word
MAX_DOCUMENTS = 1000  # that are read
PHENOMENA = ("words_swapped", "word_replaced", "order_reversed")
SENTENCE_END = re.compile(r"(?<=[.!?…؟।])\s+|(?<=[。！？])\s*|\n+")
FINAL = re.compile(r"[.!?…؟।。！？]\Z")

Units = list[str]  # the words, or characters, of a sentence


def pairs(language: str, documents: Iterable[Document], seed: int) -> Iterator[Pair]:
    """Yield up to three pairs of each of the first `MAX_DOCUMENTS` documents, each of another sentence and phenomenon.

    - `words_swapped`: two neighbouring words change places.
    - `word_replaced`: a word is replaced by one of the document before.
    - `order_reversed`: all words stand in the opposite order.

    A sentence's first word, which may have a capital letter, its final punctuation, and words with punctuation stay as
    they are, but where the order is reversed.

    Args:
        language: code of the language, in resources/languages.tsv.
        documents: held-out documents.
        seed: of the choice of sentences and words.
    """
    glue = "" if row_of(language)["script"] in WITHOUT_SPACES else " "
    generator = np.random.default_rng(seed)
    words: Units = []  # of the document before
    for document in islice(documents, MAX_DOCUMENTS):
        sentences = _sentences(document.text, glue)
        chosen = generator.permutation(len(sentences))[: len(PHENOMENA)]
        for phenomenon, number in zip(generator.permutation(PHENOMENA), chosen, strict=False):
            good, end = sentences[number]
            bad = _corrupted(good, phenomenon, words, generator)
            if bad != good:
                item = f"corruptions/{document.id}/{phenomenon}"
                texts = [glue.join(units) + end for units in (good, bad)]
                yield Pair(language, "corruptions", str(phenomenon), document.id, item, *texts)
        words = [word for sentence, _ in sentences for word in _inner(sentence).values()] or words


def _sentences(text: str, glue: str) -> list[tuple[Units, str]]:
    """The sentences of a text that have a suitable length and final punctuation: their words, and that punctuation."""
    fewest, most = WORDS if glue else CHARACTERS
    found = []
    for sentence in SENTENCE_END.split(text):
        end = FINAL.search(sentence)
        if end and sentence[0].isalpha():
            units = sentence[: end.start()].split() if glue else list(sentence[: end.start()])
            if fewest <= len(units) <= most:
                found.append((units, end[0]))
    return found


def _inner(units: Units) -> dict[int, str]:
    """The words of a sentence that can change places with others, by position: letters alone, and not the first."""
    return {place: word for place, word in enumerate(units) if place and word.isalpha()}


def _corrupted(units: Units, phenomenon: str, others: Units, generator: np.random.Generator) -> Units:
    """The words of a sentence with a corruption, or as they are if there is no place for it."""
    inner, bad = _inner(units), list(units)
    if phenomenon == "order_reversed":
        return bad[::-1]
    if phenomenon == "words_swapped":
        places = [place for place in inner if place + 1 in inner and units[place] != units[place + 1]]
        if places:
            place = generator.choice(places)
            bad[place], bad[place + 1] = bad[place + 1], bad[place]
    elif inner and others:
        bad[generator.choice(list(inner))] = str(generator.choice(others))
    return bad
