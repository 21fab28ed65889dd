"""Selection against a full sort, the algebra against Python sets."""

import math

import numpy as np
import pytest
from safetensors.numpy import save_file

from linguistic_regions import recipes, regions
from linguistic_regions.commands import UserError
from linguistic_regions.regions import Region, Scores

SHAPES = {"a.weight": (7, 11), "b.weight": (30, 5), "c.weight": (1, 3)}


def write_scores(folder, seed, ties=True):
    """Scores with many ties and zeros, as a folder of two shards."""
    generator = np.random.default_rng(seed)
    tensors = {name: generator.random(shape, np.float32) for name, shape in SHAPES.items()}
    if ties:
        tensors = {name: np.floor(score * 4) / np.float32(4) for name, score in tensors.items()}
    folder.mkdir(parents=True)
    names = list(tensors)
    save_file({name: tensors[name] for name in names[:1]}, folder / "importance-00001-of-00002.safetensors")
    save_file({name: tensors[name] for name in names[1:]}, folder / "importance-00002-of-00002.safetensors")
    return tensors


def chosen(region):
    """A region as a Python set of (parameter, flat index)."""
    return {(name, int(i)) for name in region.shapes for i in np.flatnonzero(region.mask(name))}


def sorted_choice(scores, count, largest):
    """Plain reference: a full, stable sort of all scores; ties keep their order."""
    return set(sorted(range(len(scores)), key=lambda i: -scores[i] if largest else scores[i])[:count])


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("ratio", [0.003, 0.03, 0.5, 0.99])
def test_selection_within_tensors_equals_a_full_sort(tmp_path, ratio, largest, ties):
    first, second = (write_scores(tmp_path / code, seed, ties) for seed, code in enumerate(["ru", "zh"]))
    region = regions.select(Scores([tmp_path / "ru", tmp_path / "zh"]), ratio, largest=largest)
    for name, shape in SHAPES.items():
        total = (first[name] + second[name]).reshape(-1)
        expected = sorted_choice(total, math.floor(ratio * math.prod(shape)), largest)
        assert set(np.flatnonzero(region.mask(name))) == expected


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("ratio", [0.01, 0.2, 0.7])
def test_selection_over_the_model_equals_a_full_sort(tmp_path, ratio, largest):
    tensors = write_scores(tmp_path / "ru", 0)
    region = regions.select(Scores([tmp_path / "ru"]), ratio, scope="model", largest=largest)
    places = [(name, i) for name in sorted(SHAPES) for i in range(math.prod(SHAPES[name]))]
    flat = np.concatenate([tensors[name].reshape(-1) for name in sorted(SHAPES)])
    expected = {places[i] for i in sorted_choice(flat, math.floor(ratio * len(flat)), largest)}
    assert chosen(region) == expected


def test_both_zeros_tie(tmp_path):
    (tmp_path / "x").mkdir()
    save_file({"a.weight": np.array([[-0.0, 0.0, -0.0, 0.0]], np.float32)}, tmp_path / "x/importance.safetensors")
    for largest in (True, False):
        region = regions.select(Scores([tmp_path / "x"]), 0.5, largest=largest)
        assert np.flatnonzero(region.mask("a.weight")).tolist() == [0, 1]


def test_nan_scores_are_refused(tmp_path):
    (tmp_path / "x").mkdir()
    save_file({"a.weight": np.array([[1.0, np.nan]], np.float32)}, tmp_path / "x/importance.safetensors")
    with pytest.raises(UserError, match="NaN"):
        regions.select(Scores([tmp_path / "x"]), 0.5)


def test_random_has_the_counts_asked_for_and_repeats_with_its_seed():
    counts = {"a.weight": 5, "b.weight": 150, "c.weight": 0}
    first, again, other = (regions.random(counts, SHAPES, seed) for seed in (1, 1, 2))
    assert first.counts == counts
    assert chosen(first) == chosen(again) != chosen(other)


@pytest.fixture
def pair():
    generator = np.random.default_rng(3)
    return [
        Region.from_masks({name: generator.random(shape) < 0.4 for name, shape in SHAPES.items()}) for _ in range(2)
    ]


def test_algebra_equals_that_of_sets(pair):
    a, b = pair
    x, y = chosen(a), chosen(b)
    everything = {(name, i) for name, shape in SHAPES.items() for i in range(math.prod(shape))}
    assert chosen(a | b) == x | y
    assert chosen(a & b) == x & y
    assert chosen(a - b) == x - y
    assert chosen(~a) == everything - x
    assert a.jaccard(b) == pytest.approx(len(x & y) / len(x | y))
    assert len(a) == len(x)
    assert a.size == len(everything)


def test_regions_of_other_models_do_not_mix(pair):
    other = Region.from_masks({"a.weight": np.ones((2, 2), bool)})
    with pytest.raises(UserError, match="not of the same model"):
        pair[0] | other


def test_file_round_trip_and_format(pair, tmp_path):
    region = pair[0]
    region.metadata = {"recipe": {"select": "top"}, "revision": "main"}
    region.save(tmp_path / "r.safetensors")
    again = Region.load(tmp_path / "r.safetensors")
    assert chosen(again) == chosen(region)
    assert again.metadata == region.metadata
    assert region.packed["a.weight"].dtype == np.uint8
    assert len(region.packed["a.weight"]) == math.ceil(77 / 8)


def test_damaged_files_are_named(pair, tmp_path):
    pair[0].save(tmp_path / "r.safetensors")
    whole = (tmp_path / "r.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[:-5])
    (tmp_path / "flipped.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 0x80]))
    for name in ("short", "flipped", "missing"):
        with pytest.raises(UserError, match=name):
            Region.load(tmp_path / f"{name}.safetensors")


def test_monolingual_is_the_top_without_the_others_top(tmp_path):
    """The whole chain of recipes, against sets."""
    config = {
        "seed": 0,
        "importance": {"samples": [4], "languages": ["ru", "zh", "es"]},
        "monolingual": {"languages": ["ru", "zh", "es"], "ratio": 0.2, "replicates": 2},
    }
    for seed, code in enumerate(["ru", "zh", "es"]):
        write_scores(tmp_path / "importance" / code / "4", seed)
    built = {}
    for name, recipe in recipes.monolingual(config).items():
        built[name] = recipes.make(recipe, tmp_path / "importance", built.__getitem__)
    tops = {code: chosen(built[f"top-{code}-4"]) for code in ("ru", "zh", "es")}
    assert chosen(built["monolingual-ru-4"]) == tops["ru"] - tops["zh"] - tops["es"]
    size = built["monolingual-ru-4"].counts
    assert sum(size.values()) > 0
    for control in ("monolingual-ru-4-bottom", "monolingual-ru-4-random-1", "monolingual-ru-4-random-2"):
        assert built[control].counts == size


def test_a_recipe_made_of_itself_is_refused():
    declared = {"a": {"select": "union", "of": ["b", "b"]}, "b": {"select": "union", "of": ["a", "a"]}}
    with pytest.raises(UserError, match="made of itself"):
        recipes.needed("a", declared)
    with pytest.raises(UserError, match="no region 'c'"):
        recipes.needed("d", {"d": {"select": "union", "of": ["c", "c"]}})
