"""Accuracies and margins on minimal pairs, scored directly and asked about in prompts; and their paired differences.

An answer is right if its margin is above 0; a margin of exactly 0, or none, prefers nothing and counts as half right.
Intervals are over templates where there are three or more, otherwise over pairs (`statistics.proportions`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linguistic_regions.statistics.columns import COLUMNS
from linguistic_regions.statistics.correlation import spearman
from linguistic_regions.statistics.generations import visible
from linguistic_regions.statistics.proportions import average, contrast, proportion
from linguistic_regions.statistics.tables import CORE, INTACT

ALL, BOTH, NONE = "all", "both", "none"  # phenomena and wordings, orders of the options, filler tokens
CHANCE = 0.5  # of two options
DIRECT, PROMPTED, GAP = "direct", "prompted", "gap"  # competence, performance, and the first minus the second
MARGINS = {DIRECT: "margin", "direct_per_token": "margin_per_token"}  # methods, and their columns in the evidence
TEXT = ["condition", "language", "domain"]
CELL = [*TEXT, "wording", "asked_in", "template", "filler"]
PAIR = ["language", "document", "item"]
EXAMPLE = [*CELL[1:], "shown", "order"]


def tables(direct: pd.DataFrame, prompted: pd.DataFrame, labels: Mapping[str, Mapping]) -> dict[str, pd.DataFrame]:
    """The tables of the probes by name; docs/architecture.md describes their columns.

    Args:
        direct: evidence of the evaluation `direct`, from `evidence.read`; may be empty.
        prompted: evidence of the evaluation `prompted`; likewise.
        labels: the labels of each condition.
    """
    asked = answered(prompted) if len(prompted) else prompted
    return {
        "probes": accuracies(direct, asked, labels),
        "probe_differences": differences(direct, asked, labels),
        "probe_prompts": examples(asked),
    }


def right(margins: pd.Series) -> np.ndarray:
    """1 where the margin is above 0, 0 where it is below, and 0.5 where it is 0 or not a number."""
    return (1 + np.sign(np.nan_to_num(margins.to_numpy(dtype=float)))) / 2


def answered(prompted: pd.DataFrame) -> pd.DataFrame:
    """Add to evidence of `prompted` what the tables are made from.

    - `right`: see the function;
    - `corrected`: the same once the mean lead of the option named first, which is due to its place, is subtracted. The
      mean is over all answers of one condition, language, source, wording, language of the prompt, template, filler;
    - `filler`: its number is in its name, as in dots-8.
    """
    named = prompted["filler"] + "-" + prompted["fillers"].astype(int).astype(str)
    rows = prompted.assign(
        filler=named.where(prompted["filler"] != NONE, NONE),
        right=right(prompted["margin"]),
        first=prompted["first"].astype(float),
    )
    sign = np.where(prompted["first"].astype(bool) == (prompted["margin"] > 0), 1.0, -1.0)  # 1: the right one is first
    lead = rows.assign(lead=sign * rows["margin"]).groupby(CELL, sort=False)["lead"].transform("mean")
    return rows.assign(corrected=right(rows["margin"] - sign * lead))


def paired(direct: pd.DataFrame, prompted: pd.DataFrame, column: str = "right") -> pd.DataFrame:
    """The mean score of each pair in each condition, by either method.

    Prompts are those without filler tokens, through the chat template if the model has one; all wordings, languages of
    the prompt and orders of the options count alike.

    Args:
        direct: evidence of `direct`; may be empty.
        prompted: evidence of `prompted`, from `answered`; may be empty.
        column: the score: right, or margin.

    Returns:
        A row per pair (language, document, item), and a column per method and condition. NaN where a pair was not asked
        about.
    """
    parts = {}
    if len(direct):
        parts[DIRECT] = _means(direct.assign(right=right(direct["margin"])), column)
    if len(prompted):
        parts[PROMPTED] = _means(_asked_plainly(prompted), column)
    return pd.concat(parts, axis=1) if parts else pd.DataFrame()


def through_chat(prompted: pd.DataFrame) -> pd.DataFrame:
    """The answers through the chat template, or the plain ones if the model has none."""
    chat = prompted["template"] == "chat"
    return prompted[chat] if chat.any() else prompted


def _asked_plainly(prompted: pd.DataFrame) -> pd.DataFrame:
    """What is compared with direct scoring: the answers without filler tokens, whatever the wording."""
    return through_chat(prompted[prompted["filler"] == NONE])


def _means(items: pd.DataFrame, column: str) -> pd.DataFrame:
    return items.groupby([*PAIR, "condition"], sort=False)[column].mean().unstack("condition")


# --- the table `probes` ---


def accuracies(direct: pd.DataFrame, prompted: pd.DataFrame, labels: Mapping[str, Mapping]) -> pd.DataFrame:
    """The table `probes`; arguments are those of `tables`, `prompted` from `answered`."""
    rows = []
    if len(direct):
        rows += _of_direct(direct)
    if len(prompted):
        rows += _of_prompted(prompted, direct)
    return _table("probes", rows, labels)


def _of_direct(direct: pd.DataFrame) -> Iterator[dict]:
    for method, column in MARGINS.items():
        items = direct.assign(margin=direct[column], right=right(direct[column]))
        for text, its in _groups(items, TEXT):
            for phenomenon, part in its.by_phenomenon():
                yield _named(text) | {"method": method, "phenomenon": phenomenon} | part.scores()


def _of_prompted(prompted: pd.DataFrame, direct: pd.DataFrame) -> Iterator[dict]:
    """A row per cell and phenomenon, and one per cell and order; a further cell holds all wordings and languages."""
    margins = direct.set_index([*TEXT, "item"])["margin"] if len(direct) else None
    prompted = pd.concat([prompted, _asked_plainly(prompted).assign(wording=ALL, asked_in=ALL)])
    orders = {BOTH: prompted} | dict(iter(prompted.groupby("order", sort=False)))
    for order, rows in orders.items():
        means = rows.groupby([*CELL, "phenomenon", "document", "item"], sort=False)
        items = means[["right", "corrected", "margin", "first"]].mean().reset_index()
        scored = pd.MultiIndex.from_frame(items[[*TEXT, "item"]])
        items["direct"] = math.nan if margins is None else margins.reindex(scored).to_numpy()
        for cell, its in _groups(items, CELL):
            asked = dict(zip(("prompt", "asked_in", "template", "filler"), cell[len(TEXT) :], strict=True))
            row = _named(cell[: len(TEXT)]) | asked | {"method": PROMPTED, "order": order}
            for phenomenon, part in its.by_phenomenon() if order == BOTH else [(ALL, its)]:
                yield row | {"phenomenon": phenomenon} | part.scores() | part.told()


@dataclass(frozen=True)
class _Items:
    """Columns of some items, as arrays, because there are many small groups of them."""

    columns: Mapping[str, np.ndarray]

    def at(self, places: np.ndarray) -> "_Items":
        return _Items({name: values[places] for name, values in self.columns.items()})

    def by_phenomenon(self) -> Iterator[tuple[str, "_Items"]]:
        """All items, then those of each phenomenon."""
        yield ALL, self
        phenomena = self.columns["phenomenon"]
        for phenomenon in dict.fromkeys(phenomena):
            yield phenomenon, self.at(phenomena == phenomenon)

    def scores(self) -> dict:
        """Accuracy and margin."""
        templates = self.columns["document"]
        accuracy = proportion(self.columns["right"], templates)
        margin = average(self.columns["margin"], templates)
        return {
            "accuracy": accuracy.estimate,
            "low": accuracy.low,
            "high": accuracy.high,
            "margin": margin.estimate,
            "margin_low": margin.low,
            "margin_high": margin.high,
            "n": len(templates),
            "templates": len(set(templates)),
            "chance": int(accuracy.low <= CHANCE <= accuracy.high),
        }

    def told(self) -> dict:
        """What only answers to prompts have."""
        scored = ~np.isnan(self.columns["direct"])
        correlation = spearman(self.columns["margin"][scored], self.columns["direct"][scored], "items").estimate
        bias, corrected = self.columns["first"].mean(), self.columns["corrected"].mean()
        return {"bias": bias, "accuracy_corrected": corrected, "correlation": correlation}


def _groups(items: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple, _Items]]:
    arrays = _Items({name: items[name].to_numpy() for name in items if name not in keys})
    for key, places in items.groupby(keys, sort=False).indices.items():
        yield key, arrays.at(places)


# --- the table `probe_differences` ---


def differences(direct: pd.DataFrame, prompted: pd.DataFrame, labels: Mapping[str, Mapping]) -> pd.DataFrame:
    """The table `probe_differences`; arguments are those of `tables`, `prompted` from `answered`."""
    rows = []
    for source in dict.fromkeys(name for items in (direct, prompted) if len(items) for name in items["domain"]):
        evidence = [items[items["domain"] == source] if len(items) else items for items in (direct, prompted)]
        by_accuracy, by_margin = (paired(*evidence, column) for column in ("right", "margin"))
        languages = by_accuracy.index.get_level_values("language")
        for condition, name, weights in _compared(by_accuracy.columns):
            both = by_accuracy[list(weights)].notna().all(axis=1)
            for language, n in both.groupby(languages, sort=False).sum().items():
                if not n:
                    continue
                found = contrast(by_accuracy, table_of_weights({language: weights}), are_accuracies=True)
                row = _named((condition, language, source)) | {"difference": name, "n": n, "templates": found.n}
                row |= {"accuracy": found.estimate, "low": found.low, "high": found.high}
                if not name.startswith(GAP):  # margins of sentences and of options have no common scale
                    found = contrast(by_margin, table_of_weights({language: weights}), are_accuracies=False)
                    row |= {"margin": found.estimate, "margin_low": found.low, "margin_high": found.high}
                rows.append(row)
    return _table("probe_differences", rows, labels)


def _compared(columns: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, dict[tuple[str, str], float]]]:
    """Each difference: its condition, its name, and the weights of methods and conditions."""
    there = list(columns)
    for method, condition in there:
        if condition != INTACT and (method, INTACT) in there:
            yield condition, method, {(method, condition): 1.0, (method, INTACT): -1.0}
    for condition in [condition for method, condition in there if method == PROMPTED]:
        if (DIRECT, condition) in there:
            yield condition, GAP, gap(condition)
            if condition != INTACT and (DIRECT, INTACT) in there and (PROMPTED, INTACT) in there:
                yield condition, f"{GAP}_change", gap(condition) | gap(INTACT, -1.0)


def table_of_weights(weights: Mapping[str, Mapping[tuple[str, str], float]]) -> pd.DataFrame:
    """The weights of `proportions.contrast`, given those of methods and conditions in each language."""
    return pd.DataFrame({code: pd.Series(its) for code, its in weights.items()}).T.fillna(0.0)


def gap(condition: str, weight: float = 1.0) -> dict[tuple[str, str], float]:
    """The weights of the difference of direct and prompted scores."""
    return {(DIRECT, condition): weight, (PROMPTED, condition): -weight}


# --- the table `probe_prompts` ---


def examples(prompted: pd.DataFrame) -> pd.DataFrame:
    """The table `probe_prompts`: the exact text of the first prompt of each kind, with all characters visible."""
    if prompted.empty:
        return pd.DataFrame(columns=list(COLUMNS["probe_prompts"]))
    told = prompted[prompted["prompt"] != ""].drop_duplicates(EXAMPLE)
    columns = {"domain": "source", "wording": "prompt", "prompt": "text"}
    table = told.assign(prompt=told["prompt"].map(visible)).rename(columns=columns)
    return table[list(COLUMNS["probe_prompts"])]


def _named(text: Iterable[str]) -> dict[str, str]:
    return dict(zip(("condition", "language", "source"), text, strict=True))


def _table(name: str, rows: list[dict], labels: Mapping[str, Mapping]) -> pd.DataFrame:
    """A table of rows with the labels of their conditions; what a row lacks is empty, or not a number."""
    columns = COLUMNS[name]
    table = pd.DataFrame([{**labels[row["condition"]], **row} for row in rows])
    table = table.reindex(columns=list(columns))
    return table.fillna({column: "" for column, kind in columns.items() if kind is str}).astype(columns)


# --- what the report shows ---


def summary(probes: pd.DataFrame) -> pd.DataFrame:
    """The rows of the table `probes` that compare competence with performance, over all phenomena and wordings.

    Of a language's regions and their controls, those from the most samples.
    """
    asked = (probes["method"] == PROMPTED) & (probes["prompt"] == ALL) & (probes["order"] == BOTH)
    rows = probes[(probes["phenomenon"] == ALL) & (asked | (probes["method"] == DIRECT))]
    most = rows.groupby(["kind", "target"])["samples"].transform("max")
    of_language = ~rows["target"].isin(["", CORE])
    return rows[(rows["samples"] == most) | ~of_language]
