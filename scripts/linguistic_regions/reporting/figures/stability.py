"""Curves of the agreement between the regions of two halves of the samples."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from linguistic_regions.claims.importance import AGREEMENT, chance
from linguistic_regions.reporting import formats

LINE = 0.15  # height of a label, in inches
TICKS = 9  # at most
# From the left side of a label to the end of its curve; dotted, to distinguish it from the curve.
LEADER = {"arrowstyle": "-", "linestyle": ":", "linewidth": 0.9, "relpos": (0, 0.5), "shrinkA": 0, "shrinkB": 3}


def stability(table: pd.DataFrame) -> Figure:
    """Draw the Jaccard index by samples, a labelled curve per language, with lines at the threshold and at chance."""
    ratio = table["ratio"].iloc[0]
    table = table.sort_values("samples", kind="stable")
    ends = table.groupby("language", sort=False).last().sort_values("jaccard", kind="stable")
    height = max(2.6, LINE * len(ends))  # of the panel
    figure = Figure(figsize=(7, height + 1), layout="constrained")
    panel = figure.subplots()
    colours = matplotlib.colormaps["viridis_r"](np.linspace(0.2, 1, len(ends)))
    heights = spread(ends["jaccard"], LINE / height)
    beside = panel.get_yaxis_transform()  # x in widths of the panel, y in data
    for (code, end), colour, place in zip(ends.iterrows(), colours, heights, strict=True):
        curve = table[table["language"] == code]
        panel.plot(curve["samples"], curve["jaccard"], marker="o", color=colour, label=code)
        panel.annotate(
            f"{code} {end['jaccard']:.2f}",
            (end["samples"], end["jaccard"]),
            (1.05, place),
            textcoords=beside,
            va="center",
            fontsize=8,
            arrowprops=LEADER | {"color": colour},
        )
    for value, words in ((AGREEMENT, "threshold"), (chance(ratio), "by chance")):
        panel.axhline(value, color="#666666", linewidth=0.8, linestyle="--", zorder=0)
        panel.text(0.01, value + 0.005, f"{words}: {value:.2g}", transform=beside, va="bottom", fontsize=8)
    panel.set_ylim(0, 1)
    panel.set_xscale("log", base=2)
    checks = sorted(table["samples"].unique())
    step = -(-len(checks) // TICKS)
    checks = checks[(len(checks) - 1) % step :: step]  # the last, and every `step`-th before it
    panel.set_xticks(checks, [formats.count(samples) for samples in checks])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(visible=True, axis="y")
    panel.set_title(f"Agreement of the top {formats.percent(ratio)} from two halves of the samples")
    panel.set_xlabel("samples in both halves")
    panel.set_ylabel("Jaccard index")
    return figure


def spread(values: Sequence[float], gap: float) -> np.ndarray:
    """Return the positions in [0, 1] closest to ascending `values`, shape (n,), with gaps of at least `gap`."""
    steps = gap * np.arange(len(values))
    free = np.asarray(values) - steps  # without the gaps, positions must only ascend: an isotonic regression
    ends = range(1, len(free) + 1)
    means = np.array(
        [[free[start:end].mean() if start < end else np.inf for end in ends] for start in range(len(free))]
    )
    ascending = [means[: i + 1, i:].min(axis=1).max() for i in range(len(free))]
    return np.clip(ascending, 0, 1 - steps[-1]) + steps
