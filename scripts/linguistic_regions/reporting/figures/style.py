"""The style of all figures, and reproducible files: the same data give the same bytes."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from linguistic_regions.reporting import formats as numbers
from linguistic_regions.runtime.storage import atomic_write

# The Okabe-Ito palette, which is safe for colour blindness. Colours have one meaning in all figures: vermillion is the
# core, blue is random, sky blue is the bottom, black is training without freezing.
BLACK, BLUE, SKY, GREEN, VERMILLION, PURPLE = "#222222", "#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7"
ORANGE = "#e69f00"
COLOURS = {
    "base": "#8c8c8c",
    "top": VERMILLION,
    "random": BLUE,
    "bottom": SKY,
    "top_freeze": VERMILLION,
    "top_unfreeze": PURPLE,
    "bottom_freeze": SKY,
    "random_freeze": BLUE,
    "full": BLACK,
    "core_frozen": VERMILLION,
    "random_frozen": BLUE,
    "region_only": GREEN,
}
LABELS = {
    "base": "nothing removed",
    "top": "top (core) removed",
    "random": "random removed",
    "bottom": "bottom removed",
    "top_freeze": "core removed, held at zero",
    "top_unfreeze": "core removed, trainable",
    "bottom_freeze": "bottom removed, held at zero",
    "random_freeze": "random removed, held at zero",
    "full": "everything trained",
    "core_frozen": "core frozen",
    "random_frozen": "random frozen",
    "region_only": "only the core trained",
}
MARKERS = {"top_freeze": "o", "top_unfreeze": "s", "bottom_freeze": "v", "random_freeze": "D"}
MARKERS |= {"full": "s", "core_frozen": "o", "random_frozen": "D", "region_only": "^"}

SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "savefig.facecolor": "white",
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text remains text: files are small, and text can be searched and copied
    "svg.hashsalt": "linguistic-regions",  # fixed, so that identifiers are reproducible
}


def save(figure: Figure, stem: Path, formats: Iterable[str]) -> None:
    """Write `stem` in each format, without timestamps, so that equal figures are equal files."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out now, and not for each format
    for ending in formats:
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending, {})
        with atomic_write(stem.with_name(f"{stem.name}.{ending}")) as part:
            figure.savefig(part, format=ending, metadata=metadata)


def styled():
    """Return a context manager that applies the style."""
    return matplotlib.rc_context(SETTINGS)


def ratio_scale(panel: Axes, values: Iterable[float]) -> None:
    """Label the y axis with plain numbers, and make it logarithmic if the values span a factor above 3."""
    values = np.asarray(values)
    values = values[np.isfinite(values)]
    if values.max() > 3 * values.min():
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(_round_numbers(values.min(), values.max()))
        panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(numbers.tick))


def round_factors(low: float, high: float) -> list[float]:
    """Return the logarithms of round factors, those between the logarithms `low` and `high`."""
    factors = _round_numbers(*np.exp([low, high])).tick_values(*np.exp([low, high]))
    return [place for place in np.log(factors) if low <= place <= high]


def _round_numbers(low: float, high: float) -> LogLocator:
    return LogLocator(subs=(1, 2, 5), numticks=9) if high < 100 * low else LogLocator(numticks=8)


def legend(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """Draw one legend above all panels, with the labels of `axes`."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=1.6, columnspacing=1.6)
