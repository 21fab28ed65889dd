"""The table of prompts, `resources/prompts.tsv`: the beginning of a sentence in each of several languages."""

import csv
from functools import cache

from linguistic_regions.runtime.checkout import ROOT, checkout_file

TABLE = ROOT / "resources" / "prompts.tsv"


@cache
def shipped_prompts() -> dict[str, str]:
    """The prompt of each language, by code."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["language"]: row["prompt"] for row in rows}
