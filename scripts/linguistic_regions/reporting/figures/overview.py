"""An overview figure of a run: the effects of removing the core and each monolingual region on each language."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.figures.barchart import bars
from linguistic_regions.reporting.figures.heatmaps import factors, frame, label_factors, largest
from linguistic_regions.reporting.figures.style import legend
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.tables import in_order


def overview(removal: pd.DataFrame, languages: Sequence[str]) -> Figure | None:
    """Draw the factors on perplexity: bars without the core (left), a heatmap without monolingual regions (right)."""
    setting = measures.paper_setting(removal)
    if setting is None:
        return None
    scope, ratio = setting
    languages = in_order(removal["language"], languages)
    matrix = measures.monolingual_matrix(measures.log_ratios(removal))
    figure = Figure(figsize=(14, 4) if len(matrix) else (7, 4), layout="constrained")
    panels = figure.subplots(
        1, 2 if len(matrix) else 1, squeeze=False, width_ratios=[1, 1.25][: 2 if len(matrix) else 1]
    )
    left = panels[0][0]
    left.set_title(f"Core removed: {formats.percent(ratio)}, {formats.scope(scope)}")
    bars(left, removal, scope, ratio, languages)
    left.set_ylabel("perplexity / intact model's")
    legend(figure, left)
    if len(matrix):
        right = panels[0][1]
        matrix = matrix.reindex(index=in_order(matrix.index, languages), columns=languages)
        image = factors(right, matrix, largest(matrix))
        frame(right, matrix)
        right.set_title("Monolingual region removed")
        right.set_ylabel("region of")
        right.set_xlabel("perplexity measured in")
        bar = figure.colorbar(image, ax=right, label="perplexity / intact model's", aspect=30)
        label_factors(bar, min(0, np.nanmin(matrix.to_numpy())), largest(matrix))
    return figure
