"""The table of languages, `resources/languages.tsv`: names, scripts, and each language's id in each source."""

import csv
import string
from difflib import get_close_matches
from functools import cache

from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError

TABLE = ROOT / "resources" / "languages.tsv"
REQUIRED = ("name", "family", "script")  # what each row must have


@cache
def languages() -> dict[str, dict[str, str]]:
    """The rows of the table, by language code. A row has the fields by column; an empty field means that the source
    does not have the language."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}


def language(code: str) -> dict[str, str]:
    """The row of a language.

    Raises:
        UserError: the language is not in the table, where the message names similar codes; or its row is not complete.
    """
    if code not in languages():
        near = get_close_matches(code, languages(), cutoff=0.5)
        known = f"similar: {', '.join(near)}" if near else f"known: {', '.join(sorted(languages()))}"
        hint = meant(code) or known
        raise UserError(f"language '{code}' is not in resources/{TABLE.name} ({hint}): correct the code or add a row")
    row = languages()[code]
    if missing := [column for column in REQUIRED if not row[column]]:
        raise UserError(
            f"language '{code}' has no {missing[0]} in resources/{TABLE.name}: fill in the columns, which tabs separate"
        )
    return row


def names() -> dict[str, str]:
    """The English name of each language, by code."""
    return {code: row["name"] for code, row in languages().items()}


def meant(value: str) -> str:
    """Advice for what should be a code, but is a language's name, or a code in capitals; empty for anything else."""
    by_name = {name.lower(): code for code, name in names().items()}
    code = value.lower() if value.lower() in languages() else by_name.get(value.lower())
    return f"did you mean {code}?" if code else ""


def can_fill(template: str, code: str) -> bool:
    """Whether a language has all fields that a template names, such as `{fortunes}`."""
    try:
        fill(template, code)
    except UserError:
        return False
    return True


def fields_of(template: str) -> list[str]:
    """The fields that a template names beside `{language}`, such as `fineweb2`, in ascending order.

    Raises:
        UserError: the braces do not match, or a field does not exist.
    """
    try:
        named = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None} - {"language"}
    except ValueError as error:
        raise UserError(f"'{template}' is not a valid template ({error}): check its braces") from None
    for name in sorted(named):
        known = ["language", *next(iter(languages().values()))]
        if name not in known:
            raise UserError(f"'{template}' names an unknown field {{{name}}}; the fields are {', '.join(known)}")
    return sorted(named)


def fill(template: str, code: str) -> str:
    """Fill in a template: `{language}` becomes the code, and any other name, such as `{fineweb2}`, the field.

    A template without fields other than `{language}` can be filled in for any code.

    Raises:
        UserError: a field does not exist, or is empty for the language.
    """
    named = fields_of(template)
    fields = {"language": code} | (language(code) if named else {})
    for name in named:
        if not fields[name]:
            raise UserError(
                f"language '{code}' has no {name} in resources/{TABLE.name}, which '{template}' needs: "
                "fill it in, or choose another source for this language"
            )
    return template.format(**fields)
