"""Effects of removals in each domain, with intervals: of the core on all languages, of monolingual regions on average.

For monolingual regions this is one figure per matrix of regions and languages: the mean on its diagonal minus the mean
off it, alone and beyond that of the matched random regions. All effects are log ratios of perplexity, in nats per
token.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from linguistic_regions.statistics.domains import domains, first, only
from linguistic_regions.statistics.hierarchy import hierarchical
from linguistic_regions.statistics.intervals import Interval, t_interval
from linguistic_regions.statistics.selectivity import ALL
from linguistic_regions.statistics.tables import COLUMNS, CORE, INTACT

CONTROLS = {"monolingual": "random", "contrast": "contrast_random"}  # the matched random regions of each kind
MATRIX = ["kind", "samples", "compared"]


def effects(items: pd.DataFrame, labels: Mapping[str, Mapping], selectivity: pd.DataFrame) -> pd.DataFrame:
    """Compute the table `effects`; docs/method.md describes its columns.

    Args:
        items: evidence of the intact model and of removals, from `evidence.read`.
        labels: the labels of each condition, from `evidence.read`.
        selectivity: the table of that name, from `selectivity.by_region`.
    """
    rows = [*of_core(items, labels), *of_regions(selectivity, labels)]
    return pd.DataFrame(rows, columns=list(COLUMNS["effects"])).astype(COLUMNS["effects"])


def of_core(items: pd.DataFrame, labels: Mapping[str, Mapping]) -> Iterator[dict]:
    """The mean rise over a domain's languages without the core, or a control of it; replicates together.

    The interval is about other documents of the same languages, and other random regions where there are several.
    """
    names: dict[tuple, list[str]] = {}
    for name, label in labels.items():
        if label["target"] == CORE:
            names.setdefault(tuple(label[key] for key in ("kind", "ratio", "scope", "samples")), []).append(name)
    for domain in domains(items):
        there = only(items, domain)
        codes = list(there["language"].unique())
        before = first(items)
        before = before[before["language"].isin(codes)]
        for (kind, ratio, scope, samples), each in names.items():
            condition = each if len(each) > 1 else each[0]
            yield {
                **{"kind": kind, "ratio": ratio, "scope": scope, "samples": samples, "domain": domain},
                **{"effect": "rise", "compared": "", "over": " ".join(codes)},
                **_columns(hierarchical(there, condition, INTACT)),
                "first": hierarchical(before, condition, INTACT).estimate,
            }


def of_regions(selectivity: pd.DataFrame, labels: Mapping[str, Mapping]) -> Iterator[dict]:
    """The means over monolingual regions of own rise, others' rise and their difference, and its excess over random.

    The interval is about other regions. Some languages are easily hurt by anything. That cancels out in the excess
    over the matched control, where the same languages are measured without as many random weights.
    """
    for (kind, samples, compared), rows in selectivity.groupby(MATRIX, sort=False):
        if kind not in CONTROLS:
            continue
        ratio, scope = (labels[rows["region"].iloc[0]][key] for key in ("ratio", "scope"))
        control = selectivity[selectivity["kind"] == CONTROLS[kind]]
        control = control[(control["samples"] == samples) & (control["compared"] == compared)]
        values = {effect: _by_language(rows, effect) for effect in ("others", "difference")}
        values |= {"own": _by_language(rows, "own")} if compared == ALL else {}  # the same in each comparison
        values["excess"] = values["difference"] - _by_language(control, "difference")
        for effect, table in values.items():
            for domain in domains(rows):
                here = table[domain].dropna()
                if here.empty:
                    continue
                yield {
                    **{"kind": kind, "ratio": ratio, "scope": scope, "samples": samples, "domain": domain},
                    **{"effect": effect, "compared": "" if effect == "own" else compared},
                    "over": " ".join(here.index),
                    **_columns(t_interval(here, "regions")),
                    "first": table.iloc[:, 0].reindex(here.index).mean(),
                }


def _by_language(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The mean over replicates: a row per region's language, a column per domain, the first domain first."""
    means = rows.groupby(["language", "domain"], sort=False)[column].mean().unstack("domain")
    return means.reindex(columns=domains(rows))


def _columns(interval: Interval) -> dict:
    return {name: getattr(interval, name) for name in ("estimate", "low", "high", "n", "units")}
