"""Compare regions: what they share, and where in the model they lie."""

import re
from itertools import combinations
from pathlib import Path

from linguistic_regions.commands import run
from linguistic_regions.regions import Region
from linguistic_regions.storage import write_csv
from linguistic_regions.tables import COLUMNS


def main(*, overlap: Path, density: Path, regions: tuple[Path, ...] = ()) -> None:
    """Write the Jaccard index of each pair of regions, and each region's density by layer and matrix.

    Args:
        overlap: table of pairs, CSV.
        density: table of layers and matrices, CSV.
        regions: region files of one model.
    """
    loaded = {path.stem: Region.load(path) for path in regions}
    sizes = {name: len(region) for name, region in loaded.items()}
    pairs = []
    for first, second in combinations(loaded, 2):
        shared = len(loaded[first] & loaded[second])
        either = sizes[first] + sizes[second] - shared
        pairs.append(
            {
                "region_a": first,
                "region_b": second,
                "jaccard": shared / either if either else 1.0,
                "shared": shared,
                "size_a": sizes[first],
                "size_b": sizes[second],
            }
        )
    write_csv(overlap, pairs, COLUMNS["overlap"])
    rows = [row for name, region in loaded.items() for row in _by_matrix(name, region)]
    write_csv(density, rows, COLUMNS["density"])


def _by_matrix(name: str, region: Region) -> list[dict]:
    """One row per matrix of a layer; a name such as model.layers.3.mlp.up_proj.weight is layer 3, mlp.up_proj."""
    rows = []
    for parameter, count in region.counts.items():
        found = re.search(r"\.(\d+)\.(.+)\.weight$", parameter)
        if not found:  # an embedding or the head
            continue
        layer, matrix = found.groups()
        rows.append(
            {
                "region": name,
                "layer": int(layer),
                "matrix": matrix,
                "selected": count,
                "size": region.mask(parameter).size,
            }
        )
    return rows


if __name__ == "__main__":
    run(main)
