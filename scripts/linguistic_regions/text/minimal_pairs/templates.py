"""Source `templates`: pairs made from a small lexicon and templates, `resources/minimal_pairs/{language}.yaml`.

A sentence of a template has slots. `{noun pl}` stands for the form `pl` of a word of the class `noun`, and `{state}`
for a word of a class without forms. Exactly one slot has two alternatives, and the pair differs in it: `{verb sg|pl}`
or, word for word, `[this|these]`. The first alternative is right. No word of a class is used twice in a sentence.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from math import prod
from pathlib import Path

import numpy as np
import yaml

from linguistic_regions.runtime.checkout import ROOT
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.minimal_pairs import Pair

FOLDER = ROOT / "resources" / "minimal_pairs"
PER_TEMPLATE = 64  # maximum number of pairs of a template
SLOT = re.compile(
    r"\{(?P<kind>\w+)(?: (?P<form>\w+)(?:\|(?P<wrong>\w+))?)?\}"  # {verb}, {verb sg} or {verb sg|pl}
    r"|\[(?P<text>[^|\]]+)\|(?P<wrong_text>[^\]]+)\]"  # [this|these]
)

Word = dict[str, str]  # its forms by name; the only form of a word without others is ""
Lexicon = dict[str, list[Word]]  # the words of each class


def path(language: str) -> Path:
    """The file of a language, which may not exist."""
    return FOLDER / f"{language}.yaml"


def pairs(language: str, file: Path | None = None) -> Iterator[Pair]:
    """Yield the pairs of a language, up to `PER_TEMPLATE` of each template, with words drawn at random.

    The same file gives the same pairs. A pair may come twice.

    Args:
        language: code of the language.
        file: the lexicon and templates; None: those of the repository.

    Raises:
        UserError: the file does not exist, or is wrong; the message names the place.
    """
    file = file or path(language)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        tables, templates = dict(content["words"]), list(content["templates"])
    except FileNotFoundError:
        raise UserError(f"{file}: there is no such file: write it, or choose another source of pairs") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file} has no words or no templates ({reason}): see CONTRIBUTING.md for its form") from None
    lexicon = {kind: _words(table, f"{file}: words.{kind}") for kind, table in tables.items()}
    for template in templates:
        if not isinstance(template, dict) or template.keys() != {"id", "phenomenon", "sentences"}:
            raise UserError(f"{file}: a template has id, phenomenon and sentences, unlike {template}: correct it")
        name, sentences = template["id"], template["sentences"]
        each = -(-PER_TEMPLATE // len(sentences))
        made = [pair for sentence in sentences for pair in _fill(sentence, lexicon, each, f"{file}: {name}")]
        for number, (good, bad) in enumerate(made):
            yield Pair(language, "templates", template["phenomenon"], name, f"templates/{name}/{number:04d}", good, bad)


def _words(table: list, where: str) -> list[Word]:
    """The words of a class: of a list of words, or of rows of forms, the first of which names the forms."""
    has_rows = isinstance(table, list) and isinstance(next(iter(table), None), list)
    if not isinstance(table, list) or len(table) <= has_rows:
        raise UserError(f"{where}: {table} is no list of words or rows: correct it")
    rows = table if has_rows else [[""], *([word] for word in table)]
    for row in rows:
        if len(row) != len(rows[0]) or not all(isinstance(form, str) for form in row):
            raise UserError(f"{where}: {row} does not fit the forms {rows[0]}: correct it; quote words like no and on")
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def _fill(sentence: str, lexicon: Lexicon, count: int, where: str) -> Iterator[tuple[str, str]]:
    """Yield up to `count` pairs of one sentence, with words drawn at random, no combination of them twice."""
    slots = list(SLOT.finditer(sentence))
    kinds = [slot["kind"] for slot in slots if slot["kind"]]
    if not kinds or sum(bool(slot["wrong"] or slot["wrong_text"]) for slot in slots) != 1:
        raise UserError(f"{where}: '{sentence}' needs words, and exactly one slot with two alternatives: correct it")
    for slot in slots:
        forms = {slot["form"] or "", slot["wrong"] or slot["form"] or ""}
        if slot["kind"] and not forms <= lexicon.get(slot["kind"], [{}])[0].keys():
            raise UserError(f"{where}: '{slot[0]}' names no class of words, or no form of its words: correct it")
    seed = int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:8], "big")
    for words in islice(_combinations([lexicon[kind] for kind in kinds], np.random.default_rng(seed)), count):
        yield _sentence(sentence, words, wrong=False), _sentence(sentence, words, wrong=True)


def _combinations(classes: list[list[Word]], generator: np.random.Generator) -> Iterator[list[Word]]:
    """Yield a word of each class, in random order, without combinations that have a word twice."""
    sizes = [len(words) for words in classes]
    drawn = np.unravel_index(generator.permutation(prod(sizes)), sizes)
    for numbers in zip(*drawn, strict=True):
        chosen = [words[number] for words, number in zip(classes, numbers, strict=True)]
        if len(set(map(id, chosen))) == len(chosen):
            yield chosen


def _sentence(sentence: str, words: Iterable[Word], wrong: bool) -> str:
    """A sentence with its slots filled in and its first letter in upper case."""
    remaining = iter(words)

    def text(slot: re.Match) -> str:
        if slot["kind"]:
            return next(remaining)[(wrong and slot["wrong"]) or slot["form"] or ""]
        return slot["wrong_text"] if wrong else slot["text"]

    filled = SLOT.sub(text, sentence)
    return filled[0].upper() + filled[1:]
