"""The report's section on each language, from all tables of a run."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.paper import ABSENT, ARM_NAMES, Grid
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import domains, only
from linguistic_regions.statistics.tables import ARMS, in_order

KINDS = {"top": "Core", "random": "Random", "bottom": "Bottom"}
REGIONS = {"monolingual": "Region", "random": "Random, same size", "bottom": "Bottom, same size"}


@dataclass(frozen=True)
class Section:
    """The section on one language.

    Attributes:
        code: language code.
        name: English name.
        facts: pairs of label and value.
        grids: tables to display.
    """

    code: str
    name: str
    facts: tuple[tuple[str, str], ...]
    grids: tuple[Grid, ...]


def sections(
    tables: Mapping[str, pd.DataFrame],
    manifests: Sequence[Mapping],
    languages: Sequence[str],
    names: Mapping[str, str],
    model: str,
) -> list[Section]:
    """Return a section for each of `languages`, in order.

    Args:
        tables: the run's tables by name, from `tables.read_folder`.
        manifests: the manifests of the texts: `language`, `source` and `splits`.
        languages: language codes.
        names: English names by code.
        model: name of the run's model.
    """
    text: dict[str, list[Mapping]] = {}
    for manifest in manifests:
        text.setdefault(str(manifest.get("language", "")), []).append(manifest)
    made = []
    for code in languages:
        facts = [*_base(tables.get("removal"), code), *map(_text, text.get(code, [])), *_scores(tables, code)]
        grids = [
            _core(tables.get("removal"), code, model),
            _regions(tables.get("removal"), code, names, model),
            _retraining(tables.get("retraining"), code, names, model),
            _freezing(tables.get("freezing"), code, names, model),
        ]
        made.append(Section(code, names.get(code, code), tuple(facts), tuple(grid for grid in grids if grid)))
    return made


def _base(removal: pd.DataFrame | None, code: str) -> list[tuple[str, str]]:
    """Return the intact model's perplexity on this language's test text."""
    facts = []
    for domain in domains(removal) if removal is not None else []:
        rows = only(removal, domain)
        rows = rows[(rows["kind"] == "base") & (rows["language"] == code)]
        for _, row in rows.head(1).iterrows():
            ends = [row["ppl_low"], row["ppl_high"]]
            interval = "" if any(map(math.isnan, ends)) else " [{}, {}]".format(*map(formats.perplexity, ends))
            value = f"{formats.perplexity(row['ppl'])}{interval}, {row['bits_per_byte']:.3f} bits per byte"
            value += f", on {formats.count(row['tokens'])} tokens"
            facts.append((f"Perplexity{f', {domain}' if domain else ''}", value))
    return facts


def _text(manifest: Mapping) -> tuple[str, str]:
    """Return the size of a text, by split."""
    parts = [
        f"{split} {formats.count(counts['documents'])} documents, {formats.count(counts['characters'])} characters"
        for split, counts in manifest.get("splits", {}).items()
        if {"documents", "characters"} <= set(counts)
    ]
    heading = ", ".join(filter(None, ["Text", manifest.get("domain")]))
    return heading, f"{manifest.get('source', '')}: {'; '.join(parts)}"


def _scores(tables: Mapping[str, pd.DataFrame], code: str) -> list[tuple[str, str]]:
    """Return facts on continued pre-training and on the agreement of two halves of the samples, if there are any."""
    facts = []
    further = tables.get("further")
    if further is not None:
        for domain in domains(further):
            rows = only(further, domain)
            course = rows[rows["language"] == code].sort_values("samples", kind="stable")
            if len(course):
                start, end = course.iloc[0], course.iloc[-1]
                value = (
                    f"{formats.perplexity(start['ppl'])} to {formats.perplexity(end['ppl'])} on the validation split"
                )
                value += f" in {formats.count(end['samples'])} samples"
                facts.append((f"Continued pre-training{f', {domain}' if domain else ''}", value))
    stability = tables.get("stability")
    if stability is not None:
        course = stability[stability["language"] == code].sort_values("samples", kind="stable")
        if len(course):
            end = course.iloc[-1]
            value = f"Jaccard index {end['jaccard']:.3f} of the regions of two halves of"
            facts.append(("Agreement", f"{value} {formats.count(end['samples'])} samples"))
    return facts


def _core(removal: pd.DataFrame | None, code: str, model: str) -> Grid | None:
    """Return the factor on this language's perplexity when the core is removed, by ratio and scope."""

    def rows(effects: pd.DataFrame) -> pd.DataFrame:
        found = {
            (formats.percent(ratio), formats.scope(scope)): measures.core_effects(effects, scope, ratio).reindex([code])
            for scope, ratio in measures.core_settings(effects)
        }
        return pd.concat(found).droplevel(-1)[list(KINDS)].rename(columns=KINDS) if found else pd.DataFrame()

    return _factors(removal, rows, "Removal of the core", ("Removed", "Ranking"), model)


def _regions(removal: pd.DataFrame | None, code: str, names: Mapping[str, str], model: str) -> Grid | None:
    """Return the factor on this language's perplexity when each monolingual region is removed."""

    def rows(effects: pd.DataFrame) -> pd.DataFrame:
        found = {}
        for kind, heading in REGIONS.items():
            matrix = measures.monolingual_matrix(effects, kind)
            if code in matrix:
                found[heading] = matrix[code]
        table = pd.DataFrame(found)
        order = [code, *table.index.drop(code, errors="ignore")]
        table = table.reindex([target for target in order if target in table.index])
        table.index = [(f"{names.get(target, target)}{' (own)' if target == code else ''}",) for target in table.index]
        return table

    return _factors(removal, rows, "Removal of a monolingual region", ("Region of",), model)


def _factors(
    removal: pd.DataFrame | None,
    rows: Callable[[pd.DataFrame], pd.DataFrame],
    title: str,
    labels: tuple[str, ...],
    model: str,
) -> Grid | None:
    """Return a grid of factors, with a group of columns per domain."""
    if removal is None:
        return None
    tables = {domain: rows(measures.log_ratios(only(removal, domain))) for domain in domains(removal)}
    return _grid(tables, formats.factor, title, labels, model, ("Perplexity relative to the intact model.",))


def _retraining(retraining: pd.DataFrame | None, code: str, names: Mapping[str, str], model: str) -> Grid | None:
    """Return this language's perplexity during retraining after a removal."""
    if retraining is None:
        return None
    tables = {}
    for domain in domains(retraining):
        rows = only(retraining, domain)
        rows = rows[rows["language"] == code]
        if len(rows):
            keys = ["train_language", "learning_rate", "samples"]
            logs = rows.groupby([*keys, "arm"], sort=False)["nll"].mean().unstack("arm").sort_index()
            logs = logs[in_order(logs.columns, list(ARM_NAMES))].rename(columns=ARM_NAMES)
            logs.index = [
                (names.get(language, language), formats.rate(rate), formats.count(samples))
                for language, rate, samples in logs.index
            ]
            tables[domain] = logs
    labels = ("Trained on", "Learning rate", "Samples")
    return _grid(tables, formats.from_nll, "Perplexity during retraining after a removal", labels, model)


def _freezing(freezing: pd.DataFrame | None, code: str, names: Mapping[str, str], model: str) -> Grid | None:
    """Return the factor on this language's perplexity at the end of continued pre-training."""
    if freezing is None:
        return None
    tables = {}
    for domain in domains(freezing):
        changes = measures.forgetting(only(freezing, domain))
        changes = changes[changes.index.get_level_values("language") == code]
        if len(changes):
            means = changes.groupby(level=["train_language", "learning_rate"]).mean()
            means = means[in_order(means.columns, ARMS)].rename(columns=lambda arm: arm.replace("_", " ").capitalize())
            means.index = [(names.get(language, language), formats.rate(rate)) for language, rate in means.index]
            tables[domain] = means
    title = "Perplexity at the end of continued pre-training relative to its start"
    return _grid(tables, formats.factor, title, ("Trained on", "Learning rate"), model)


def _grid(
    tables: Mapping[str, pd.DataFrame],
    cell: Callable[[float], str],
    title: str,
    labels: tuple[str, ...],
    model: str,
    notes: tuple[str, ...] = (),
) -> Grid | None:
    """Return a grid of tables with shared row labels, one table per domain."""
    tables = {domain: table.dropna(axis=1, how="all") for domain, table in tables.items() if len(table)}
    tables = {domain: table for domain, table in tables.items() if table.size}
    if not tables:
        return None
    labelled = list(dict.fromkeys(tuple(label) for table in tables.values() for label in table.index))
    values = {
        domain: dict(zip(map(tuple, table.index), table.to_numpy(), strict=True)) for domain, table in tables.items()
    }
    rows = tuple(
        (
            *label,
            *(
                text
                for domain, table in tables.items()
                for text in (map(cell, values[domain][label]) if label in values[domain] else [ABSENT] * table.shape[1])
            ),
        )
        for label in labelled
    )
    groups = tuple((f"{model}{f', {domain}' if domain else ''}", tuple(table)) for domain, table in tables.items())
    return Grid(title, labels, groups, rows, notes)
