"""The figures of a run, one function each; `draw` draws those that the run has tables for."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import pandas as pd
from matplotlib.figure import Figure

from linguistic_regions.reporting.figures import (
    barchart,
    curves,
    heatmaps,
    kinship,
    overlap,
    probes,
    selectivity,
    sizes,
    stability,
)
from linguistic_regions.statistics.domains import domains, first, only


def draw(
    tables: Mapping[str, pd.DataFrame],
    languages: Sequence[str],
    density_prefixes: Sequence[str] = ("top",),
    names: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[str, Figure]]:
    """Draw each figure that there are measurements for, and yield its name and the figure.

    If several domains were tested, figures show the first; freezing has a figure for each, selectivity a panel.

    Args:
        tables: the run's tables by name, from `tables.read_folder`.
        languages: language codes in display order.
        density_prefixes: name prefixes of the regions whose density is drawn.
        names: English names of languages by code.
    """
    drawings = {
        "stability": ("stability", stability.stability),
        "removal": ("removal", lambda table: barchart.core_removal(first(table), languages)),
        "removal-curves": ("removal", lambda table: sizes.curves(first(table))),
        "monolingual": ("removal", lambda table: heatmaps.monolingual(first(table), languages)),
        "selectivity": ("selectivity", lambda table: selectivity.selectivity(table, languages)),
        "probes": ("probes", lambda table: probes.probes(table, languages, names)),
        "retraining": ("retraining", lambda table: curves.retraining(first(table))),
        "freezing": ("freezing", lambda table: curves.freezing(first(table), languages)),
        "density": ("density", lambda table: heatmaps.density(table, density_prefixes)),
        "overlap": ("overlap", lambda table: overlap.overlap(table, tables.get("removal"), names)),
        "kinship": ("kinship_pairs", lambda table: kinship.kinship(table, names)),
    }
    for domain in domains(tables.get("freezing"))[1:]:
        name = f"freezing-{domain}"
        drawings[name] = ("freezing", lambda table, domain=domain: curves.freezing(only(table, domain), languages))
    for name, (source, drawing) in drawings.items():
        figure = drawing(tables[source]) if source in tables else None
        if figure is not None:
            yield name, figure
