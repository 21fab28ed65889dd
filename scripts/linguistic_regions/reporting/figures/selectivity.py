"""Bars of the rise of perplexity in a monolingual region's own language and in others, by domain."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linguistic_regions.reporting.figures.style import GREEN, PURPLE, VERMILLION, legend, ratio_scale
from linguistic_regions.statistics.domains import domains, only
from linguistic_regions.statistics.effects import CONTROLS
from linguistic_regions.statistics.selectivity import ALL, NOT_SUBTRACTED, SUBTRACTED
from linguistic_regions.statistics.tables import in_order

# Bars: the column of the table, the group of others of its row, label and colour.
BARS = (
    ("own", ALL, "own language", VERMILLION),
    ("others", NOT_SUBTRACTED, "others, not subtracted", PURPLE),
    ("others", SUBTRACTED, "others, subtracted", GREEN),
)
WIDTH = 0.26  # of a bar; a group has three


def selectivity(table: pd.DataFrame, languages: Sequence[str]) -> Figure | None:
    """Draw own against others at the most samples: a row of panels per domain, a column per kind of region.

    Black lines across the bars are the same rises without as many random weights.
    """
    table = table[table["samples"] == table["samples"].max()]
    kinds = [kind for kind in CONTROLS if kind in set(table["kind"])]
    if not kinds:
        return None
    there = domains(table)
    codes = in_order(table["language"], languages)
    width = 1.4 + len(kinds) * max(2.8, 0.7 * len(codes))
    figure = Figure(figsize=(max(width, 6), 0.6 + 2.3 * len(there)), layout="constrained")
    panels = figure.subplots(len(there), len(kinds), sharex=True, sharey="row", squeeze=False)
    for row, domain in zip(panels, there, strict=True):
        rows = only(table, domain)
        for panel, kind in zip(row, kinds, strict=True):
            panel.set_title(", ".join(filter(None, [f"{kind.capitalize()} region removed", domain])))
            bars(panel, rows[rows["kind"] == kind], rows[rows["kind"] == CONTROLS[kind]], codes)
        row[0].set_ylabel("perplexity / intact model's")
    legend(figure, panels[0][0])
    return figure


def bars(panel: Axes, region: pd.DataFrame, control: pd.DataFrame, codes: Sequence[str]) -> None:
    """Draw a group of bars per language, with intervals where there are any; and a line for the random control.

    Bars begin at ×1, no change.
    """
    drawn = [1.0]
    places = np.arange(len(codes))
    for offset, (column, compared, label, colour) in enumerate(BARS):
        ends = [column, f"{column}_low", f"{column}_high"]
        values = region[region["compared"] == compared].set_index("language")[ends].reindex(codes)
        middle, low, high = np.exp(values.to_numpy(float).T)
        across = places + (offset - 1) * WIDTH
        errors = np.nan_to_num(np.clip([middle - low, high - middle], 0, None))
        bar = {"color": colour, "label": label, "error_kw": {"elinewidth": 0.7, "ecolor": "#333333"}}
        panel.bar(across, middle - 1, WIDTH, bottom=1, yerr=errors, **bar)
        random = np.exp(control[control["compared"] == compared].groupby("language")[column].mean().reindex(codes))
        drawn += [*middle, *low, *high, *random]
        panel.hlines(random, across - WIDTH / 2, across + WIDTH / 2, colors="#222222", linewidth=1.4)
    ratio_scale(panel, drawn)
    panel.axhline(1, color="#666666", linewidth=0.8)
    panel.set_xticks(places, codes)
    panel.tick_params(axis="x", length=0)
    panel.grid(visible=True, axis="y")
