"""What a model says, laid out: a table per language, with a row per condition."""

from collections.abc import Mapping

import pandas as pd

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.paper import ABSENT, Grid

TEMPLATES = {"plain": "Continued", "chat": "Answered (chat template)"}
KINDS = {
    "base": "None",
    "top": "Core",
    "bottom": "Bottom",
    "random": "Random",
    "magnitude": "Largest magnitude",
    "random_magnitude": "Random, same magnitude",
    "random_dimensions": "Random, same dimensions",
    "without_outliers": "Core without outlier dimensions",
    "only_outliers": "Core, only outlier dimensions",
    "monolingual": "Region",
    "contrast": "Contrast region",
}
SILENT = "(nothing)"


def grids(generations: pd.DataFrame, names: Mapping[str, str]) -> list[Grid]:
    """Return a grid per language.

    Args:
        generations: the table `generations`, in order.
        names: English names of languages by code.
    """
    made = []
    for (language, prompt), said in generations.groupby(["language", "prompt"], sort=False):
        templates = [template for template in TEMPLATES if template in set(said["template"])]
        rows = []
        for _, of_region in said.groupby("region", sort=False):
            by_template = of_region.set_index("template")["continuation"]
            cells = [by_template.get(template, ABSENT) or SILENT for template in templates]
            rows.append((condition(of_region.iloc[0], names), *cells))
        note = (
            f"Greedy, at most {said['tokens'].max()} tokens. ⏎ is a line break, ␣ a space among several, � part of a "
            "character."
        )
        labels = ("Lesion", *(TEMPLATES[template] for template in templates))
        made.append(Grid(f"{names.get(language, language)}: {prompt}", labels, (), tuple(rows), (note,)))
    return made


def condition(row: pd.Series, names: Mapping[str, str]) -> str:
    """Describe a row's lesion; of outliers and of the config's own regions, by the region's name."""
    if row["kind"] == "outliers":
        return row["region"].replace("_", " ").replace("-x", ", ×").capitalize()
    if row["kind"] not in KINDS:
        return row["region"]
    described = [KINDS[row["kind"]]]
    if row["target"] == "core":
        described.append(formats.percent(row["ratio"]))
    elif row["target"]:
        described.append(f"{names.get(row['target'], row['target'])} ({formats.count(row['samples'])} samples)")
    if row["scope"] == "model":
        described.append(formats.scope(row["scope"]))
    return ", ".join(described)
