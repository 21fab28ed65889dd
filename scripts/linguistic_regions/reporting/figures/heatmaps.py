"""Heatmaps: removal by language, and density by layer and matrix."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Polygon, Rectangle

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.figures.style import round_factors
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.tables import in_order

ANNOTATED = 16  # the largest number of columns whose cells have room for values
DENSITY_PANELS = 6
MATRICES = {
    "monolingual": "Monolingual region removed",
    "contrast": "Contrast region removed",
    "random": "Control: as many random parameters removed from each tensor",
}


def monolingual(removal: pd.DataFrame, languages: Sequence[str]) -> Figure | None:
    """Draw the factor on perplexity by monolingual region (rows) and language (columns), and the random control.

    A corner marks the languages that were subtracted from a region, which are protected by construction.
    """
    effects = measures.log_ratios(removal)
    matrices = {kind: measures.monolingual_matrix(effects, kind) for kind in MATRICES}
    matrices = {kind: matrix for kind, matrix in matrices.items() if not matrix.empty}
    if not {"monolingual", "contrast"} & set(matrices):
        return None
    columns = in_order(next(iter(matrices.values())).columns, languages)
    matrices = {
        kind: matrix.reindex(index=in_order(matrix.index, languages), columns=columns)
        for kind, matrix in matrices.items()
    }
    limit = largest(*matrices.values())
    heights = [len(matrix) for matrix in matrices.values()]
    width = 0.6 if len(columns) <= ANNOTATED else 0.32
    figure = Figure(figsize=(1.6 + width * len(columns), 1.5 + 0.32 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(matrices), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (kind, matrix) in zip(panels, matrices.items(), strict=True):
        image = factors(panel, matrix, limit)
        panel.set_title(MATRICES[kind])
        panel.set_ylabel("region of")
        frame(panel, matrix)
        if kind != "random":
            mark(panel, matrix, removal[removal["kind"] == kind])
    panels[-1].set_xlabel("perplexity measured in")
    bar = figure.colorbar(image, ax=list(panels), label="perplexity / intact model's", shrink=0.6, aspect=30)
    label_factors(bar, min(0, *(np.nanmin(matrix.to_numpy()) for matrix in matrices.values())), limit)
    return figure


def density(table: pd.DataFrame, prefixes: Sequence[str]) -> Figure | None:
    """Draw the share of each matrix in a region, by layer: a panel per region whose name starts with a prefix.

    Regions that are ranked within each matrix are left out: their share is the same everywhere by construction.
    """
    named = [region for region in table["region"].unique() if region.startswith(tuple(prefixes))]
    regions = [region for region in named if not is_even(table[table["region"] == region])][:DENSITY_PANELS]
    if not regions:
        return None
    table = table.assign(share=100 * table["selected"] / table["size"])
    matrices = {
        region: table[table["region"] == region].pivot_table(
            index="layer", columns="matrix", values="share", sort=False
        )
        for region in regions
    }
    limit = max(np.nanmax(matrix.to_numpy()) for matrix in matrices.values())
    layers, kinds = (max(matrix.shape[axis] for matrix in matrices.values()) for axis in (0, 1))
    wide = min(len(regions), 2)
    tall = -(-len(regions) // wide)
    figure = Figure(figsize=(1.2 + 4.2 * wide, tall * (1.5 + 0.3 * min(layers, 16))), layout="constrained")
    panels = figure.subplots(tall, wide, squeeze=False).ravel()
    for panel, (region, matrix) in zip(panels, matrices.items(), strict=False):
        matrix = matrix.sort_index(ascending=False)  # with the first layer at the bottom
        image = squares(panel, matrix, "cividis", 0, limit, "{:.1f}".format if layers <= ANNOTATED else None)
        panel.set_title(region)
        panel.set_ylabel("layer")
        panel.set_xticks(range(matrix.shape[1]), [name.split(".")[-1] for name in matrix], rotation=35, ha="right")
    for panel in panels[len(matrices) :]:
        panel.remove()
    shown = list(panels[: len(matrices)])
    figure.colorbar(image, ax=shown, label="% of the matrix's entries", shrink=0.8, aspect=25)
    return figure


def is_even(rows: pd.DataFrame) -> bool:
    """Whether a region has the same share of every matrix, but for rounding to whole weights."""
    expected = rows["size"] * rows["selected"].sum() / rows["size"].sum()
    return bool(((rows["selected"] - expected).abs() <= 1).all())


def largest(*matrices: pd.DataFrame) -> float:
    """The largest absolute value in any of the matrices."""
    return max(np.nanmax(np.abs(matrix.to_numpy())) for matrix in matrices)


def factors(panel: Axes, logs: pd.DataFrame, limit: float) -> AxesImage:
    """Draw log ratios as a heatmap of factors: white is no change; darkest are the logarithms `limit` and `-limit`."""
    return squares(panel, logs, "RdBu_r", -limit, limit, formats.factor)


def label_factors(bar: Colorbar, low: float, high: float) -> None:
    """Show a colour bar of log ratios from `low` to `high`, labelled with factors."""
    bar.ax.set_ylim(low, high)
    places = round_factors(low, high)
    bar.set_ticks(places, labels=[formats.tick(np.exp(place)) for place in places])
    bar.minorticks_off()


def frame(panel: Axes, matrix: pd.DataFrame) -> None:
    """Frame the cell of each row's own language."""
    for row, code in enumerate(matrix.index):
        if code in matrix.columns:
            place = (matrix.columns.get_loc(code) - 0.5, row - 0.5)
            panel.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor="#222222", linewidth=1.2))


def mark(panel: Axes, matrix: pd.DataFrame, removed: pd.DataFrame) -> None:
    """Mark a corner of each cell whose language was subtracted from the row's region."""
    subtracted = dict(zip(removed["target"], removed["subtracted"].str.split(), strict=True))
    for row, code in enumerate(matrix.index):
        for column in map(matrix.columns.get_loc, set(subtracted[code]) & set(matrix.columns)):
            right, top = column + 0.5, row - 0.5
            corner = [(right, top), (right - 0.16, top), (right, top + 0.3)]
            panel.add_patch(Polygon(corner, facecolor="#777777", edgecolor="none"))


def squares(
    panel: Axes, matrix: pd.DataFrame, colours: str, low: float, high: float, form: Callable[[float], str] | None
) -> AxesImage:
    """Draw `matrix` as a heatmap, with values as `form` writes them if there is room; missing values are grey."""
    panel.set_facecolor("#eeeeee")
    image = panel.imshow(matrix.to_numpy(), cmap=colours, vmin=low, vmax=high, aspect="auto")
    panel.set_xticks(range(matrix.shape[1]), matrix.columns)
    panel.set_yticks(range(matrix.shape[0]), matrix.index)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    if form and matrix.shape[1] <= ANNOTATED:
        for (row, column), value in np.ndenumerate(matrix.to_numpy()):
            if np.isfinite(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                text = form(value)
                colour = "white" if dark else "#222222"
                # Excluded from the layout, which would otherwise measure every text; it fits into its cell.
                panel.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour, in_layout=False)
    return image
