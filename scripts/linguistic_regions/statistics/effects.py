"""Effects of removals in each domain, with intervals: of the core on all languages, of monolingual regions on average.

For monolingual regions this is one figure per matrix of regions and languages: the mean on its diagonal minus the mean
off it, alone and beyond that of the matched random regions. All effects are log ratios of perplexity, in nats per
token.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from linguistic_regions.statistics.columns import COLUMNS
from linguistic_regions.statistics.domains import domains, first, only
from linguistic_regions.statistics.hierarchy import hierarchical
from linguistic_regions.statistics.intervals import Interval, t_interval
from linguistic_regions.statistics.selectivity import ALL, NOT_SUBTRACTED, SUBTRACTED
from linguistic_regions.statistics.tables import CORE, INTACT

CONTROLS = {"monolingual": "random", "contrast": "contrast_random"}  # the matched random regions of each kind


def effects(items: pd.DataFrame, labels: Mapping[str, Mapping], selectivity: pd.DataFrame) -> pd.DataFrame:
    """Compute the table `effects`; docs/architecture.md describes its columns.

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
    replicates = core_conditions(labels)
    for domain in domains(items):
        there = only(items, domain)
        codes = list(there["language"].unique())
        before = first(items)
        before = before[before["language"].isin(codes)]
        for region, each in replicates.items():
            condition = each if len(each) > 1 else each[0]
            yield {
                "region": region,
                **{key: labels[each[0]][key] for key in ("kind", "ratio", "scope", "samples")},
                **{"domain": domain, "effect": "rise", "compared": "", "over": " ".join(codes)},
                **_columns(hierarchical(there, condition, INTACT)),
                "first": hierarchical(before, condition, INTACT).estimate,
            }


def core_conditions(labels: Mapping[str, Mapping]) -> dict[str, list[str]]:
    """The conditions that remove the core or a control of it; replicates of a random region under one name."""
    found: dict[str, list[str]] = {}
    for name, label in labels.items():
        if label["target"] == CORE:
            found.setdefault(name.rsplit("-", 1)[0] if label["replicate"] else name, []).append(name)
    return found


def of_regions(selectivity: pd.DataFrame, labels: Mapping[str, Mapping]) -> Iterator[dict]:
    """The means over monolingual regions of what `matrices` gives.

    The interval is about other regions. Some languages are easily hurt by anything. That cancels out in the excess
    over the matched control, where the same languages are measured without as many random weights.
    """
    for setting, effect, table in matrices(selectivity, labels):
        for domain, values in table.items():
            here = values.dropna()
            if here.empty:
                continue
            yield {
                "region": f"{setting['kind']}-{setting['samples']}",
                **setting,
                "domain": domain,
                **effect,
                "over": " ".join(here.index),
                **_columns(t_interval(here, "regions")),
                "first": table.iloc[:, 0].reindex(here.index).mean(),
            }


def matrices(
    selectivity: pd.DataFrame, labels: Mapping[str, Mapping]
) -> Iterator[tuple[dict[str, object], dict[str, str], pd.DataFrame]]:
    """Yield each effect of monolingual regions on each language.

    Args:
        selectivity: the table of that name.
        labels: the labels of each condition.

    Yields:
        The regions' kind, ratio, scope and samples; the columns effect and compared; and the effect, in nats per token:
        a row per region's language, a column per domain, NaN where it was not measured.
    """
    for (kind, samples), rows in selectivity.groupby(["kind", "samples"], sort=False):
        if kind not in CONTROLS:
            continue
        control = selectivity[(selectivity["kind"] == CONTROLS[kind]) & (selectivity["samples"] == samples)]
        ratio, scope = (labels[rows["region"].iloc[0]][key] for key in ("ratio", "scope"))
        setting = {"kind": kind, "ratio": ratio, "scope": scope, "samples": samples}
        for (effect, compared), table in _matrices(rows, control).items():
            yield setting, {"effect": effect, "compared": compared}, table


def _matrices(rows: pd.DataFrame, control: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Each effect, and the group of others that it is compared with: a row per region's language, a column per domain.

    Replicates of the control are averaged. Without a control there is no excess, and no protection.
    """
    there = domains(rows)

    def values(table: pd.DataFrame, column: str, compared: str) -> pd.DataFrame:
        means = table[table["compared"] == compared].groupby(["language", "domain"], sort=False)[column].mean()
        return means.unstack("domain").reindex(columns=there)

    found = {("own", ""): values(rows, "own", ALL)}
    for compared in rows["compared"].unique():
        found["others", compared] = values(rows, "others", compared)
        found["difference", compared] = values(rows, "difference", compared)
        found["excess", compared] = found["difference", compared] - values(control, "difference", compared)
    unprotected, protected = (
        values(rows, "others", compared) - values(control, "others", compared)
        for compared in (NOT_SUBTRACTED, SUBTRACTED)
    )
    return found | {("protection", ""): unprotected - protected}


def _columns(interval: Interval) -> dict:
    return {name: getattr(interval, name) for name in ("estimate", "low", "high", "n", "units")}
