"""Selection of top, bottom and random regions from six languages' scores, compared with topk and random.sample."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import reference
from measurement import Row, medians
from safetensors.numpy import save_file

from linguistic_regions.importance.scores import Scores
from linguistic_regions.regions import ranking, recipes
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import parallel

LANGUAGES = 6
RATIO = 0.03
THREADS = os.cpu_count() or 1
SHAPES = [(4096, 4096), (11008, 4096)]
NAME = "model.layers.0.mlp.up_proj.weight"


def rows() -> Iterator[Row]:
    """Yield, for each shape, the selection from summed scores, and the whole path from score files to region files."""
    parallel.set_threads(THREADS)
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            yield from _rows(Path(folder), shape)


def _rows(folder: Path, shape: tuple[int, int]) -> Iterator[Row]:
    generator = np.random.default_rng(0)
    files = [folder / f"l{language}/1/importance.safetensors" for language in range(LANGUAGES)]
    for file in files:
        file.parent.mkdir(parents=True)
        save_file({NAME: generator.standard_normal(shape, np.float32) ** 2}, file)
    gigabytes = sum(file.stat().st_size for file in files) / 1e9
    total = reference.summed(files, NAME)
    values = Scores(file.parent for file in files)[NAME]
    count = int(RATIO * len(values))

    def selected() -> None:
        ranking.ranked(values, count, top=True)
        ranking.ranked(values, count, top=False)
        ranking.drawn(len(values), count, [1])

    def from_files() -> None:
        for name, region in build(files).items():
            region.save(folder / f"{name}.safetensors")

    plain, our, plain_files, our_files, read = medians(
        lambda: reference.cut(total, RATIO, 1),
        selected,
        lambda: reference.cut(reference.summed(files, NAME), RATIO, 1),
        from_files,
        lambda: [np.max(np.memmap(file, np.float32, "r", offset=1024)) for file in files],
    )
    what = f"top, bottom, random {RATIO:.0%} of {shape[0]} x {shape[1]}"
    yield Row(
        f"{what} from the sum of {LANGUAGES} languages' scores",
        f"{our:.3f} s ({THREADS} threads)",
        f"{plain:.2f} s (topk, topk, random.sample)",
        plain / our,
        f"{len(values) * 4 / 1e9 / our:.1f} GB/s, each value read three times",
    )
    yield Row(
        f"{what} from {LANGUAGES} score files to three region files",
        f"{our_files:.3f} s ({THREADS} threads)",
        f"{plain_files:.2f} s (same as above)",
        plain_files / our_files,
        f"reading {gigabytes:.2f} GB once: {read:.3f} s, {read / our_files:.0%} of ours",
    )


def build(files: list[Path]) -> dict[str, Region]:
    """The three regions, by the recipes that the workflow uses."""
    scores = Scores(file.parent for file in files)
    top, bottom = (recipes.build({"select": kind, "ratio": RATIO}, scores, []) for kind in ("top", "bottom"))
    return {"top": top, "bottom": bottom, "random": recipes.build({"select": "random", "seed": 1}, None, [top])}
