"""Selection against a full sort, the algebra against Python sets."""

import math
import tracemalloc
from itertools import product

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from linguistic_regions.importance.scores import Scores
from linguistic_regions.planning import catalog
from linguistic_regions.regions import recipes, selection
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError

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
    region = selection.select(Scores([tmp_path / "ru", tmp_path / "zh"]), ratio, top=largest)
    for name, shape in SHAPES.items():
        total = (first[name] + second[name]).reshape(-1)
        expected = sorted_choice(total, math.floor(ratio * math.prod(shape)), largest)
        assert set(np.flatnonzero(region.mask(name))) == expected


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("ratio", [0.01, 0.2, 0.7])
def test_selection_over_the_model_equals_a_full_sort(tmp_path, ratio, largest):
    tensors = write_scores(tmp_path / "ru", 0)
    region = selection.select(Scores([tmp_path / "ru"]), ratio, scope="model", top=largest)
    places = [(name, i) for name in sorted(SHAPES) for i in range(math.prod(SHAPES[name]))]
    flat = np.concatenate([tensors[name].reshape(-1) for name in sorted(SHAPES)])
    expected = {places[i] for i in sorted_choice(flat, math.floor(ratio * len(flat)), largest)}
    assert chosen(region) == expected


def test_both_zeros_tie(tmp_path):
    (tmp_path / "x").mkdir()
    save_file({"a.weight": np.array([[-0.0, 0.0, -0.0, 0.0]], np.float32)}, tmp_path / "x/importance.safetensors")
    for largest in (True, False):
        region = selection.select(Scores([tmp_path / "x"]), 0.5, top=largest)
        assert np.flatnonzero(region.mask("a.weight")).tolist() == [0, 1]


def test_nan_scores_are_refused(tmp_path):
    (tmp_path / "x").mkdir()
    save_file({"a.weight": np.array([[1.0, np.nan]], np.float32)}, tmp_path / "x/importance.safetensors")
    with pytest.raises(UserError, match="NaN"):
        len(selection.select(Scores([tmp_path / "x"]), 0.5))


def test_random_has_the_counts_asked_for_and_repeats_with_its_seed():
    counts = {"a.weight": 5, "b.weight": 149, "c.weight": 0}
    like = Region.from_masks(
        {name: np.arange(math.prod(shape)).reshape(shape) < counts[name] for name, shape in SHAPES.items()}
    )
    first, again, other = (selection.random(like, seed) for seed in (1, 1, 2))
    assert first.counts == counts
    assert chosen(first) == chosen(again) != chosen(other)


def made(folder, declared):
    """The regions of some recipes, whose scores are below `folder`."""
    built = {}
    for name in (name for wanted in declared for name in recipes.needed(wanted, declared)):
        recipe = declared[name]
        folders = [[folder / scores for scores in recipe.get(key, [])] for key in ("scores", "minus")]
        scored = Scores(*folders) if "scores" in recipe else None
        built[name] = recipes.build(recipe, scored, [built[part] for part in recipes.dependencies(recipe)])
    return built


def test_each_kind_of_recipe_against_sets(tmp_path):
    for seed, code in enumerate(["ru", "zh"]):
        write_scores(tmp_path / code / "4", seed)
    ranked = {"scores": ["ru/4", "zh/4"], "ratio": 0.2}
    regions = made(tmp_path, {
        "top": {"select": "top", **ranked},
        "bottom": {"select": "bottom", "scores": ["ru/4", "zh/4"], "like": "top"},
        "random": {"select": "random", "like": "top", "seed": 1},
        "rest": {"select": "complement", "of": ["top"]},
        "either": {"select": "union", "of": ["top", "random", "bottom"]},
        "both": {"select": "intersection", "of": ["rest", "random", "either"]},
        "but": {"select": "difference", "of": ["either", "top", "bottom"]},
        "model": {"select": "top", **ranked, "scope": "model"},
    })  # fmt: skip
    sets = {name: chosen(region) for name, region in regions.items()}
    scores = Scores([tmp_path / "ru/4", tmp_path / "zh/4"])
    assert sets["top"] == chosen(selection.select(scores, 0.2))
    assert sets["model"] == chosen(selection.select(scores, 0.2, scope="model"))
    assert regions["bottom"].counts == regions["random"].counts == regions["top"].counts
    assert sets["rest"] == chosen(~regions["top"])
    assert sets["either"] == sets["top"] | sets["random"] | sets["bottom"]
    assert sets["both"] == sets["random"] - sets["top"]
    assert sets["but"] == sets["random"] - sets["top"] - sets["bottom"]


def test_a_recipe_that_is_none_is_refused():
    with pytest.raises(UserError, match="recipe: unknown select 'best'"):
        recipes.build({"select": "best"}, None, [])


def test_memory_does_not_grow_with_layers_or_languages(tmp_path):
    """Peak of what numpy allocates while regions are saved, in sizes of one matrix of scores."""
    matrix = (256, 512)

    def peak(layers, languages):
        folder = tmp_path / f"{layers}-{languages}"
        for seed in range(languages):
            generator = np.random.default_rng(seed)
            scores = {f"layers.{layer}.weight": generator.random(matrix, np.float32) for layer in range(layers)}
            (folder / f"l{seed}/4").mkdir(parents=True)
            save_file(scores, folder / f"l{seed}/4/importance.safetensors")
        summed = {"select": "top", "scores": [f"l{seed}/4" for seed in range(languages)], "ratio": 0.03}
        rest = {"select": "complement", "of": ["top"]}
        regions = made(folder, {"top": summed, "random": {"select": "random", "like": "top", "seed": 1}, "rest": rest})
        tracemalloc.start()
        for name, region in regions.items():
            region.save(folder / f"{name}.safetensors")
        tracked = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return tracked / (4 * math.prod(matrix))

    small = peak(2, 2)
    assert peak(20, 2) < 1.1 * small
    assert peak(2, 10) < 1.1 * small


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
    with pytest.raises(UserError, match="belong to different models"):
        pair[0] | other


def test_file_round_trip_and_format(pair, tmp_path):
    region = pair[0]
    region.metadata = {"recipe": {"select": "top"}, "revision": "main"}
    region.save(tmp_path / "r.safetensors")
    again = Region.load(tmp_path / "r.safetensors")
    assert chosen(again) == chosen(region)
    assert again.metadata == region.metadata
    assert again.fingerprint == region.fingerprint != pair[1].fingerprint
    assert load_file(tmp_path / "r.safetensors")["a.weight"].shape == (math.ceil(77 / 8),)
    assert region.packed["a.weight"].dtype == np.uint8
    assert len(region.packed["a.weight"]) == math.ceil(77 / 8)


def test_damaged_files_are_named(pair, tmp_path):
    pair[0].save(tmp_path / "r.safetensors")
    whole = (tmp_path / "r.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[:-5])
    (tmp_path / "flipped.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 0x80]))
    for name in ("short", "flipped", "missing"):
        with pytest.raises(UserError, match=name):
            len(Region.load(tmp_path / f"{name}.safetensors"))


def test_a_file_that_a_region_is_read_from_was_written_again(pair, tmp_path):
    """It is whole, so it is not called corrupted."""
    pair[0].save(tmp_path / "r.safetensors")
    both = Region.load(tmp_path / "r.safetensors") | pair[1]
    both.save(tmp_path / "r.safetensors")
    assert chosen(Region.load(tmp_path / "r.safetensors")) == chosen(pair[0] | pair[1])
    with pytest.raises(UserError, match="r.safetensors was written again since it was loaded: load it again"):
        len(both)


def monolingual_config(**settings):
    """What the catalog reads of a config, and the regions of three languages."""
    languages = ["ru", "zh", "es"]
    plain = {
        "languages": languages,
        "ratio": 0.2,
        "designs": ["difference"],
        "subtract": None,
        "size": "own",
        "kin": [],
    }
    return {
        "seed": 0,
        "importance": {"samples": [4], "languages": languages, "estimator": "taylor"},
        "monolingual": plain | {"controls": ["bottom", "random"], "replicates": 2} | settings,
    }


@pytest.fixture
def three(tmp_path):
    """Scores of three languages."""
    codes = ("ru", "zh", "es")
    return {code: write_scores(tmp_path / "taylor" / code / "4", seed) for seed, code in enumerate(codes)}


@pytest.mark.parametrize("subtract", [None, ["ru", "es"]])
def test_monolingual_is_the_top_without_the_others_top(tmp_path, three, subtract):
    """The whole chain of recipes, against sets."""
    config = monolingual_config(subtract=subtract)
    built = made(tmp_path, catalog.monolingual(config))
    expected = chosen(built["top-ru-4"])
    for other in subtract or ["zh", "es"]:
        expected -= chosen(built[f"top-{other}-4"]) if other != "ru" else set()
    assert chosen(built["monolingual-ru-4"]) == expected
    size = built["monolingual-ru-4"].counts
    assert sum(size.values()) > 0
    for control in ("monolingual-ru-4-bottom", "monolingual-ru-4-random-1", "monolingual-ru-4-random-2"):
        assert built[control].counts == size
    told = catalog.monolingual(config)["monolingual-ru-4"]["label"]["subtracted"]
    assert told.split() == [code for code in subtract or ["zh", "es"] if code != "ru"]


def test_contrast_is_the_top_of_the_scores_less_the_mean_of_the_others(tmp_path, three):
    """Against a full sort. The scores have many ties, and their differences are exact."""
    config = monolingual_config(designs=["difference", "contrast"])
    built = made(tmp_path, catalog.monolingual(config))
    for name, shape in SHAPES.items():
        difference = (three["ru"][name] - (three["zh"][name] + three["es"][name]) / np.float32(2)).reshape(-1)
        expected = sorted_choice(difference, math.floor(0.2 * math.prod(shape)), True)
        assert set(np.flatnonzero(built["contrast-ru-4"].mask(name))) == expected
    kinds = {
        name: recipe["label"]["kind"] for name, recipe in catalog.monolingual_sets(config)["contrast-ru-4"].items()
    }
    assert list(kinds.values()) == ["contrast", "contrast_bottom", "contrast_random", "contrast_random"]
    assert all(built[name].counts == built["contrast-ru-4"].counts for name in kinds)


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_subtracted_scores_that_are_not_finite_are_refused(tmp_path, value):
    for name, scores in {"x": [1.0, 2.0], "y": [value, 2.0]}.items():
        (tmp_path / name).mkdir()
        save_file({"a.weight": np.array([scores], np.float32)}, tmp_path / name / "importance.safetensors")
    with pytest.raises(UserError, match="y: a.weight has NaN or infinite"):
        len(selection.select(Scores([tmp_path / "x"], [tmp_path / "y"]), 0.5))


@pytest.mark.parametrize("designs", [["difference"], ["difference", "contrast"]])
def test_regions_cut_to_the_smallest_keep_their_largest_scores(tmp_path, three, designs):
    config = monolingual_config(designs=designs, size="smallest")
    declared = catalog.monolingual(config)
    built = made(tmp_path, declared)
    whole = {name: region for name, region in built.items() if name.endswith("-uncut")}
    assert len(whole) == 3 * len(designs)
    for name in SHAPES:
        smallest = min(region.count(name) for region in whole.values())
        for language, kind in product(three, ("monolingual", "contrast")[: len(designs)]):
            score = three[language][name].reshape(-1)
            if kind == "contrast":
                others = [three[code][name].reshape(-1) for code in three if code != language]
                score = score - sum(others) / np.float32(2)
            inside = built[f"{kind}-{language}-4-uncut"].mask(name).reshape(-1)
            expected = sorted_choice(np.where(inside, score, -np.inf), smallest, True)
            assert set(np.flatnonzero(built[f"{kind}-{language}-4"].mask(name))) == expected
            assert built[f"{kind}-{language}-4-random-1"].count(name) == smallest


def test_a_recipe_made_of_itself_is_refused():
    declared = {"a": {"select": "union", "of": ["b", "b"]}, "b": {"select": "union", "of": ["a", "a"]}}
    with pytest.raises(UserError, match="depends on itself"):
        recipes.needed("a", declared)
    with pytest.raises(UserError, match="no region 'c'"):
        recipes.needed("d", {"d": {"select": "union", "of": ["c", "c"]}})


def test_what_a_region_is_not_is_said_without_advice_to_remove_a_folder(tmp_path):
    with pytest.raises(UserError, match="is a folder: name a region's file in it"):
        Region.load(tmp_path)
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"not a readable region \(it has no masks\)"):
        Region.load(tmp_path / "model.safetensors")


def test_a_parameter_that_a_region_does_not_have_is_named():
    with pytest.raises(UserError, match="a region has no parameter 'v': its parameters are w"):
        Region.from_masks({"w": np.ones(3, bool)}).mask("v")


def test_regions_are_no_scores(tmp_path):
    Region.from_masks({"w": np.ones(16, bool)}).save(tmp_path / "r.safetensors")
    with pytest.raises(UserError, match="its tensors are uint8, so no importance scores"):
        Scores([tmp_path])


@pytest.mark.parametrize("mask", [np.full((2, 2), 0.5), None, [[0.5, 1.0]]])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(UserError, match="the mask of a is not an array of dtype bool"):
        Region.from_masks({"a": mask})
