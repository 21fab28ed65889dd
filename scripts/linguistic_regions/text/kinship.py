"""How far apart languages are, by descent and by script.

Descent is Glottolog's tree (Hammarström et al., CC BY 4.0) in `resources/lineages.tsv`, which `scripts/lineages.py`
makes. The script is that of the language's text, in `resources/languages.tsv`.
"""

import csv
import math
from collections.abc import Sequence
from functools import cache

from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.languages import language

TABLE = ROOT / "resources" / "lineages.tsv"

# Codes of ISO 15924 that stand for several scripts.
MIXED = {"Jpan": {"Hani", "Hira", "Kana"}}
COMMON = "Latn"  # the script of so many languages that it brings none of them closer


@cache
def lineages() -> dict[str, tuple[str, ...]]:
    """The ancestors of each language in Glottolog's tree, from the family down, by language code."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["code"]: tuple(row["lineage"].split(" > ")) for row in rows}


def lineage(code: str) -> tuple[str, ...]:
    """The ancestors of a language, from the family down.

    Raises:
        UserError: the language is not in the table of lineages.
    """
    if code not in lineages():
        raise UserError(f"language '{code}' is not in resources/{TABLE.name}: add a row with its ancestors")
    return lineages()[code]


def genealogy(first: str, second: str) -> float:
    """Genealogical distance of two languages: 1 minus the cosine of their lineages, each with the language itself.

    That is 1 - shared / sqrt(a * b) for lineages of lengths a and b that share a number of ancestors, as between the
    family vectors of URIEL (Littell et al. 2017, URIEL and lang2vec). It is 0 for a language and itself, and 1 between
    families.

    Raises:
        UserError: a language is not in the table of lineages.
    """
    if first == second:
        return 0.0
    ours, theirs = lineage(first), lineage(second)
    return 1 - len(set(ours) & set(theirs)) / math.sqrt((len(ours) + 1) * (len(theirs) + 1))


def script(first: str, second: str) -> float:
    """Distance of two languages' scripts: 1 minus the Jaccard index of the sets of scripts.

    It is 0 if both are written in the same script and 1 if in different ones; Japanese shares one of its three with
    Chinese.
    """
    ours, theirs = _scripts(first), _scripts(second)
    return 1 - len(ours & theirs) / len(ours | theirs)


def close_languages(codes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The languages close to each: those of its family in `resources/languages.tsv`, or that share a script with it.

    The Latin script does not count. It is the branch that counts for a family, such as Romance.

    Args:
        codes: the languages to choose from.

    Returns:
        The close ones of each of `codes`, in their order.
    """
    return {code: tuple(other for other in codes if other != code and _close(code, other)) for code in codes}


def _close(first: str, second: str) -> bool:
    same_branch = language(first)["family"] == language(second)["family"]
    return same_branch or bool(_scripts(first) & _scripts(second) - {COMMON})


def _scripts(code: str) -> set[str]:
    name = language(code)["script"]
    return MIXED.get(name, {name})
