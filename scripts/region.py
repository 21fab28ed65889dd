"""Build regions from importance scores; combine, describe, export and share them (paper, sections 3 and 4)."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated, Literal

import tyro

from linguistic_regions.importance.scores import Scores
from linguistic_regions.model.lesioned import save_lesioned
from linguistic_regions.model.modelfiles import SOURCE
from linguistic_regions.regions import recipes
from linguistic_regions.regions.masks import save_masks
from linguistic_regions.regions.region import Region, union_of
from linguistic_regions.regions.selection import check_ratio
from linguistic_regions.runtime import parallel
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, Folder, NewFolder, Number, OutputFile, Ratio, Seed, Threads
from linguistic_regions.runtime.storage import read_json, remove

Operands = tyro.conf.Positional[tuple[Path, ...]]
Select = Literal[
    "top",
    "bottom",
    "cut",
    "random",
    "dimension",
    "entries",
    "outliers",
    "union",
    "intersection",
    "difference",
    "complement",
]
Output = Annotated[OutputFile, tyro.conf.arg(aliases=["-o"])]
NewOutput = Annotated[NewFolder, tyro.conf.arg(aliases=["-o"])]


@dataclass(frozen=True)
class Label:
    """The labels of a region in the tables.

    Attributes:
        kind: as in the column `kind` of the table removal.
        ratio: share of the weights.
        samples: number of samples of its scores.
        replicate: replicate number of a random region.
        scope: scope of the ranking, tensor or model.
        target: core, or a language code.
        estimator: of the scores that were ranked.
        subtracted: codes of the languages whose top regions or scores were subtracted, separated by spaces.
    """

    kind: str = ""
    ratio: float = 0.0
    samples: int = 0
    replicate: int = 0
    scope: str = ""
    target: str = ""
    estimator: str = ""
    subtracted: str = ""


@dataclass(frozen=True)
class Origin:
    """The model and the importance that a region was built from, recorded in its file.

    Attributes:
        model: the model, as named in the config.
        revision: revision of the model.
        include: regular expressions for its selectable weights.
        exclude: regular expressions for weights that are not selectable.
        at: the weights at which importance was measured, base or further.
        micro_batch: blocks per micro-batch of taylor_abs and fisher.
    """

    model: str = ""
    revision: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    at: str = ""
    micro_batch: Count = 1


def build(
    *,
    select: Select,
    output: Output,
    scores: tuple[Path, ...] = (),
    minus: tuple[Path, ...] = (),
    like: tuple[Path, ...] = (),
    of: tuple[Path, ...] = (),
    ratio: Ratio | None = None,
    scope: Literal["tensor", "model"] | None = None,
    seed: Seed | None = None,
    match: Literal["count", "magnitude", "dimensions"] | None = None,
    dimension: Number | None = None,
    matrix: str | None = None,
    row: Number | None = None,
    column: Number | None = None,
    outliers: Path | None = None,
    kind: Literal["dimensions", "rows", "weights"] | None = None,
    label: Label = Label(),
    origin: Origin = Origin(),
    fetched: Path | None = None,
    threads: Threads = 1,
) -> None:
    """Build a region by recipe; docs/method.md lists the recipes.

    Example: .venv/bin/python scripts/region.py build --select top --scores results/demo/importance/taylor/ru/40 --ratio
    0.01 --output top.safetensors

    Args:
        select: the largest or smallest scores, a random draw, outliers, or a combination of other regions.
        output: file for the region; its name without suffix is the region's name, part of the seed of a random one.
        scores: top, bottom, cut: folders of importance scores, which are summed; random that matches magnitude: of
            |weight|.
        minus: top, bottom, cut: folders of scores whose mean is subtracted from that sum.
        like: top, bottom, random: file of a region whose size in each matrix is copied; dimension, entries, outliers:
            file of any region of the model.
        of: files of the regions to combine.
        ratio: top, bottom: share of the weights.
        scope: top, bottom: rank within each tensor, or over the whole model.
        seed: random: seed of the draw.
        match: random: what it shares with `like` besides the number of weights in each matrix: the distribution of
            |weight| (magnitude), or the numbers in each row and column (dimensions).
        dimension: dimension: the hidden dimension whose readers and writers are selected.
        matrix: entries: name of a matrix.
        row: entries: row of the matrix; None: all.
        column: entries: column of the matrix; None: all.
        outliers: outliers: JSON file of outliers.py.
        kind: outliers: which of them.
        label: labels of the region in the tables.
        origin: the model and importance that it is built from.
        fetched: folder of the base model, if it was fetched; its name and commit are recorded too.
        threads: CPU threads.
    """
    parallel.set_threads(threads)
    recipe = {
        "select": select,
        "scores": ["/".join(path.parts[-3:]) for path in scores],
        "minus": ["/".join(path.parts[-3:]) for path in minus],
        "like": next((path.stem for path in like), None),
        "of": [path.stem for path in of],
        "ratio": ratio,
        "scope": scope,
        "seed": seed,
        "match": match,
        "dimension": dimension,
        "matrix": matrix,
        "row": row,
        "column": column,
        "outliers": outliers.name if outliers else None,
        "kind": kind,
        "label": asdict(label) if label.kind else None,
    }
    recipe = {key: value for key, value in recipe.items() if value not in (None, [])}
    _check_complete(recipe)
    parts = [Region.load(path) for path in (*like, *of)]
    scored = Scores(scores, minus) if scores else None
    if scored and ratio is not None:
        check_ratio(scored, ratio, scope or "tensor")
    region = recipes.build(recipe | {"outliers": outliers}, scored, parts, name=output.stem)
    metadata = {"recipe": recipe, **asdict(origin), **(read_json(fetched / SOURCE) if fetched else {})}
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()
    region.metadata = {**metadata, "config_hash": digest}
    if match in (None, "count"):
        region.save(output)
    else:
        _save_matched(region, recipe, scored, parts, output)
    loaded = Region.load(output)
    logging.info("%s: %d of %d weights (%.3f %%)", output, len(loaded), loaded.size, 100 * len(loaded) / loaded.size)


def _check_complete(recipe: dict) -> None:
    """See that all is given that the recipe needs."""
    needs = {
        "top": ("scores",),
        "bottom": ("scores",),
        "union": ("of",),
        "intersection": ("of",),
        "difference": ("of",),
        "complement": ("of",),
        "cut": ("of", "scores"),
        "random": ("like", "seed", *["scores"] * (recipe.get("match") == "magnitude")),
        "dimension": ("like", "dimension"),
        "entries": ("like", "matrix"),
        "outliers": ("like", "outliers", "kind"),
    }
    for key in needs.get(recipe["select"], ()):
        if key not in recipe:
            raise UserError(f"build: --select {recipe['select']} needs --{key} here: give it")
    if recipe["select"] in ("top", "bottom") and ("ratio" in recipe) == ("like" in recipe):
        raise UserError(f"build: --select {recipe['select']} needs --ratio or --like, and only one of them: give it")
    if "minus" in recipe and recipe.get("scope") == "model":
        raise UserError(
            "build: --minus: scores that may be negative are ranked within each tensor: give --scope tensor"
        )


def _save_matched(region: Region, recipe: dict, scored: Scores | None, parts: list[Region], output: Path) -> None:
    """Save a control with how well it matches in its metadata, without computing its masks twice."""
    draft = output.with_name(f".{output.name}.draft")
    try:
        region.save(draft)
        saved = Region.load(draft)
        saved.metadata["matching"] = recipes.matching(recipe, scored, parts, saved)
        saved.save(output)
    finally:
        remove(draft)


def union(operands: Operands, *, output: Output) -> None:
    """Write the union of regions.

    Args:
        operands: region files.
        output: file for the new region.
    """
    _write(union_of(_load(operands)), "union", operands, output)


def intersection(operands: Operands, *, output: Output) -> None:
    """Write the intersection of regions.

    Args:
        operands: region files.
        output: file for the new region.
    """
    _write(reduce(lambda a, b: a & b, _load(operands)), "intersection", operands, output)


def difference(operands: Operands, *, output: Output) -> None:
    """Write the weights of the first region that are in none of the others.

    Args:
        operands: region files.
        output: file for the new region.
    """
    first, *others = _load(operands)
    _write(first - union_of(others), "difference", operands, output)


def complement(region: tyro.conf.Positional[Path], *, output: Output) -> None:
    """Write all selectable weights that are not in the region.

    Args:
        region: a region file.
        output: file for the new region.
    """
    _write(~Region.load(region), "complement", (region,), output)


def jaccard(operands: Operands) -> None:
    """Print the Jaccard index of two regions, |intersection| / |union|.

    Args:
        operands: two region files.
    """
    if len(operands) != 2:
        raise UserError(f"jaccard: {len(operands)} region files were given; give two")
    first, second = _load(operands)
    print(f"{first.jaccard(second):.6f}")


def describe(region: tyro.conf.Positional[Path]) -> None:
    """Print a region's metadata and its number of weights per parameter.

    Args:
        region: a region file.
    """
    loaded = Region.load(region)
    for key, value in sorted(loaded.metadata.items()):
        print(f"{key}: {value if isinstance(value, str) else json.dumps(value)}")
    print(f"weights: {len(loaded)} of {loaded.size} ({100 * len(loaded) / loaded.size:.3f} %)")
    for name, count in loaded.counts.items():
        print(f"  {name} {list(loaded.shapes[name])}: {count}")


def export(
    region: tyro.conf.Positional[Path],
    *,
    mask: OutputFile | None = None,
    model: Folder | None = None,
    lesioned: NewFolder | None = None,
) -> None:
    """Export a region for other programs: as boolean masks, or as a copy of the model with the region removed.

    Args:
        region: a region file.
        mask: safetensors file to write: a boolean tensor for each parameter, named and shaped as in the model.
        model: folder of the model that the region belongs to.
        lesioned: folder to write, which must not exist: the model with the region's weights set to zero.
    """
    if (model is None) != (lesioned is None):
        raise UserError("export: --model and --lesioned need each other: give both or neither")
    if mask is None and lesioned is None:
        raise UserError("export: no output: give --mask, or --model and --lesioned")
    loaded = Region.load(region)
    if mask:
        save_masks(loaded, mask)
        print(f"{mask}: masks of {len(loaded.shapes)} parameters")
    if lesioned:
        save_lesioned(model, loaded, lesioned)
        print(f"{lesioned}: {model} with {len(loaded)} weights set to zero")


def push(regions: Operands, *, repo: str, private: bool = True, dry_run: bool = True) -> None:
    """Upload regions to the Hugging Face hub, with a model card, and the provenance and claims of their run.

    The token, which must allow to write, is taken from the environment (HF_TOKEN).

    Example: .venv/bin/python scripts/region.py push results/demo/regions/top-0.03.safetensors --repo me/regions

    Args:
        regions: region files of one folder.
        repo: repository of models on the hub, owner/name; it is made if it is not there.
        private: whether a repository that is made is private; one that is there stays as it is.
        dry_run: print what would be uploaded and where, and upload nothing.
    """
    from linguistic_regions.regions import sharing  # slow to import
    from linguistic_regions.runtime import hub

    files = sharing.contents(repo, regions)
    if not dry_run:
        print(hub.upload(repo, files, private, f"Regions: {', '.join(path.stem for path in regions)}"))
        return
    print(f"Nothing is uploaded. With --dry-run False: to {repo}, {'private' if private else 'public'} if it is new")
    for name, file in files.items():
        print(f"  {name}: {len(file.encode()) if isinstance(file, str) else file.stat().st_size:,} bytes")
    print(f"\n{files[sharing.CARD]}", end="")


def pull(repo: tyro.conf.Positional[str], *, output: NewOutput, revision: str | None = None) -> None:
    """Download the regions of a repository on the Hugging Face hub, and check them.

    Args:
        repo: repository on the hub, owner/name, as `push` writes it.
        output: folder to write, which must not exist.
        revision: commit, tag or branch; None: main.
    """
    from linguistic_regions.regions import sharing  # slow to import

    commit, regions = sharing.fetch(repo, revision, output)
    print(f"{output}: {repo} at {commit}")
    for region in regions.values():
        print(f"  {region.name}: {len(region):,} of {region.size:,} weights")


def _load(paths: tuple[Path, ...]) -> list[Region]:
    if len(paths) < 2:
        raise UserError(f"operands: {len(paths)} region files were given; give at least two")
    return [Region.load(path) for path in paths]


def _write(region: Region, operation: str, operands: tuple[Path, ...], output: Path) -> None:
    region.metadata = {"recipe": {"select": operation, "of": [path.stem for path in operands]}}
    region.save(output)
    print(f"{output}: {len(region)} of {region.size} weights ({100 * len(region) / region.size:.3f} %)")


if __name__ == "__main__":
    run(build, union, intersection, difference, complement, jaccard, describe, export, push, pull)
