"""Overlap of languages' regions, against Python sets."""

from itertools import combinations

import numpy as np
import pytest

from linguistic_regions.regions.overlap import of_tops
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from mistakes import end_of

SHAPES = {"a.weight": (7, 11), "b.weight": (30, 5)}


def random_region(seed, share=0.3):
    generator = np.random.default_rng(seed)
    return Region.from_masks({name: generator.random(shape) < share for name, shape in SHAPES.items()})


def chosen(region):
    return {(name, int(i)) for name in region.shapes for i in np.flatnonzero(region.mask(name))}


def test_the_overlap_of_each_two_tops_equals_that_of_sets():
    tops = {code: random_region(seed) for seed, code in enumerate(["ar", "es", "ru", "zh", "ko"])}
    sets = {code: chosen(top) for code, top in tops.items()}
    top, alone = of_tops(tops)
    assert set(top) == set(alone) == set(combinations(tops, 2))
    for first, second in top:
        a, b = sets[first], sets[second]
        assert top[first, second] == len(a & b) / len(a | b)
        others = set().union(*(each for code, each in sets.items() if code not in (first, second)))
        a, b = a - others, b - others
        assert alone[first, second] == len(a & b) / len(a | b)


def test_two_languages_have_no_others():
    tops = {"ru": random_region(0), "uk": random_region(1)}
    top, alone = of_tops(tops)
    assert top == alone == {("ru", "uk"): tops["ru"].jaccard(tops["uk"])}


def test_no_languages_have_no_pairs():
    assert of_tops({}) == ({}, {})


def test_regions_of_different_models_are_not_compared():
    other = Region.from_masks({"a.weight": np.ones((2, 2), dtype=bool)})
    with pytest.raises(UserError, match="uk and ru belong to different models"):
        of_tops({"ru": random_region(0), "uk": other})


def test_two_files_of_one_name_are_refused_by_all_that_name_regions_in_tables(tmp_path, monkeypatch):
    files = [tmp_path / folder / "top.safetensors" for folder in ("a", "b")]
    for path in files:
        random_region(0).save(path)
    told = f"error: {files[0]} and {files[1]} are of one name, top: rename one of the files"
    overlaps = ("--overlap", tmp_path / "o.csv", "--density", tmp_path / "d.csv")
    evaluations = ("--model", tmp_path, "--output", tmp_path / "e", "--name", "x", "--checkpoints", tmp_path / "c")
    for program, options in {"overlap": overlaps, "evaluate": evaluations}.items():
        assert end_of(monkeypatch, program, *options, "--regions", *files) == f"{program}.py: {told}"
