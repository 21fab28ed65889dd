"""Cutting top, bottom and random regions from six languages' scores, against topk and random.sample."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measurement import Row, medians
from reference import cut
from safetensors.numpy import save_file

from linguistic_regions import recipes, regions

LANGUAGES = 6
RATIO = 0.03
SHAPES = [(4096, 4096), (11008, 4096)]
NAME = "model.layers.0.mlp.up_proj.weight"


def rows() -> Iterator[Row]:
    """A row per shape: from score files in the page cache to three regions, and of that the mere reading."""
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            yield _row(Path(folder), shape)


def _row(folder: Path, shape: tuple[int, int]) -> Row:
    generator = np.random.default_rng(0)
    files = [folder / f"l{language}/1/importance.safetensors" for language in range(LANGUAGES)]
    for file in files:
        file.parent.mkdir(parents=True)
        save_file({NAME: generator.standard_normal(shape, np.float32) ** 2}, file)

    def ours() -> None:
        regions.save({folder / f"{name}.safetensors": region for name, region in build(folder).items()})

    plain, our, read = medians(
        lambda: cut(files, NAME, RATIO, 1), ours, lambda: [file.read_bytes() for file in files], rounds=3
    )
    gigabytes = sum(file.stat().st_size for file in files) / 1e9
    return Row(
        f"regions: top, bottom, random {RATIO:.0%} of {shape[0]} x {shape[1]}, {LANGUAGES} languages",
        f"{our:.3f} s",
        f"{plain:.2f} s (topk, random.sample)",
        plain / our,
        f"reading {gigabytes:.2f} GB once: {read:.3f} s, {our / read:.1f} times less",
    )


def build(folder: Path) -> dict[str, regions.Region]:
    """The three regions, by the recipes that the workflow uses."""
    ranked = {"scores": [f"l{language}/1" for language in range(LANGUAGES)], "ratio": RATIO}
    made = {
        "top": {"select": "top", **ranked},
        "bottom": {"select": "bottom", **ranked},
        "random": {"select": "random", "like": "top", "seed": 1},
    }
    return recipes.build(made, folder, {}.__getitem__)
