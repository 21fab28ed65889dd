"""Compare regions: what they share, and where in the model they lie."""

import re
from itertools import combinations
from pathlib import Path

from linguistic_regions.commands import run
from linguistic_regions.regions import Region
from linguistic_regions.storage import write_csv


def main(*, regions: tuple[Path, ...], overlap: Path, density: Path) -> None:
    """Write the Jaccard index of each pair of regions, and each region's density by layer and matrix.

    Args:
        regions: region files of one model.
        overlap: table of pairs, CSV.
        density: table of layers and matrices, CSV.
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
    write_csv(overlap, pairs)
    write_csv(density, [row for name, region in loaded.items() for row in _by_matrix(name, region)])


def _by_matrix(name: str, region: Region) -> list[dict]:
    """One row per parameter; a name such as model.layers.3.mlp.up_proj.weight gives layer 3, matrix mlp.up_proj."""
    rows = []
    for parameter, count in region.counts.items():
        layer, matrix = re.search(r"\.(\d+)\.(.+)\.weight$", parameter).groups()
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
