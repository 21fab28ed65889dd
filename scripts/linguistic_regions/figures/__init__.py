"""The figures of a run, one function each; `draw` makes those that the run's tables allow."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from linguistic_regions import measures
from linguistic_regions.figures import curves, heatmaps, removal, stability


def draw(
    tables: Mapping[str, pd.DataFrame], languages: Sequence[str], density_prefixes: Sequence[str] = ("top",)
) -> Iterator[tuple[str, Figure]]:
    """Draw each figure that there are measurements for: its name and itself.

    Args:
        tables: the run's tables by name, from `tables.read_folder`.
        languages: language codes in the order in which they stand.
        density_prefixes: how the names of the regions start whose density is drawn.
    """
    first = {name: measures.first_domain(table) for name, table in tables.items()}
    drawings = {
        "stability": ("stability", stability.stability),
        "removal": ("removal", lambda table: removal.core_removal(table, languages)),
        "monolingual": ("removal", lambda table: heatmaps.monolingual(table, languages)),
        "retraining": ("retraining", curves.retraining),
        "freezing": ("freezing", lambda table: curves.freezing(measures.forgetting_rows(table), languages)),
        "density": ("density", lambda table: heatmaps.density(table, density_prefixes)),
        "overlap": ("overlap", heatmaps.overlap),
    }
    for name, (source, drawing) in drawings.items():
        shown = tables if name == "freezing" else first
        figure = drawing(shown[source]) if source in tables else None
        if figure is not None:
            yield name, figure
