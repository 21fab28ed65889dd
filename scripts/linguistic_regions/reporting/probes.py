"""Competence and performance in words and tables: direct accuracy beside that of answers to prompts, by language."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from linguistic_regions.reporting.generations import condition
from linguistic_regions.reporting.paper import ABSENT, Grid
from linguistic_regions.statistics.power import DISCORDANT, detectable
from linguistic_regions.statistics.probes import ALL, BOTH, CHANCE, DIRECT, GAP, PROMPTED, summary


@dataclass(frozen=True)
class Section:
    """What the report says of the pairs of one language from one source.

    Attributes:
        title: the language, and the source.
        sentences: what the intact model does.
        lesions: what lesions do to direct and prompted accuracy, and to the gap.
        prompts: accuracy and position bias of each kind of prompt; None without prompts.
        examples: for each kind of prompt its name and its exact text.
    """

    title: str
    sentences: tuple[str, ...]
    lesions: Grid
    prompts: Grid | None
    examples: tuple[tuple[str, str], ...]


def sections(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> list[Section]:
    """A section per language and source of pairs; none without the table `probes`.

    Args:
        tables: the run's tables by name.
        names: English names of languages by code.
    """
    if "probes" not in tables:
        return []
    probes = tables["probes"]
    found = []
    for (code, source), its in probes.groupby(["language", "source"], sort=False):
        others = [_of(tables.get(name), code, source) for name in ("probe_differences", "probe_prompts")]
        title = f"{names.get(code, code)}, pairs from {source}"
        rows = summary(its)
        intact = rows[rows["kind"] == "base"].set_index("method")
        lesions = _lesions(rows, intact, others[0], names)
        found.append(Section(title, _sentences(intact), lesions, _prompts(its), _examples(others[1])))
    return found


def overview(probes: pd.DataFrame, names: Mapping[str, str]) -> dict:
    """Accuracies by lesion: `heading`, a label for each language and method, and `rows`, a lesion and its accuracies.

    Of the first source of pairs alone.

    Args:
        probes: the table `probes`.
        names: English names of languages by code.
    """
    rows = summary(probes[probes["source"] == probes["source"].iloc[0]])
    columns = rows[["language", "method"]].drop_duplicates().to_records(index=False).tolist()
    lines = []
    for _, of_region in rows.groupby("region", sort=False):
        by_column = of_region.set_index(["language", "method"]).to_dict("index")
        label = condition(of_region.iloc[0], names)
        lines.append([label, *(_share(by_column.get(column)) for column in columns)])
    ways = {DIRECT: "direct", PROMPTED: "asked"}
    return {"heading": [f"{names.get(code, code)}, {ways[method]}" for code, method in columns], "rows": lines}


def _of(table: pd.DataFrame | None, language: str, source: str) -> pd.DataFrame | None:
    return None if table is None else table[(table["language"] == language) & (table["source"] == source)]


def _sentences(intact: pd.DataFrame) -> tuple[str, ...]:
    """Both accuracies of the intact model; whether they are above chance, and what follows; and the power."""
    told, powers = [], {}
    for method, how in ((DIRECT, "By the probability of the sentences"), (PROMPTED, "Asked about them")):
        if method not in intact.index:
            continue
        row = intact.loc[method]
        n, templates = int(row["n"]), int(row["templates"])
        powers[n, templates] = _power(n, templates)
        units = f"{templates} {'template' if templates == 1 else 'templates'}"
        text = f"{how}, the intact model is right in {_interval_of(row)} of {n} pairs ({units})"
        if _has_nothing_to_lose(row):
            text += f": {'at' if row['chance'] else 'below'} chance, so nothing is said of what lesions do to it"
        told.append(f"{text}.")
    if PROMPTED in intact.index:
        row = intact.loc[PROMPTED]
        told.append(
            f"It names the first option in {_percent(row['bias'])} of its answers; once the mean lead of the first "
            f"option is subtracted, {_percent(row['accuracy_corrected'])} are right."
        )
        if not math.isnan(row["correlation"]):
            told.append(
                f"Over pairs, margins of answers and of sentences have a rank correlation of {row['correlation']:.2f}."
            )
    return (*told, *powers.values())


def _power(pairs: int, templates: int) -> str:
    """Which difference such a number of pairs can tell."""
    found = detectable(pairs, templates) if templates > 1 else math.nan
    if math.isnan(found):
        return f"{pairs} pairs are too few to tell two accuracies apart."
    return (
        f"{pairs} pairs tell two accuracies apart that differ by {100 * found:.0f} points, with a probability of 0.8, "
        f"if {_percent(DISCORDANT)} of the pairs are judged differently."
    )


def _has_nothing_to_lose(row: Mapping) -> bool:
    return row["low"] <= CHANCE


def _lesions(
    rows: pd.DataFrame, intact: pd.DataFrame, differences: pd.DataFrame | None, names: Mapping[str, str]
) -> Grid:
    """A row per lesion; nothing on changes of what is not above chance in the intact model."""
    at_chance = {method for method in intact.index if _has_nothing_to_lose(intact.loc[method])}
    changes = {} if differences is None else differences.set_index(["region", "difference"]).to_dict("index")
    methods = [method for method in (DIRECT, PROMPTED) if method in set(rows["method"])]
    lines = []
    for region, of_region in rows.groupby("region", sort=False):
        by_method = of_region.set_index("method").to_dict("index")
        cells = []
        for method in methods:
            change = {} if method in at_chance else changes.get((region, method), {})
            cells += [_share(by_method.get(method)), _points(change)]
            if method == DIRECT:
                cells.append(_nats(change))
        if PROMPTED in methods:
            change = {} if at_chance else changes.get((region, f"{GAP}_change"), {})
            cells += [_points(changes.get((region, GAP), {})), _points(change)]
        lines.append((condition(of_region.iloc[0], names), *cells))
    groups = [("Competence (direct)", ("right", "change, points", "change of margin, nats"))]
    if PROMPTED in methods:
        groups += [("Performance (prompted)", ("right", "change, points")), ("Gap", ("points", "change, points"))]
    notes = ["In per cent, with 95 % intervals; changes are from the intact model, paired by pair."]
    if at_chance:
        notes.append(f"{ABSENT}: not measured, or the intact model is not above chance.")
    return Grid("Competence and performance by lesion", ("Removed",), tuple(groups), tuple(lines), tuple(notes))


def _prompts(its: pd.DataFrame) -> Grid | None:
    """Each kind of prompt put to the intact model: accuracy in both orders and each, bias, correlation."""
    rows = its[(its["kind"] == "base") & (its["method"] == PROMPTED) & (its["prompt"] != ALL)]
    rows = rows[rows["phenomenon"] == ALL]
    if rows.empty:
        return None
    cell = ["prompt", "asked_in", "template", "filler"]
    lines = []
    for key, of_cell in sorted(rows.groupby(cell, sort=False), key=lambda group: _place(*group[0])):
        by_order = of_cell.set_index("order")
        both, first, second = by_order.loc[BOTH], *(row for _, row in by_order.drop(index=BOTH).iterrows())
        # In the second order, sorted by name, the right option of a choice comes first, or yes does.
        told = [_share(both), _percent(second["accuracy"]), _percent(first["accuracy"]), _percent(both["bias"])]
        lines.append((*map(_readable, key), *told, _percent(both["accuracy_corrected"]), f"{both['correlation']:.2f}"))
    headings = ("both orders", "right or yes first", "wrong or no first", "first option named", "bias-corrected")
    return Grid(
        "The intact model, by kind of prompt",
        ("Wording", "Asked in", "Template", "Filler"),
        (("Right, per cent", (*headings, "rank correlation")),),
        tuple(lines),
        ("The rank correlation is that of the answers' margins with those of the sentences.",),
    )


def _examples(prompts: pd.DataFrame | None) -> tuple[tuple[str, str], ...]:
    if prompts is None:
        return ()
    described = ["prompt", "asked_in", "template", "filler", "shown", "order"]
    return tuple((", ".join(map(_readable, key)), text) for *key, text in prompts[[*described, "text"]].to_numpy())


def _place(wording: str, asked_in: str, template: str, filler: str) -> tuple:
    """Where a kind of prompt stands: fillers by their number."""
    kind, _, number = filler.partition("-")
    return wording, asked_in, template, number != "", kind, int(number or 0)


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _percent(value: float) -> str:
    return ABSENT if math.isnan(value) else f"{100 * value:.0f} %"


def _share(row: Mapping | None) -> str:
    """An accuracy in per cent with its interval."""
    if row is None:
        return ABSENT
    return _interval_of(row) + (" (chance)" if row["chance"] else "")


def _interval_of(row: Mapping) -> str:
    return f"{100 * row['accuracy']:.0f} % [{100 * row['low']:.0f}, {100 * row['high']:.0f}]"


def _points(change: Mapping) -> str:
    """A difference of accuracies in points, with its interval where there is one."""
    return _interval([100 * change[end] for end in ("accuracy", "low", "high")], 0) if change else ABSENT


def _nats(change: Mapping) -> str:
    return _interval([change[end] for end in ("margin", "margin_low", "margin_high")], 2) if change else ABSENT


def _interval(ends: list[float], decimals: int) -> str:
    middle, low, high = (f"{value:+.{decimals}f}".replace("-", "−") for value in ends)
    return middle if math.isnan(ends[1]) else f"{middle} [{low}, {high}]"
