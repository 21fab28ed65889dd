"""How much more a monolingual region's removal hurts its own language than others.

Which others matters. Languages that were subtracted from a region are protected by construction: what is important for
them was taken out of it. So the comparison is made with all others, with those that were subtracted, and with those
that were not, where no language has an advantage. All rises are log ratios of perplexity, in nats per token.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from linguistic_regions.statistics.columns import COLUMNS
from linguistic_regions.statistics.hierarchy import hierarchical
from linguistic_regions.statistics.intervals import Interval, no_interval
from linguistic_regions.statistics.tables import CORE, INTACT

ALL, SUBTRACTED, NOT_SUBTRACTED = "all", "subtracted", "not_subtracted"


def by_region(items: pd.DataFrame, labels: Mapping[str, Mapping]) -> pd.DataFrame:
    """Compare the own language's rise with that of others, for each monolingual region and each control of one.

    Intervals are about other documents of the same languages. The difference is paired: own and other languages are
    measured with the same region removed. It has an interval only if the own language, which weighs as much as all
    others together, has three documents or more.

    Args:
        items: evidence of the intact model and of removals, from `evidence.read`.
        labels: the labels of each condition, from `evidence.read`.

    Returns:
        The table `selectivity`: a row per region, domain in which its language was tested, and group of other
        languages; docs/architecture.md describes the columns. No rows if there are no monolingual regions.
    """
    rows = []
    for domain, part in items.groupby("domain", sort=False):
        languages = list(part["language"].unique())
        conditions = dict(iter(part.groupby("condition", sort=False)))
        for name in (
            name for name in conditions if is_of_a_language(labels[name]) and labels[name]["target"] in languages
        ):
            measured = pd.concat([conditions[INTACT], conditions[name]])
            rows += [{"domain": domain, **row} for row in _compared(measured, name, labels[name], languages)]
    return pd.DataFrame(rows, columns=list(COLUMNS["selectivity"])).astype(COLUMNS["selectivity"])


def is_of_a_language(label: Mapping) -> bool:
    """Whether a condition removes the region of one language, or a control of it."""
    return label["target"] not in ("", CORE)


def _compared(items: pd.DataFrame, name: str, label: Mapping, languages: Sequence[str]) -> Iterator[dict]:
    """The rows of one region in one domain."""
    own = label["target"]
    rises = log_ratios(items, name)
    alone = hierarchical(items, name, INTACT, weights={own: 1.0})
    for compared, others in groups(own, label["subtracted"].split(), languages).items():
        share = dict.fromkeys(others, 1 / len(others))
        group = hierarchical(items, name, INTACT, weights=share)
        difference = hierarchical(items, name, INTACT, weights={own: 1.0} | {code: -share[code] for code in others})
        if not alone.tested:  # else the interval rests on two documents, and covers 90 % at most
            difference = no_interval(difference.estimate, alone.n, f"documents in {own}")
        yield {
            "region": name,
            "kind": label["kind"],
            "samples": label["samples"],
            "replicate": label["replicate"],
            "language": own,
            "compared": compared,
            "weights": label["weights"],
            **_ends("own", alone, "own_"),
            **_ends("others", group, "others_"),
            **_ends("difference", difference),
            "n": difference.n,
            "units": difference.units,
            "rank": 1 + int((rises[others] > rises[own]).sum()),
            "of": 1 + len(others),
            "per_million": 1e6 * difference.estimate / label["weights"] if label["weights"] else math.nan,
        }


def groups(own: str, subtracted: Sequence[str], languages: Sequence[str]) -> dict[str, list[str]]:
    """The groups of other languages that a language is compared with; none is empty.

    Args:
        own: code of the region's language.
        subtracted: codes of the languages that were subtracted from the region.
        languages: codes of those tested.
    """
    others = [code for code in languages if code != own]
    found = {
        ALL: others,
        SUBTRACTED: [code for code in others if code in subtracted],
        NOT_SUBTRACTED: [code for code in others if code not in subtracted],
    }
    return {name: codes for name, codes in found.items() if codes}


def log_ratios(items: pd.DataFrame, condition: str) -> pd.Series:
    """log(perplexity of a condition / intact model's) by language, in nats per token; items of one domain."""
    sums = items.groupby(["condition", "language"], sort=False)[["nll", "tokens"]].sum()
    means = sums["nll"] / sums["tokens"]
    return means[condition] - means[INTACT]


def _ends(estimate: str, interval: Interval, prefix: str = "") -> dict[str, float]:
    return {estimate: interval.estimate, f"{prefix}low": interval.low, f"{prefix}high": interval.high}
