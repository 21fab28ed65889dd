"""Detect untranslated English paragraphs in a translation, even if the English page has been edited since.

In a language with another script than Latin, a minimum share of the letters must be in that script. In Latin script,
frequent English words that hardly occur in other languages must be rare. The thresholds were chosen on
`debian-handbook` and `gnome-user-docs`.
"""

import re
import unicodedata
from functools import cache

from linguistic_regions.runtime.errors import UserError

MIN_SCRIPT_SHARE = 0.3
MAX_ENGLISH_SHARE = 0.07

# Prefixes of the Unicode names of a script's letters, by the script's ISO 15924 code.
LETTER_NAMES = {
    "Arab": ("ARABIC",),
    "Beng": ("BENGALI",),
    "Cyrl": ("CYRILLIC",),
    "Deva": ("DEVANAGARI",),
    "Grek": ("GREEK",),
    "Gujr": ("GUJARATI",),
    "Guru": ("GURMUKHI",),
    "Hang": ("HANGUL",),
    "Hani": ("CJK",),
    "Hebr": ("HEBREW",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Knda": ("KANNADA",),
    "Mlym": ("MALAYALAM",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
}
# Left out because they are words of other languages: a, an, are, be, for, has, have, in, is, no, not, of, on, or, to.
ENGLISH_WORDS = """
    the and that this these those which with from you your it its they their than there would should when where
    if then into about because such only other using used how what
"""


def is_english(paragraph: str, script: str) -> bool:
    """Whether a paragraph of a translation is still in English.

    Args:
        paragraph: its text.
        script: ISO 15924 code of the translation's script, such as `Latn` or `Cyrl`.

    Raises:
        UserError: the script is neither `Latn` nor in `LETTER_NAMES`.
    """
    if script == "Latn":
        english = frozenset(ENGLISH_WORDS.split())
        words = re.findall(r"[^\W\d_]+", paragraph.lower())
        return sum(word in english for word in words) > MAX_ENGLISH_SHARE * len(words)
    if script not in LETTER_NAMES:
        known = ", ".join(("Latn", *LETTER_NAMES))
        raise UserError(
            f"script '{script}' in resources/languages.tsv is unknown (known: {known}): correct it, or add it to "
            "LETTER_NAMES in text/untranslated.py"
        )
    letters = [character for character in paragraph if character.isalpha()]
    in_script = sum(_is_letter_of(character, script) for character in letters)
    return in_script < MIN_SCRIPT_SHARE * len(letters)


@cache
def _is_letter_of(character: str, script: str) -> bool:
    return unicodedata.name(character, "").startswith(LETTER_NAMES[script])
