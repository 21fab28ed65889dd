"""Direct and prompted accuracy in each condition: a panel per language, a line of dots per lesion."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linguistic_regions.reporting.figures.style import BLACK, ORANGE, legend
from linguistic_regions.reporting.generations import condition
from linguistic_regions.statistics.probes import CHANCE, DIRECT, PROMPTED, summary
from linguistic_regions.statistics.tables import in_order

# Method, marker, colour, label, and how far above its line the dot is.
DOTS = (
    (DIRECT, "o", BLACK, "competence: probability of the sentences", 0.14),
    (PROMPTED, "s", ORANGE, "performance: answers to prompts", -0.14),
)
COLUMNS = 4  # panels in a row


def probes(table: pd.DataFrame, languages: Sequence[str], names: Mapping[str, str]) -> Figure | None:
    """Draw dots with intervals, and a line at chance; regions of a language from its most samples.

    Args:
        table: the table `probes`.
        languages: language codes in display order.
        names: English names of languages by code.
    """
    rows = summary(table)
    if rows.empty:
        return None
    lesions = {row["region"]: condition(row, names) for _, row in rows.drop_duplicates("region").iterrows()}
    texts = [
        (source, code)
        for source in dict.fromkeys(rows["source"])
        for code in in_order(rows.loc[rows["source"] == source, "language"], languages)
    ]
    columns = min(len(texts), COLUMNS)
    lines = -(-len(texts) // columns)
    size = (2.4 + 2.3 * columns, 0.9 + lines * (0.6 + 0.24 * len(lesions)))
    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    several = rows["source"].nunique() > 1
    for panel, (source, code) in zip(panels, texts, strict=False):
        its = rows[(rows["source"] == source) & (rows["language"] == code)]
        panel.set_title(names.get(code, code) + (f", {source}" if several else ""))
        dots(panel, its, list(lesions))
    for panel in panels[len(texts) :]:
        panel.set_visible(False)
    first = figure.axes[0]
    first.set_yticks(range(len(lesions)), lesions.values())
    first.set_ylim(len(lesions) - 0.4, -0.6)
    first.set_xlim(0, 100)
    legend(figure, first, columns=min(columns, len(DOTS)))
    return figure


def dots(panel: Axes, rows: pd.DataFrame, regions: Sequence[str]) -> None:
    """Draw accuracies in per cent, with intervals, on the line of each region."""
    panel.axvline(100 * CHANCE, color="#999999", linewidth=0.9, linestyle="--", zorder=0)
    for method, marker, colour, label, offset in DOTS:
        values = rows[rows["method"] == method].set_index("region")[["accuracy", "low", "high"]].reindex(regions)
        middle, low, high = 100 * values.to_numpy().T
        errors = np.clip([middle - low, high - middle], 0, None)
        style = {"fmt": marker, "color": colour, "label": label, "elinewidth": 0.9, "markersize": 4}
        panel.errorbar(middle, np.arange(len(regions)) - offset, xerr=errors, **style)
    panel.set_xlabel("accuracy in per cent")
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=True, axis="x")
