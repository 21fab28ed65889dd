"""Bar charts of the factor on perplexity after removal of the core."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.figures.style import COLOURS, LABELS, legend, ratio_scale
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.tables import in_order

KINDS = ("top", "random", "bottom")
WIDTH = 0.27  # of a bar; a group has three
LABELLED = 16  # the largest number of languages whose bars have room for a label
HEADROOM = 1.35  # of the axis above the highest bar, for its label


def core_removal(removal: pd.DataFrame, languages: Sequence[str]) -> Figure | None:
    """Draw bars per language, with intervals: a row of panels per ratio, a column per scope."""
    settings = measures.core_settings(removal)
    if not settings:
        return None
    ratios = sorted({ratio for _, ratio in settings})
    scopes = list(dict.fromkeys(scope for scope, _ in settings))
    languages = in_order(removal["language"], languages)
    width = max(5.4, 0.6 * min(len(languages), LABELLED)) * len(scopes)
    figure = Figure(figsize=(max(width, 7), 0.6 + 2.4 * len(ratios)), layout="constrained")
    panels = figure.subplots(len(ratios), len(scopes), sharex=True, sharey="row", squeeze=False)
    for row, ratio in zip(panels, ratios, strict=True):
        for panel, scope in zip(row, scopes, strict=True):
            panel.set_title(f"{formats.percent(ratio)} removed, {formats.scope(scope)}")
            if (scope, ratio) in settings:
                bars(panel, removal, scope, ratio, languages)
        row[0].set_ylabel("perplexity / intact model's")
    legend(figure, panels[0][0] if (scopes[0], ratios[0]) in settings else panels[-1][0])
    return figure


def bars(panel: Axes, removal: pd.DataFrame, scope: str, ratio: float, languages: Sequence[str]) -> None:
    """Draw bars per language at one setting, from ×1 (no change), labelled and with intervals.

    The labels show factors that are too small to be seen beside those of the core.
    """
    columns = {}
    for column in ("ppl_ratio", "ppl_ratio_low", "ppl_ratio_high"):
        # Random replicates and their intervals are averaged as logarithms.
        logs = measures.core_effects(removal.assign(value=np.log(removal[column])), scope, ratio, "value")
        columns[column] = logs.reindex(languages).where(np.isfinite)  # no bar for values that overflow
    places = np.arange(len(languages))
    for offset, kind in enumerate(KINDS):
        logs, low, high = (values[kind].to_numpy(float) for values in columns.values())
        middle, across = np.exp(logs), places + (offset - 1) * WIDTH
        panel.bar(
            across,
            middle - 1,
            WIDTH,
            bottom=1,
            color=COLOURS[kind],
            label=LABELS[kind],
            yerr=np.nan_to_num(np.clip([middle - np.exp(low), np.exp(high) - middle], 0, None)),
            error_kw={"elinewidth": 0.7, "ecolor": "#333333"},
        )
        for place, log, end in zip(across, logs, np.fmax(logs, high), strict=True):
            if np.isfinite(log) and len(languages) <= LABELLED:
                above = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
                panel.annotate(formats.factor(log), (place, np.exp(max(end, 0))), rotation=90, fontsize=6, **above)
    drawn = np.exp(pd.concat(columns.values())[list(KINDS)].to_numpy(float).ravel())
    ratio_scale(panel, [1, *drawn])
    low, high = np.log([np.nanmin([1, *drawn]), np.nanmax([1.01, *drawn])])
    panel.set_ylim(np.exp(low), np.exp(low + HEADROOM * (high - low)))
    panel.set_xticks(places, languages, rotation=90 if len(languages) > LABELLED else 0)
    panel.tick_params(axis="x", length=0)
    panel.grid(visible=True, axis="y")
