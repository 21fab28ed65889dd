"""Removal curves: perplexity against the size of the region that is set to zero."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.figures.style import BLUE, GREEN, ORANGE, PURPLE, VERMILLION
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.tables import ESTIMATORS, in_order

POINTS = 3  # a curve of fewer is not worth a figure
STYLES = {  # by estimator; "": random
    "taylor": (VERMILLION, "o"),
    "taylor_abs": (PURPLE, "s"),
    "fisher": (ORANGE, "D"),
    "magnitude": (GREEN, "^"),
    "": (BLUE, "v"),
}


def curves(removal: pd.DataFrame) -> Figure | None:
    """Draw perplexity over the intact model's by ratio, a curve per estimator and for random, on logarithmic axes.

    Geometric mean over languages, with its interval as a band; dashed without the outlier dimensions.
    """
    points = measures.curves(measures.log_ratios(removal))
    if points["ratio"].nunique() < POINTS:
        return None
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    panel = figure.subplots()
    for estimator in in_order(points["estimator"], (*ESTIMATORS, "")):
        colour, marker = STYLES[estimator]
        for without in (False, True):
            curve = points[(points["estimator"] == estimator) & (points["without_outliers"] == without)]
            if curve.empty:
                continue
            name = f"top by {estimator}" if estimator else "random"
            panel.plot(
                curve["ratio"],
                np.exp(curve["log_ratio"]),
                color=colour,
                marker=marker,
                markerfacecolor="white" if without else colour,
                linestyle="--" if without else "-",
                label=f"{name}, without outlier dimensions" if without else name,
            )
            low, high = np.exp(curve["low"]), np.exp(curve["high"])
            panel.fill_between(curve["ratio"], low, high, color=colour, alpha=0.06 if without else 0.12, linewidth=0)
    panel.axhline(1, color="#999999", linewidth=0.8, zorder=0)
    panel.set_xscale("log")
    panel.set_yscale("log")
    ratios = sorted(points["ratio"].unique())
    panel.set_xticks(ratios, [formats.percent(ratio) for ratio in ratios])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(LogLocator(numticks=8))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(formats.tick))
    panel.grid(visible=True, axis="y")
    panel.set_xlabel("weights removed from each tensor")
    panel.set_ylabel("perplexity / intact model's")
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure
