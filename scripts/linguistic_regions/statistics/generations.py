"""What a model said, from evidence: a row per condition, language and template."""

import re
import unicodedata
from collections.abc import Mapping

import pandas as pd

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # parts of words in Persian and in languages of India
SYMBOLS = {"\n": "⏎", "\t": "⇥"}


def continuations(items: pd.DataFrame, labels: Mapping[str, dict]) -> pd.DataFrame:
    """Return a row per item: its condition's labels, its columns with all characters visible, and `nll` per token.

    Args:
        items: the items of the evaluation `generations`, from `evidence.read`.
        labels: the labels of each condition, from `evidence.read`.
    """
    described = pd.DataFrame([{"condition": name, **label} for name, label in labels.items()])
    rows = items.assign(nll=items["nll"] / items["tokens"])
    for column in ("prompt", "continuation"):
        rows[column] = rows[column].map(visible)
    return rows.merge(described, on="condition")


def visible(text: str) -> str:
    """Make characters visible that would break a line or a table, hide, or turn the direction of text around.

    A line break is ⏎ and a tab ⇥, spaces in a row are ␣ each, and other characters without a glyph are as in Python,
    such as \\x07 or \\u202e.
    """
    text = "".join(SYMBOLS.get(character) or _escaped(character) for character in text)
    return re.sub(r" {2,}|^ $", lambda spaces: "␣" * len(spaces[0]), text)


def _escaped(character: str) -> str:
    has_glyph = unicodedata.category(character)[0] != "C" and unicodedata.category(character) not in ("Zl", "Zp")
    return character if has_glyph or character in JOINERS else character.encode("unicode_escape").decode("ascii")
