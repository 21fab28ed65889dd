"""The table of languages, `resources/languages.tsv`: names, scripts, and each language's id in each source."""

import csv
import string
from difflib import get_close_matches
from functools import cache

from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError

TABLE = ROOT / "resources" / "languages.tsv"


@cache
def languages() -> dict[str, dict[str, str]]:
    """Read the table: for each language code its row, by column name; an empty field means: not in that source."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}


def language(code: str) -> dict[str, str]:
    """Give a language's row of the table. Raises `UserError`, with the nearest codes, if it has none."""
    if code not in languages():
        near = get_close_matches(code, languages(), cutoff=0.5) or sorted(languages())
        raise UserError(
            f"language '{code}' is not in resources/{TABLE.name} (nearest: {', '.join(near)}): "
            "correct the code or add a row"
        )
    return languages()[code]


def names() -> dict[str, str]:
    """English names by language code."""
    return {code: row["name"] for code, row in languages().items()}


def can_fill(template: str, code: str) -> bool:
    """Whether a language has every field that a template names: `{fortunes}` is empty for most."""
    try:
        fill(template, code)
    except UserError:
        return False
    return True


def fill(template: str, code: str) -> str:
    """Put a language into a template: `{language}` is its code, `{fineweb2}` etc. its field of that name.

    A language that is not in the table can be used with `{language}` alone.
    Raises `UserError` for an unknown field or one that the language leaves empty.
    """
    try:
        fields_named = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise UserError(f"'{template}' is no template: {error}") from None
    fields = {"language": code}
    if fields_named - fields.keys():
        fields |= language(code)
    for name in sorted(fields_named):
        if name not in fields:
            raise UserError(f"'{template}' names the field {{{name}}}; there are {', '.join(fields)}")
        if not fields[name]:
            raise UserError(
                f"language '{code}' has no {name} in resources/{TABLE.name}, which '{template}' asks for: "
                "fill it in, or choose another source for this language"
            )
    return template.format(**fields)
