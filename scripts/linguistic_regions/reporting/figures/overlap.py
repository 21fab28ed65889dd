"""The overlap of regions: each two regions that matter, and below them their controls."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from linguistic_regions.reporting.figures.heatmaps import squares
from linguistic_regions.reporting.generations import condition

FOUND = ("top", "monolingual", "contrast", "other")  # kinds of regions that were looked for, all others are controls


def overlap(table: pd.DataFrame, removal: pd.DataFrame | None, names: Mapping[str, str]) -> Figure | None:
    """Draw the Jaccard index of each two regions, and that of each control with each region.

    Args:
        table: the table `overlap`.
        removal: the removal table, which says of what kind a region is; the others are taken for regions that matter.
        names: English names of languages by code.
    """
    labels, controls = {}, set()
    if removal is not None:
        for _, row in removal.drop_duplicates("region").iterrows():
            labels[row["region"]] = condition(row, names)
            if row["kind"] not in FOUND:
                controls.add(labels[row["region"]])
    pairs = table.assign(**{side: table[side].replace(labels) for side in ("region_a", "region_b")})
    both_ways = pd.concat([pairs, pairs.rename(columns={"region_a": "region_b", "region_b": "region_a"})])
    regions = list(dict.fromkeys([*pairs["region_a"], *pairs["region_b"]]))
    if len(regions) < 2:
        return None
    # The replicates of a random region have one label, and a mean.
    matrix = both_ways.pivot_table(index="region_a", columns="region_b", values="jaccard")
    found = [region for region in regions if region not in controls] or regions
    parts = [matrix.reindex(index=found, columns=found)]
    parts[0] = parts[0].where(~np.eye(len(found), dtype=bool))  # the diagonal is 1 and would dominate the colours
    compared = [region for region in regions if region not in found]
    parts += [matrix.reindex(index=compared, columns=found)] if compared else []
    heights = [len(part) for part in parts]
    size = (4.4 + 0.5 * len(found), 2.6 + 0.3 * sum(heights))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(parts), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    limit = max(np.nanmax(part.to_numpy(), initial=1e-3) for part in parts)
    for panel, part, title in zip(panels, parts, ("Overlap of regions", "Overlap with controls"), strict=False):
        image = squares(panel, part, "cividis", 0, limit, "{:.2f}".format)
        panel.set_title(title)
    panels[-1].set_xticks(range(len(found)), found, rotation=45, ha="right")
    figure.colorbar(image, ax=list(panels), label="Jaccard index", shrink=0.8, aspect=25)
    return figure
