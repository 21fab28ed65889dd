"""Overlap of languages' regions, with a dendrogram, beside the distances between the languages."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from linguistic_regions.reporting.figures.heatmaps import squares
from linguistic_regions.reporting.figures.style import BLACK

MEASURE = "jaccard_top"


def kinship(pairs: pd.DataFrame, names: Mapping[str, str]) -> Figure | None:
    """Draw the Jaccard index of each two languages' top regions, and how far apart the languages are.

    Languages stand in the order of the dendrogram, which joins those whose regions overlap most (average linkage).

    Args:
        pairs: the table `kinship_pairs`.
        names: English names of languages by code.
    """
    pairs = pairs[pairs["measure"] == MEASURE]
    codes = list(dict.fromkeys([*pairs["language_a"], *pairs["language_b"]]))
    if len(codes) < 3:
        return None
    overlap, genealogy, script = (_symmetric(pairs, column, codes) for column in ("value", "genealogy", "script"))
    tree = hierarchy.linkage(squareform(1 - overlap.to_numpy(), checks=False), "average", optimal_ordering=True)
    order = [codes[place] for place in hierarchy.leaves_list(tree)]
    shown = [names.get(code, code) for code in order]
    overlap, genealogy, script = (
        matrix.loc[order, order].set_axis(shown).set_axis(shown, axis=1) for matrix in (overlap, genealogy, script)
    )
    distances = genealogy.where(np.tri(len(order), dtype=bool), script)

    side = 1.6 + 0.42 * len(order)
    figure = Figure(figsize=(2.2 * side + 1.6, side + 0.6), layout="constrained")
    branches, left, right = figure.subplots(1, 3, width_ratios=[0.25, 1, 1])
    _dendrogram(branches, tree, len(order))
    for panel, matrix, colours, form, label in (
        (left, overlap, "cividis", "{:.3f}".format, "Jaccard index of the top regions"),
        (right, distances, "cividis_r", "{:.1f}".format, "distance"),
    ):
        values = matrix.to_numpy(copy=True)
        np.fill_diagonal(values, np.nan)  # the language itself
        low, high = (np.nanmin(values), np.nanmax(values)) if panel is left else (0, 1)
        image = squares(panel, pd.DataFrame(values, shown, shown), colours, low, high, form)
        panel.set_xticks(range(len(shown)), shown, rotation=45, ha="right")
        figure.colorbar(image, ax=panel, label=label, shrink=0.8, aspect=25)
    left.set_title("Overlap of the languages' regions")
    right.set_title("Distance of the languages")
    right.set_xlabel("below the diagonal by descent, above it by script")
    return figure


def _symmetric(pairs: pd.DataFrame, column: str, codes: list[str]) -> pd.DataFrame:
    """The matrix of a column, with ones on the diagonal for overlap."""
    one_way = pairs.pivot(index="language_a", columns="language_b", values=column).reindex(index=codes, columns=codes)
    matrix = one_way.combine_first(one_way.T).loc[codes, codes].to_numpy(copy=True)
    np.fill_diagonal(matrix, 1.0)
    return pd.DataFrame(matrix, codes, codes)


def _dendrogram(panel, tree: np.ndarray, count: int) -> None:
    """Draw the tree with its leaves at the right, each level with a row of the heatmap beside it."""
    drawn = hierarchy.dendrogram(tree, no_plot=True)
    for heights, places in zip(drawn["dcoord"], drawn["icoord"], strict=True):
        # SciPy puts leaves at 5, 15, 25, ...; a leaf has the height 0, a pair the height of its 1 - J.
        panel.plot(heights, [(place - 5) / 10 for place in places], color=BLACK, linewidth=1)
    lowest = tree[:, 2].min()
    panel.set_xlim(tree[:, 2].max() * 1.002, lowest - 0.3 * (tree[:, 2].max() - lowest))
    panel.set_ylim(count - 0.5, -0.5)
    panel.axis("off")
