"""Two runs side by side: what made them, their effects with the difference of each, and the verdicts on the claims."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from linguistic_regions.reporting import claims, formats, report
from linguistic_regions.reporting.paper import Grid
from linguistic_regions.runtime import provenance
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json
from linguistic_regions.statistics import evidence, tables
from linguistic_regions.statistics.comparison import Comparison, Effect, Run, compare
from linguistic_regions.statistics.intervals import Interval

TEMPLATE = report.TEMPLATE.with_name("comparison.html.j2")
PARTS = {
    "config": "Config",
    "model": "Model",
    "software": "Software and code",
    "data": "Text (SHA-256 of each split)",
    "hardware": "Hardware",
}
HIDDEN = ("config.run",)  # which is the name of the run
NONE = "–"
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Finished:
    """A run that is compared.

    Attributes:
        folder: its folder, as it was given.
        record: its provenance.
        measured: its evidence of removals.
        claims: its claims table; empty if it has none.
    """

    folder: Path
    record: Mapping
    measured: Run
    claims: pd.DataFrame


def read(folder: Path) -> Finished:
    """Read what a comparison needs of a run's folder.

    Raises:
        UserError: it has no provenance, tables or evidence, as a run that is not finished, or a file is damaged.
    """
    if not (folder / "provenance.json").is_file():
        raise UserError(f"{folder}: there is no provenance.json: name the folder of a finished run")
    record, found = read_json(folder / "provenance.json"), tables.read_folder(folder / "tables")
    if not found:
        raise UserError(f"{folder}: there are no tables: run the workflow to make them")
    items, labels = evidence.read(sorted((folder / "evaluations/perplexity").glob("*.parquet")))
    if len(items):  # conditions of an earlier config may have left evidence; the table has none of them
        regions = set(found["removal"]["region"]) if "removal" in found else set()
        labels = {name: label for name, label in labels.items() if label["region"] in regions}
        items = items[items["condition"].isin(list(labels))]
    needed = set(found["selectivity"]["region"]) if "selectivity" in found else set()
    if missing := sorted(needed - {label["region"] for label in labels.values()}):
        raise UserError(f"{folder}: there is no evidence of {missing[0]}: run the workflow with --forcerun evaluate")
    if "claims" not in found:
        logging.warning(f"{folder}: there is no tables/claims.csv, so no claim is judged: run the workflow to make it")
    measured = Run(items, labels, found.get("selectivity", pd.DataFrame()), _tokenizer(record))
    return Finished(folder, record, measured, found.get("claims", pd.DataFrame()))


def render(first: Finished, second: Finished, template: Path = TEMPLATE) -> str:
    """Render the page; all data are escaped."""
    names = _names(first, second)
    return report.load(template).render(
        runs=[(name, _facts(run)) for name, run in zip(names, (first, second), strict=True)],
        differing=_differing(first.record, second.record, names),
        effects=_effects(compare(first.measured, second.measured), names),
        verdicts=_verdicts(first.claims, second.claims, names),
        links={},
    )


def _names(first: Finished, second: Finished) -> tuple[str, str]:
    """What to call the two runs."""
    a, b = (str(run.record.get("config", {}).get("run", run.folder.name)) for run in (first, second))
    return (a, b) if a != b else (f"{a} (first)", f"{b} (second)")


def _tokenizer(record: Mapping) -> object:
    """What the tokens of a run follow from: the published model, or all that a tokenizer is trained by."""
    settings, origin = _model(record)
    if settings.get("pretrained"):
        return settings["pretrained"], origin.get("commit") or settings.get("revision")
    return settings, record.get("data")


def _model(record: Mapping) -> tuple[Mapping, Mapping]:
    """The section `model` of a run's config, and where the model comes from; empty if it was pretrained in the run."""
    return record.get("config", {}).get("model", {}), record.get("model") or {}


def _facts(run: Finished) -> dict[str, str]:
    config, software = run.record.get("config", {}), run.record.get("software", {})
    settings, origin = _model(run.record)
    return {
        "Folder": str(run.folder),
        "Model": str(origin.get("name") or settings.get("pretrained") or "pretrained in this run"),
        "Languages": ", ".join(config.get("languages", [])),
        "Experiments": ", ".join(config.get("experiments", [])),
        "Made with": f"linguistic-regions {software.get('linguistic-regions', '')}, {software.get('revision', '')}",
    }


def _differing(first: Mapping, second: Mapping, names: tuple[str, str]) -> list[Grid]:
    """A grid for each part of the record in which the runs differ."""
    rows: dict[str, list[tuple[str, ...]]] = {part: [] for part in PARTS}
    for key, *values in provenance.differences(first, second):
        part, _, name = key.partition(".")
        if key not in HIDDEN and part in PARTS:
            rows[part].append((name or part, *map(_value, values)))
    return [Grid(PARTS[part], ("Key",), (("", names),), tuple(found)) for part, found in rows.items() if found]


def _value(value: object) -> str:
    if value is None or value == "":
        return NONE
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text[:12]}…" if SHA256.fullmatch(text) else text


def _effects(compared: list[Comparison], names: tuple[str, str]) -> list[Grid]:
    """A grid for each domain: the factor between the runs, how it was computed, and every effect in both runs."""
    grids: dict[str, list[tuple[str, ...]]] = {}
    for each in compared:
        kind, ratio, scope, domain, effect, versus = each.key
        removed = f"{kind} {formats.percent(ratio)}" + (f", {formats.scope(scope)}" if scope == "model" else "")
        cells = (removed, f"{effect}, {versus}" if versus else effect)
        difference = _interval(each.difference) if each.difference else NONE
        grids.setdefault(domain, []).append(
            (
                *(cell.replace("_", " ") for cell in cells),
                *(difference, each.how, _estimate(each.first), _estimate(each.second)),
            )
        )
    columns = (("Second over first", ("Factor", "How")), ("Factor on perplexity", names))
    return [
        Grid(f"Effects on {domain}" if domain else "Effects", ("Removed", "Effect"), columns, tuple(rows))
        for domain, rows in grids.items()
    ]


def _estimate(effect: Effect | None) -> str:
    return _interval(effect.interval) if effect else NONE


def _interval(interval: Interval) -> str:
    estimate = formats.factor(interval.estimate)
    if not interval.tested:
        return f"{estimate} (no interval)"
    return f"{estimate} {formats.factor_interval(interval.low, interval.high)}"


def _verdicts(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> list[Grid]:
    """The verdicts that differ, and those that are the same; nothing if no run has a claims table."""
    rows = [{row["claim"]: row for row in claims.rows(table)} if len(table) else {} for table in (first, second)]
    differ: list[tuple[str, ...]] = []
    alike: list[tuple[str, ...]] = []
    for sentence in dict.fromkeys([*rows[0], *rows[1]]):
        pair = [run.get(sentence, {"verdict": "not judged", "measured": NONE, "corrected": ""}) for run in rows]
        verdicts = [" ".join(filter(None, [claims.MARKS.get(row["verdict"]), row["verdict"]])) for row in pair]
        measured = ["; ".join(filter(None, [row["measured"], row["corrected"]])) for row in pair]
        (alike if verdicts[0] == verdicts[1] else differ).append((sentence, *verdicts, *measured))
    groups = (("Verdict", names), ("Measured", names))
    titles = {"Verdicts that differ": differ, "Verdicts that are the same": alike}
    return [Grid(title, ("Claim",), groups, tuple(found)) for title, found in titles.items() if found]
