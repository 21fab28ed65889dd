"""How every figure looks: colours, fonts, and files that are the same bytes for the same data."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linguistic_regions.runtime.storage import atomic_write

# Okabe and Ito's palette, told apart with any colour vision. One colour for one idea, in every figure: vermillion is
# the core, blue is random, sky blue is the bottom, black is a model that nothing was done to.
BLACK, BLUE, SKY, GREEN, VERMILLION, PURPLE = "#222222", "#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7"
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
    "top_unfreeze": "core removed, free",
    "bottom_freeze": "bottom removed, held at zero",
    "random_freeze": "random removed, held at zero",
    "full": "everything trained",
    "core_frozen": "core frozen",
    "random_frozen": "random frozen",
    "region_only": "only the region trained",
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
    "svg.fonttype": "none",  # text stays text: small files, and a reader can search and copy it
    "svg.hashsalt": "linguistic-regions",  # else every file has other identifiers
}


def save(figure: Figure, stem: Path, formats: Iterable[str]) -> None:
    """Write `stem`.svg, `stem`.png and the like, without the date and time that make equal figures differ."""
    for ending in formats:
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending, {})
        with atomic_write(stem.with_name(f"{stem.name}.{ending}")) as part:
            figure.savefig(part, format=ending, metadata=metadata)


def styled():
    """The settings as a context: `with styled(): ...`."""
    return matplotlib.rc_context(SETTINGS)


def legend(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """One legend above all panels, from the labels of one of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=1.6, columnspacing=1.6)
