"""Compare regions: their pairwise overlap, and their density by layer and matrix."""

import math
import re
from itertools import combinations, combinations_with_replacement
from pathlib import Path

from linguistic_regions.regions.overlap import jaccard, parameters
from linguistic_regions.regions.region import Region, by_name, count_ones
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.options import OutputFile
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import write_csv
from linguistic_regions.statistics.columns import COLUMNS


def main(*, overlap: OutputFile, density: OutputFile, regions: tuple[Path, ...]) -> None:
    """Write the Jaccard index of each pair of regions, and each region's density by layer and matrix.

    Example: .venv/bin/python scripts/overlap.py --regions results/demo/regions/top-ru-40.safetensors
    results/demo/regions/top-zh-40.safetensors --overlap overlap.csv --density density.csv

    Args:
        overlap: CSV table of pairs.
        density: CSV table of layers and matrices.
        regions: region files of one model.
    """
    loaded = {name: Region.load(path) for name, path in by_name(regions).items()}
    shared = dict.fromkeys(combinations_with_replacement(loaded, 2), 0)
    rows = {name: [] for name in loaded}
    for parameter in progress(parameters(loaded), "overlap", unit="matrix"):
        for name, region in loaded.items():
            rows[name] += _density(name, parameter, region)
        masks = {name: region.packed[parameter] for name, region in loaded.items()}
        for first, second in shared:
            shared[first, second] += count_ones(masks[first] & masks[second])
    sizes = {name: shared[name, name] for name in loaded}
    pairs = []
    for first, second in combinations(loaded, 2):
        both = shared[first, second]
        either = sizes[first] + sizes[second] - both
        pairs.append(
            {
                "region_a": first,
                "region_b": second,
                "jaccard": jaccard(both, either),
                "shared": both,
                "size_a": sizes[first],
                "size_b": sizes[second],
            }
        )
    write_csv(overlap, pairs, COLUMNS["overlap"])
    write_csv(density, [row for name in loaded for row in rows[name]], COLUMNS["density"])


def _density(name: str, parameter: str, region: Region) -> list[dict]:
    """Return the row of a layer's matrix (model.layers.3.mlp.up_proj.weight: layer 3, mlp.up_proj), or no row."""
    found = re.search(r"\.(\d+)\.(.+)\.weight$", parameter)
    if not found:
        return []
    layer, matrix = found.groups()
    size = math.prod(region.shapes[parameter])
    return [{"region": name, "layer": int(layer), "matrix": matrix, "selected": region.count(parameter), "size": size}]


if __name__ == "__main__":
    run(main)
