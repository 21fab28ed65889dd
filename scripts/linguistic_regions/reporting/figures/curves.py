"""Curves of perplexity during training: recovery after a removal, and forgetting."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.figures.style import COLOURS, LABELS, MARKERS, legend, ratio_scale
from linguistic_regions.statistics.tables import ARMS, in_order


def retraining(table: pd.DataFrame) -> Figure:
    """Draw perplexity by training samples, a curve per arm: a column of panels per test language.

    There are two rows of panels for each trained language: all milestones, and all but the first, whose perplexity
    after a removal is so high that it flattens the rest.
    """
    trained = list(table["train_language"].unique())
    table = table.groupby(["train_language", "language"]).filter(lambda rows: rows["samples"].max() > 0)
    tested = {code: in_order(table[table["train_language"] == code]["language"], [code]) for code in trained}
    wide = max(len(languages) for languages in tested.values())
    figure = Figure(figsize=(1 + 4.2 * wide, 0.7 + 5 * len(trained)), layout="constrained")
    panels = figure.subplots(2 * len(trained), wide, squeeze=False)
    for number, code in enumerate(trained):
        for later, row in enumerate(panels[2 * number : 2 * number + 2]):
            row[0].set_ylabel("perplexity")
            for panel in row[len(tested[code]) :]:
                panel.remove()
            for panel, language in zip(row, tested[code], strict=False):
                rows = table[(table["train_language"] == code) & (table["language"] == language)]
                rows = rows[rows["samples"] > 0] if later else rows
                _curves(panel, rows.assign(value=rows["nll"]))
                panel.set_title(f"{language}{', trained on' * (language == code)}{', after the start' * later}")
                panel.set_xlabel(f"training samples ({code})")
                ratio_scale(panel, np.exp(rows["nll"]))
    legend(figure, panels[0][0])
    return figure


def freezing(table: pd.DataFrame, languages: Sequence[str]) -> Figure:
    """Draw perplexity relative to its start, by learning rate: top, languages not trained on; bottom, the trained."""
    rates = sorted(table["learning_rate"].unique())
    keys = ["arm", "learning_rate", "train_language", "language", "seed"]
    start = table.sort_values("samples", kind="stable").groupby(keys)["nll"].transform("first")
    change = table.assign(value=table["nll"] - start)
    own = change["language"] == change["train_language"]
    names = ", ".join(in_order(table["train_language"], languages))
    parts = {
        f"{change[~own]['language'].nunique()} languages not trained on": change[~own],
        f"{names}, trained on": change[own],
    }
    parts = {
        title: rows for title, rows in parts.items() if len(rows)
    }  # with a single language there is no other to forget
    figure = Figure(figsize=(1 + 4.2 * len(rates), 3.1 * len(parts)), layout="constrained")
    panels = figure.subplots(len(parts), len(rates), sharey="row", sharex="col", squeeze=False)
    for row, (title, rows) in zip(panels, parts.items(), strict=True):
        for panel, rate in zip(row, rates, strict=True):
            _curves(panel, rows[rows["learning_rate"] == rate])
            panel.axhline(1, color="#999999", linewidth=0.8, zorder=0)
        row[0].set_ylabel(f"{title}\nperplexity / initial perplexity")
    for panel, rate in zip(panels[0], rates, strict=True):
        panel.set_title(f"learning rate {formats.rate(rate)}")
    for panel in panels[-1]:
        panel.set_xlabel("training samples")
    legend(figure, panels[0][0])
    return figure


def _curves(panel: Axes, rows: pd.DataFrame) -> None:
    """Draw exp(mean of `value`) over languages and seeds, a curve per arm, with a band from lowest to highest seed."""
    milestones = sorted(rows["samples"].unique())
    first = next((samples for samples in milestones if samples > 0), 1)
    for arm in in_order(rows["arm"], ARMS):
        by_seed = rows[rows["arm"] == arm].groupby(["samples", "seed"])["value"].mean().unstack("seed")
        curve = np.exp(by_seed.mean(axis=1))
        style = {"color": COLOURS.get(arm, "#666666")}
        panel.plot(curve.index, curve, marker=MARKERS.get(arm, "o"), label=LABELS.get(arm, arm), **style)
        if by_seed.shape[1] > 1:
            panel.fill_between(
                curve.index, np.exp(by_seed.min(axis=1)), np.exp(by_seed.max(axis=1)), alpha=0.15, **style
            )
    if milestones[-1] > 20 * first:
        # Milestones start at 0 and span orders of magnitude.
        panel.set_xscale("symlog", linthresh=first, linscale=0.5)
        panel.set_xticks(milestones, [formats.count(samples) for samples in milestones])
        panel.xaxis.set_minor_locator(NullLocator())
    else:
        panel.xaxis.set_major_formatter(FuncFormatter(formats.tick))
    panel.grid(visible=True, axis="y")
