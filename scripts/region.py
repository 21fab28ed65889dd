"""Build regions from importance scores, and do set algebra on them (paper, sections 3 and 4)."""

import hashlib
import json
import logging
from functools import reduce
from pathlib import Path
from typing import Annotated

import tyro

from linguistic_regions.importance.scores import summed
from linguistic_regions.model.modelfiles import SOURCE
from linguistic_regions.regions import recipes
from linguistic_regions.regions.region import Region, save_regions, union_of
from linguistic_regions.runtime import parallel
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json

Operands = tyro.conf.Positional[tuple[Path, ...]]
Output = Annotated[Path, tyro.conf.arg(aliases=["-o"])]


def build(
    *,
    recipes_json: str,
    importance: Path,
    output: Path,
    origin_json: str = "{}",
    model: Path | None = None,
    threads: int = 1,
) -> None:
    """Build regions by recipe, in the order given; an ingredient is one built before or a file in `output`.

    Args:
        recipes_json: JSON object, region name to recipe (the forms stand in recipes.py).
        importance: folder of the scores: importance/{language}/{samples}.
        output: folder for {name}.safetensors.
        origin_json: JSON object to record in each region: the model, its revision, how importance was measured.
        model: folder of the base model, if it was fetched: its commit is recorded too.
        threads: CPU threads.
    """
    parallel.set_threads(threads)
    wanted, origin = json.loads(recipes_json), json.loads(origin_json)
    if model:
        origin |= read_json(model / SOURCE)
    made = recipes.build(wanted, summed(importance), lambda name: Region.load(output / f"{name}.safetensors"))
    for name, region in made.items():
        made_by = {"recipe": wanted[name], **origin}
        digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
        region.metadata = {**made_by, "config_hash": digest}
    counts = save_regions({output / f"{name}.safetensors": region for name, region in made.items()})
    for (name, region), count in zip(made.items(), counts.values(), strict=True):
        logging.info("%s: %d of %d weights (%.3f %%)", name, count, region.size, 100 * count / region.size)


def union(operands: Operands, *, output: Output) -> None:
    """Write the weights in any of the regions.

    Args:
        operands: region files.
        output: the new region's file.
    """
    _write(union_of(_load(operands)), "union", operands, output)


def intersection(operands: Operands, *, output: Output) -> None:
    """Write the weights in all of the regions.

    Args:
        operands: region files.
        output: the new region's file.
    """
    _write(reduce(lambda a, b: a & b, _load(operands)), "intersection", operands, output)


def difference(operands: Operands, *, output: Output) -> None:
    """Write the weights of the first region that are in none of the others.

    Args:
        operands: region files.
        output: the new region's file.
    """
    first, *others = _load(operands)
    _write(first - union_of(others), "difference", operands, output)


def complement(region: tyro.conf.Positional[Path], *, output: Output) -> None:
    """Write all selectable weights but the region's.

    Args:
        region: a region file.
        output: the new region's file.
    """
    _write(~Region.load(region), "complement", (region,), output)


def jaccard(operands: Operands) -> None:
    """Print the Jaccard index of two regions: shared weights over weights of either.

    Args:
        operands: two region files.
    """
    if len(operands) != 2:
        raise UserError(f"jaccard: it compares two regions; {len(operands)} were given")
    first, second = _load(operands)
    print(f"{first.jaccard(second):.6f}")


def describe(region: tyro.conf.Positional[Path]) -> None:
    """Print what a region holds, and what made it.

    Args:
        region: a region file.
    """
    loaded = Region.load(region)
    for key, value in loaded.metadata.items():
        print(f"{key}: {value if isinstance(value, str) else json.dumps(value)}")
    print(f"weights: {len(loaded)} of {loaded.size} ({100 * len(loaded) / loaded.size:.3f} %)")
    for name, count in loaded.counts.items():
        print(f"  {name} {list(loaded.shapes[name])}: {count}")


def _load(paths: tuple[Path, ...]) -> list[Region]:
    if len(paths) < 2:
        raise UserError("regions: at least two region files are needed")
    return [Region.load(path) for path in paths]


def _write(region: Region, operation: str, operands: tuple[Path, ...], output: Path) -> None:
    region.metadata = {"recipe": {"select": operation, "of": [path.stem for path in operands]}}
    region.save(output)
    print(f"{output}: {len(region)} of {region.size} weights ({100 * len(region) / region.size:.3f} %)")


if __name__ == "__main__":
    run(build, union, intersection, difference, complement, jaccard, describe)
