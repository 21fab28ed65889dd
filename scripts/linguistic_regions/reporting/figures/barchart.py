"""Bar charts of perplexity after removal of the core."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.figures.style import COLOURS, LABELS, legend
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.tables import in_order

KINDS = ("base", "top", "random", "bottom")
WIDTH = 0.2  # of a bar; a group has four


def core_removal(removal: pd.DataFrame, languages: list[str]) -> Figure | None:
    """Draw bars per language on a logarithmic axis, with intervals: a row of panels per ratio, a column per scope."""
    settings = measures.core_settings(removal)
    if not settings:
        return None
    ratios = sorted({ratio for _, ratio in settings})
    scopes = list(dict.fromkeys(scope for scope, _ in settings))
    languages = in_order(removal["language"], languages)
    figure = Figure(figsize=(max(5.4 * len(scopes), 7), 0.6 + 2.2 * len(ratios)), layout="constrained")
    panels = figure.subplots(len(ratios), len(scopes), sharex=True, sharey=True, squeeze=False)
    for row, ratio in zip(panels, ratios, strict=True):
        for panel, scope in zip(row, scopes, strict=True):
            panel.set_title(f"{formats.percent(ratio)} removed, {formats.scope(scope)}")
            if (scope, ratio) in settings:
                bars(panel, removal, scope, ratio, languages)
        row[0].set_ylabel("perplexity")
    panels[0][0].set_ylim(bottom=1)  # shared by all panels, and set last, when the highest bar is known
    legend(figure, panels[0][0] if (scopes[0], ratios[0]) in settings else panels[-1][0])
    return figure


def bars(panel: Axes, removal: pd.DataFrame, scope: str, ratio: float, languages: list[str]) -> None:
    """Draw bars per language on a logarithmic axis at one setting, with intervals."""
    columns = {}
    for column in ("ppl", "ppl_low", "ppl_high"):
        # Random replicates and their intervals are averaged as logarithms.
        logs = removal.assign(value=np.log(removal[column]))
        base = logs[logs["kind"] == "base"].groupby("language")["value"].mean().rename("base")
        effects = measures.core_effects(logs, scope, ratio, "value")
        logs = pd.concat([base, effects], axis=1).reindex(languages)
        columns[column] = np.exp(logs.where(np.isfinite(logs)))  # no bar for values that overflow
    places = np.arange(len(languages))
    for offset, kind in enumerate(KINDS):
        middle, low, high = (columns[column][kind].to_numpy() for column in ("ppl", "ppl_low", "ppl_high"))
        panel.bar(
            places + (offset - 1.5) * WIDTH,
            middle - 1,
            WIDTH,
            bottom=1,  # the axis starts at 1, the perplexity of certain predictions
            color=COLOURS[kind],
            label=LABELS[kind],
            yerr=np.nan_to_num(np.clip([middle - low, high - middle], 0, None)),
            error_kw={"elinewidth": 0.7, "ecolor": "#333333"},
        )
    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(numticks=8))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(formats.tick))
    panel.set_xticks(places, languages, rotation=90 if len(languages) > 16 else 0)
    panel.tick_params(axis="x", length=0)
    panel.grid(visible=True, axis="y")
