"""Record the provenance of a run's results, and compare two runs."""

import json
from pathlib import Path
from typing import Annotated

import tyro

from linguistic_regions.model.modelfiles import SOURCE
from linguistic_regions.runtime import provenance
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.options import Folder, OutputFile
from linguistic_regions.runtime.storage import atomic_write, read_json
from linguistic_regions.statistics import tables


def record(*, config: Path, manifests: tuple[Path, ...], output: OutputFile, model: Path | None = None) -> None:
    """Write config, software, data and hardware of a run as JSON.

    Args:
        config: the run's checked config, JSON.
        manifests: the manifest of each text.
        output: the record, JSON.
        model: folder of the base model, unless it was pretrained in this run.
    """
    source = read_json(model / SOURCE) if model else None
    content = provenance.record(read_json(config), [read_json(path) for path in manifests], source)
    with atomic_write(output) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def compare(first: Annotated[Folder, tyro.conf.Positional], second: Annotated[Folder, tyro.conf.Positional], /) -> None:
    """Print the differences between two runs: their provenance, and their tables.

    Example: .venv/bin/python scripts/provenance.py compare results/demo results/other

    Args:
        first: folder of a run, such as results/demo.
        second: folder of another run.
    """
    records = [read_json(folder / "provenance.json") for folder in (first, second)]
    differing = provenance.differences(*records)
    for key, a, b in differing:
        print(f"{key}: {a} | {b}")
    if not differing:
        print("made with the same config, software, data and hardware")
    of_first, of_second = (tables.read_folder(folder / "tables") for folder in (first, second))
    for name in tables.COLUMNS:
        if name in of_first and name in of_second:
            difference = tables.table_difference(name, of_first[name], of_second[name])
            print(f"tables/{name}.csv: {difference or 'the same'}")
        elif name in of_first or name in of_second:
            print(f"tables/{name}.csv: only in {first if name in of_first else second}")
    for folder in (first, second):
        if not any(folder.glob("tables/*.csv")):
            print(f"{folder}: there are no tables to compare")
    contents = [{path.name: path.read_bytes() for path in folder.glob("tables/*.csv")} for folder in (first, second)]
    for name in sorted({**contents[0], **contents[1]}.keys() - {f"{name}.csv" for name in tables.COLUMNS}):
        print(f"tables/{name}: {'the same' if contents[0].get(name) == contents[1].get(name) else 'not the same'}")


if __name__ == "__main__":
    run(record, compare)
