"""Claims in words: the rows of a run's claims table, and the page that writes down each claim's rule."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from linguistic_regions.claims.claim import FAILS, HOLDS, LEVEL, LOG_RATIO, UNDECIDED, UNTESTED, VERDICTS, Claim
from linguistic_regions.reporting import formats
from linguistic_regions.statistics.intervals import MINIMUM_UNITS

MARKS = {HOLDS: "✓", FAILS: "✗", UNDECIDED: "?", UNTESTED: "○"}

PAGE = """# The claims

Generated from `scripts/linguistic_regions/claims` by `make docs`. Each claim is written down before it is measured: the
statistic, what it is compared with, and the rule of its verdict. A run's figures are in `tables/claims.csv` and at the
top of its report.

**Verdicts.** A claim asserts that a statistic lies above a threshold, or within a margin around no effect (an
equivalence, which needs evidence that an effect is small, not a failure to find one). It *holds* if the whole 95 %
interval lies there and *does not hold* if the whole interval lies elsewhere; the run *cannot tell* if a threshold lies
within the interval. It is *not tested* if it was not measured, or rests on fewer than {minimum} independent units.

**Intervals** are Student's t over independent units: languages, regions, documents, templates or training runs, never
the several values measured on one unit. Where random regions are drawn, the variance between the draws is a component
of its own, and at least {minimum} draws in all are needed. Where a language has fewer than {minimum} templates, each of
its pairs is a unit, and the interval is about these templates alone. In simulations, 92 % or more of the intervals
contain the truth (`tests/statistics`). Comparisons of log perplexity are paired by unit; a ratio of perplexities is
written as a factor, ×. Comparisons of accuracies and margins are paired by minimal pair; how small a difference can be
found with how many pairs: [probes.md](probes.md#how-many-pairs).

**Many claims.** The column `verdict_holm` has the verdict after Holm's correction for the number of claims that were
tested. The figures of the paper are the same statistic, computed from its tables for LLaMA-2, where it reports them.

| column of claims.csv | meaning |
| --- | --- |
| `id`, `claim` | a short name, and the claim in one sentence |
| `statistic`, `unit` | what is estimated; a log ratio is natural, exp gives the factor |
| `estimate`, `low`, `high` | the estimate and its 95 % interval; nan where there is none |
| `n`, `units` | the number of independent units, and what they are |
| `control` | what the claim's subject is compared with |
| `test`, `p`, `p_holm` | the test of the threshold, its two-sided p-value, and the same after Holm's correction |
| `above`, `below` | the thresholds, in the unit of the statistic; infinite where there is none |
| `verdict`, `verdict_holm` | holds, does not hold, cannot tell, or not tested; before and after the correction |
| `paper` | the statistic in the paper; nan where it is not reported |
| `source` | the files and columns that the claim follows from |
| `note` | what else is to be known, such as why a claim was not tested |
"""


def rows(claims: pd.DataFrame) -> list[dict[str, str]]:
    """The claims as text, for the report and the README.

    Args:
        claims: the claims table.

    Returns:
        For each claim: its columns `claim`, `statistic`, `control`, `verdict`, `note` and `source`; `measured` and
        `paper` in words; `rule`; and `corrected`, the verdict after Holm's correction if that is another one.
    """
    return [_row(row) for row in claims.to_dict("records")]


def _row(row: Mapping) -> dict[str, str]:
    changed = row["verdict"] != row["verdict_holm"]
    return {
        **{key: row[key] for key in ("claim", "statistic", "control", "verdict", "note", "source")},
        "measured": _measured(row),
        "paper": "not reported" if math.isnan(row["paper"]) else value(row["paper"], row["unit"]),
        "rule": rule(row["above"], row["below"], row["unit"], row["test"]),
        "corrected": f"{row['verdict_holm']} after Holm's correction" if changed else "",
    }


def _measured(row: Mapping) -> str:
    if math.isnan(row["estimate"]):
        return "not measured"
    estimate = value(row["estimate"], row["unit"])
    units = f"{row['n']} {row['units'].removesuffix('s') if row['n'] == 1 else row['units']}"
    if math.isnan(row["low"]):
        tested = "no interval" if row["verdict"] == UNTESTED else f"p = {formats.probability(row['p'])}"
        return f"{estimate}, {units}: {tested}"
    return f"{estimate} [{value(row['low'], row['unit'])}, {value(row['high'], row['unit'])}], {units}"


def value(number: float, unit: str) -> str:
    """Format a statistic: a log ratio as a factor."""
    return formats.factor(number) if unit == LOG_RATIO else f"{number:.3f}"


def rule(above: float, below: float, unit: str, test: str) -> str:
    """The rule of a verdict in words, given the thresholds and the test."""
    if "Mantel" in test:
        return f"Holds if it is above {value(above, unit)} with p < {LEVEL}; else the run cannot tell."
    if math.isfinite(above) and math.isfinite(below):
        where = f"between {value(above, unit)} and {value(below, unit)}"
        return f"Holds if the 95 % interval lies {where}, does not hold if it lies outside."
    if math.isfinite(above):
        return f"Holds if the 95 % interval lies above {value(above, unit)}, does not hold if it lies below."
    return f"Holds if the 95 % interval lies below {value(below, unit)}, does not hold if it lies above."


def tally(claims: pd.DataFrame) -> dict[str, int]:
    """The number of claims with each verdict."""
    return {verdict: int((claims["verdict"] == verdict).sum()) for verdict in VERDICTS}


def by_verdict(path: str | Path) -> list[str]:
    """A line for each verdict, with the short names of its claims.

    Args:
        path: claims.csv of a run.
    """
    claims = pd.read_csv(path)
    names = {verdict: list(claims["id"][claims["verdict"] == verdict]) for verdict in VERDICTS}
    return [f"{MARKS[verdict]} {verdict} ({len(ids)}): {', '.join(ids)}" for verdict, ids in names.items() if ids]


def page(claims: Sequence[Claim], printed: Mapping[str, pd.DataFrame]) -> str:
    """Render docs/claims.md.

    Args:
        claims: all claims.
        printed: the paper's tables, from `paper.load`.
    """
    return "\n".join([PAGE.format(minimum=MINIMUM_UNITS), *(_section(claim, printed) for claim in claims)])


def _section(claim: Claim, printed: Mapping[str, pd.DataFrame]) -> str:
    paper = value(claim.paper(printed), claim.unit) if claim.paper else "not reported"
    return f"""## `{claim.id}`

**{claim.sentence}.**

- Statistic: {claim.statistic}.
- Compared with: {claim.control}.
- Rule: {rule(claim.above, claim.below, claim.unit, claim.test)}
- The paper: {paper}.
- Follows from: {claim.source}.
"""
