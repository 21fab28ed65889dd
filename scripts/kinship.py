"""Test whether closer languages have more of their regions in common, and suffer more from one another's."""

from pathlib import Path

import pandas as pd

from linguistic_regions.regions.overlap import of_tops
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import OutputFile
from linguistic_regions.statistics import kinship, measures, tables
from linguistic_regions.statistics.domains import first
from linguistic_regions.text.kinship import genealogy, script


def main(
    *,
    removal: Path,
    pairs: Path,
    output: OutputFile,
    languages: tuple[str, ...] = (),
    regions: tuple[Path, ...] = (),
) -> None:
    """Test whether closer languages have more of their regions in common, and suffer more from one another's.

    Example: .venv/bin/python scripts/kinship.py --languages ru zh --regions results/demo/regions/top-ru-40.safetensors
    results/demo/regions/top-zh-40.safetensors --removal results/demo/tables/removal.csv --pairs pairs.csv --output
    kinship.csv

    Args:
        removal: table of removals, in whose first domain damage is measured.
        pairs: table of pairs of languages: what they have in common, and how far apart they are.
        output: table of the tests.
        languages: language codes of `regions`.
        regions: the top region of each of `languages`, region files of one model.
    """
    if len(languages) != len(regions):
        raise UserError(f"--regions: {len(regions)} files for {len(languages)} --languages: give one for each")
    tops = {code: Region.load(path) for code, path in zip(languages, regions, strict=True)}
    damage = measures.damage_elsewhere(measures.log_ratios(first(tables.read(removal, "removal"))))
    values = dict(zip(kinship.MUTUAL, of_tops(tops), strict=True)) | {"damage": damage.stack().dropna().to_dict()}
    rows = [
        (measure, a, b, value, genealogy(a, b), script(a, b))
        for measure, found in values.items()
        for (a, b), value in found.items()
    ]
    table = pd.DataFrame(rows, columns=list(tables.COLUMNS["kinship_pairs"]))
    tables.write(table, pairs)
    tables.write(kinship.associations(table), output)


if __name__ == "__main__":
    run(main)
