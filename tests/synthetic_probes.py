"""Evidence of minimal pairs with known effects, and the tables that follow from it."""

from functools import cache

import numpy as np
import pandas as pd

from linguistic_regions.statistics.probes import tables as tables_of_pairs
from linguistic_regions.statistics.tables import INTACT, ordered

LANGUAGES = ["en", "ru", "uk", "zh"]
REGIONS = ("ru", "uk", "zh")  # languages that have a monolingual region, each without the tops of the other two


def probes(
    competence: float = 0.8,
    performance: float = 0.7,
    own: float = 0.25,
    others: float = 0.05,
    random: float = 0.02,
    core: float = 0.5,
    dots: float = 0.0,
    instruction: float = 0.0,
    told: float | None = None,
    chat: bool = True,
    pairs: int = 80,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, dict]]:
    """Evidence of direct and prompted scoring, and the labels of its conditions: two phenomena, ten templates or more.

    Args:
        competence, performance: accuracy of the intact model, directly and asked.
        own, others: what a language and the others lose without its region.
        random: what a language loses without a random region.
        core: accuracy without the core, either way.
        dots, instruction: what 32 fillers of the kind add to the accuracy.
        told: what a language loses without its region, asked; None: as much as directly.
        chat: whether the model has a chat template.
        pairs: number of pairs per language.
    """
    labels = probe_labels()
    direct, prompted = [], []
    for name, label in labels.items():
        for code in LANGUAGES:
            loss = {"base": 0.0, "monolingual": own if code == label["target"] else others, "random": random}
            accuracy = core if label["kind"] == "top" else competence - loss[label["kind"]]
            direct.append(_pairs(name, code, pairs, accuracy, seed=0))
            if label["kind"] == "random":
                continue
            lost = competence - accuracy if told is None or label["kind"] != "monolingual" else told
            asked = core if label["kind"] == "top" else performance - lost
            for template in ("plain", "chat") if chat else ("plain",):
                for filler, count, gain in (("none", 0, 0.0), ("dots", 8, dots), ("dots", 32, dots)):
                    prompted += _asked(name, code, pairs, asked + gain, template, filler, count)
                prompted += _asked(name, code, pairs, asked + instruction, template, "instruction", 32)
    scored = _joined(direct)
    return scored.assign(margin_per_token=scored["margin"] / 5, bos=True), _joined(prompted), labels


def probe_labels() -> dict[str, dict]:
    """The labels of the conditions of `probes`."""
    plain = {"ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": "", "factor": 1.0, "region": "base"}
    removed = {"ratio": 0.03, "samples": 256, "scope": "tensor", "factor": 0.0}
    labels = {INTACT: {"kind": "base", **plain}}
    labels["top-0.03"] = {"kind": "top", **plain, **removed, "region": "top-0.03", "target": "core"}
    for code in REGIONS:
        for kind, name in (("monolingual", f"mono-{code}-256"), ("random", f"any-{code}-256")):
            told = {"region": name, "target": code, "replicate": int(kind == "random")}
            labels[name] = {"kind": kind, **plain, **removed, **told}
    return labels


@cache
def probe_tables() -> dict[str, pd.DataFrame]:
    """The tables of `probes`."""
    return {name: ordered(table, name, LANGUAGES) for name, table in tables_of_pairs(*probes(pairs=40)).items()}


@cache
def _difficulty(language: str, pairs: int, seed: int) -> np.ndarray:
    """How difficult each pair is, from 0 to 1, evenly; the same in each condition."""
    return (np.random.default_rng(seed + LANGUAGES.index(language)).permutation(pairs) + 0.5) / pairs


def _pairs(condition: str, language: str, pairs: int, accuracy: float, seed: int) -> dict:
    """Columns with a value per pair, of which this share is right: the easiest."""
    count = max(10, pairs // 10)  # templates
    template = np.arange(pairs) % count
    columns = {"condition": condition, "language": language, "domain": "templates", "tokens": 16, "nll": 40.0}
    columns |= {"item": [f"templates/{number:04}" for number in range(pairs)], "bytes": 60}
    columns |= {"document": [f"template-{number}" for number in template]}
    columns |= {"margin": 8 * (accuracy - _difficulty(language, pairs, seed))}
    return columns | {"phenomenon": ["reflexives" if 2 * number >= count else "agreement" for number in template]}


def _asked(
    condition: str, language: str, pairs: int, accuracy: float, template: str, filler: str, count: int
) -> list[dict]:
    """Both orders of a forced choice between "1" and "2", in English; "1" leads by 0.5 nats."""
    parts = []
    for order, lead in (("good first", 0.5), ("bad first", -0.5)):
        rows = _pairs(condition, language, pairs, accuracy, seed=100)
        margin = rows["margin"] + lead
        text = [f"Which is better? {'.' * count} <1>"] + [""] * (pairs - 1)
        asked = {"wording": "choice_simple", "asked_in": "en", "template": template, "filler": filler}
        asked |= {"fillers": count, "shown": "both", "order": order, "prompt": text, "margin": margin}
        parts.append(rows | asked | {"first": (margin > 0) == (lead > 0), "tokens": 1})
    return parts


def _joined(parts: list[dict]) -> pd.DataFrame:
    """The rows of all parts; a value that is no list is that of all rows of its part."""
    length = len(parts[0]["item"])
    columns = {name: [np.broadcast_to(part[name], length) for part in parts] for name in parts[0]}
    return pd.DataFrame({name: np.concatenate(values) for name, values in columns.items()})
