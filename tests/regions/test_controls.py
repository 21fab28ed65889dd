"""Controls against plain counts, pairings against a sort, and random regions against chance."""

from itertools import combinations

import numpy as np
import pytest
from safetensors.numpy import save_file

import region as program
from linguistic_regions.planning import catalog, configuration
from linguistic_regions.regions import controls, recipes, selection
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError

SHAPES = {"a.weight": (60, 40), "b.weight": (30, 90)}


class Scores(dict):
    """Scores in memory: flat, float32."""

    shapes = SHAPES


def scores(seed, share=0.0):
    """Random scores with a heavy tail; a share of them zero."""
    generator = np.random.default_rng(seed)
    made = {name: np.abs(generator.standard_normal(shape, np.float32)) ** 3 for name, shape in SHAPES.items()}
    return Scores({name: np.where(generator.random(v.shape) < share, 0, v).reshape(-1) for name, v in made.items()})


def test_random_regions_of_a_run_overlap_by_chance():
    """All that a config declares, those with the same seed among them, and those of regions that are nearly equal."""
    config = configuration.check(
        {
            "languages": ["ru", "zh"],
            "importance": {"samples": [4, 8], "languages": ["ru", "zh"], "stability": {"checks": []}},
            "removal": {"ratios": [0.1, 0.2], "scopes": ["tensor", "model"], "replicates": 2},
            "monolingual": {"languages": ["ru", "zh"], "ratio": 0.2, "replicates": 2},
            "retraining": {"ratio": 0.1, "evaluate": ["zh"]},
            "freezing": {"ratio": 0.15},
        }
    )
    declared = {name: recipe for name, recipe in catalog.declared(config).items() if "match" not in recipe}
    chosen = [name for name, recipe in declared.items() if recipe["select"] == "random"]
    built = {}
    for wanted in chosen:
        for name, recipe in recipes.needed(wanted, declared).items():
            if name not in built:
                parts = [built[part] for part in recipes.like(recipe) + recipes.operands(recipe)]
                made = recipes.build(recipe, scores(len(recipe.get("scores", []))), parts, name)
                built[name] = Region.from_masks({matrix: made.mask(matrix) for matrix in made.shapes})
    # of the monolingual ones none are left, all languages having the same scores here
    drawn = {name: made for name, made in built.items() if declared[name]["select"] == "random" and len(made)}
    assert len(drawn) == 11
    for one, other in combinations(drawn.values(), 2):
        shared = len(one & other)
        pairs = [(one.count(name), other.count(name), np.prod(shape)) for name, shape in SHAPES.items()]
        expected = sum(a * b / size for a, b, size in pairs)
        spread = np.sqrt(sum(a * b * (size - a) * (size - b) / size**2 / (size - 1) for a, b, size in pairs))
        assert abs(shared - expected) < 5 * spread


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_magnitude_is_matched_outside_the_region(share):
    magnitude = scores(0, share)
    like = selection.random(selection.select(magnitude, 0.2), 3)
    made = controls.matched_magnitude(like, magnitude, 1, "x")
    assert made.counts == like.counts
    assert len(made & like) == 0
    measured = controls.magnitude_match(made, like, magnitude)
    assert measured["unmatched"] < 0.02 * len(like)  # the few that stand alone in either tail
    for name in SHAPES:
        theirs, ours = (np.sort(magnitude[name][region.mask(name).reshape(-1)]) for region in (like, made))
        matched = (theirs <= 1.1 * ours) & (ours <= 1.1 * theirs)
        assert (~matched).sum() <= measured["unmatched"]
    again, other = (controls.matched_magnitude(like, magnitude, 1, name) for name in "xy")
    assert again.fingerprint == made.fingerprint != other.fingerprint


def test_weights_without_a_match_get_the_nearest_and_are_counted():
    """The two largest of eight are the region: the next two stand in for them."""
    values = np.array([1, 2, 3, 40, 5, 60, 7, 120], np.float32)
    magnitude = type("Magnitude", (dict,), {"shapes": {"a.weight": (2, 4)}})({"a.weight": values})
    like = Region.from_masks({"a.weight": np.array([[0, 0, 0, 0], [0, 1, 0, 1]], bool)})
    made = controls.matched_magnitude(like, magnitude, 0)
    assert np.flatnonzero(made.mask("a.weight")).tolist() == [3, 6]
    assert controls.magnitude_match(made, like, magnitude) == {"unmatched": 2, "worst_ratio": pytest.approx(60 / 7)}
    nothing = type("Magnitude", (dict,), {"shapes": {"a.weight": (2, 4)}})({"a.weight": np.zeros(8, np.float32)})
    assert controls.magnitude_match(made, like, nothing) == {"unmatched": 0, "worst_ratio": 1.0}
    values[3] = values[6] = 0
    assert controls.magnitude_match(made, like, magnitude) == {"unmatched": 2, "worst_ratio": None}


def test_quota_takes_the_nearest_spare_of_each_bin():
    """Against going through the missing one by one."""
    generator = np.random.default_rng(0)
    for _ in range(200):
        wanted, has = generator.integers(0, 4, 30), generator.integers(0, 6, 30)
        if wanted.sum() > has.sum():
            continue
        quota, spare = np.minimum(wanted, has), has - np.minimum(wanted, has)
        for number in range(29, -1, -1):
            for _ in range(max(0, wanted[number] - has[number])):
                nearest = min(np.flatnonzero(spare), key=lambda bin: abs(bin - number))
                spare[nearest] -= 1
                quota[nearest] += 1
        assert np.array_equal(controls._nearest(wanted, has), quota)


def test_a_region_too_large_for_a_control_outside_is_refused():
    magnitude = scores(0)
    with pytest.raises(UserError, match="more than half of a.weight"):
        len(controls.matched_magnitude(selection.select(magnitude, 0.6), magnitude, 0))
    other = Region.from_masks({"a.weight": np.ones((2, 2), bool)})
    with pytest.raises(UserError, match="other matrices"):
        controls.matched_magnitude(other, magnitude, 0)


def dense_in_places(share=0.05):
    """A region that is dense in two rows and one column of each matrix."""
    masks = {}
    for seed, (name, shape) in enumerate(SHAPES.items()):
        masks[name] = np.random.default_rng(seed).random(shape) < share
        masks[name][[3, 7], : shape[1] // 3] = True
        masks[name][: shape[0] // 3, 5] = True
    return Region.from_masks(masks)


def test_rows_and_columns_keep_their_counts_outside_the_region():
    like = dense_in_places()
    made = controls.matched_dimensions(like, 1, "x")
    for name in SHAPES:
        assert np.array_equal(made.mask(name).sum(0), like.mask(name).sum(0))
        assert np.array_equal(made.mask(name).sum(1), like.mask(name).sum(1))
    assert controls.overlap(made, like) == 0
    again, other = (controls.matched_dimensions(like, 1, name) for name in "xy")
    assert again.fingerprint == made.fingerprint != other.fingerprint


def test_what_has_no_room_outside_stays():
    """Of a row that is full for 30 of its 40 columns, at least 20 places must be taken again."""
    mask = np.random.default_rng(0).random((60, 40)) < 0.02
    mask[9, :30], mask[9, 30:] = True, False
    like = Region.from_masks({"a.weight": mask})
    made = controls.matched_dimensions(like, 1)
    assert np.array_equal(made.mask("a.weight").sum(0), mask.sum(0))
    assert np.array_equal(made.mask("a.weight").sum(1), mask.sum(1))
    assert 20 <= controls.overlap(made, like) <= 25
    full = Region.from_masks({"a.weight": np.ones((3, 4), bool), "b.weight": np.zeros((3, 4), bool)})
    assert controls.matched_dimensions(full, 1).fingerprint == full.fingerprint


def test_swaps_reach_all_regions_of_the_same_sums():
    """One weight in each of four rows and columns: of the 24 permutations the nine without a fixed point are left.

    The repairs favor some of them, by less than half.
    """
    like = Region.from_masks({"a.weight": np.eye(4, dtype=bool)})
    found = [tuple(controls.matched_dimensions(like, seed).mask("a.weight").argmax(1)) for seed in range(450)]
    assert len(set(found)) == 9
    counts = np.unique(found, axis=0, return_counts=True)[1]
    assert np.abs(counts - 50).max() < 25, counts


def test_experts_are_a_stack_of_matrices():
    mask = np.random.default_rng(0).random((3, 20, 30)) < 0.1
    made = controls.matched_dimensions(Region.from_masks({"experts": mask}), 0).mask("experts")
    assert np.array_equal(made.sum(1), mask.sum(1))
    assert np.array_equal(made.sum(2), mask.sum(2))


@pytest.fixture
def files(tmp_path):
    """A region, and magnitudes as the estimator's folder."""
    folder = tmp_path / "importance/magnitude/ru/4"
    folder.mkdir(parents=True)
    magnitude = scores(0)
    save_file({name: magnitude[name].reshape(SHAPES[name]) for name in SHAPES}, folder / "importance.safetensors")
    dense_in_places().save(tmp_path / "core.safetensors")
    return tmp_path, folder


def test_the_program_records_how_well_a_control_matches(files):
    folder, magnitude = files
    shared = {"select": "random", "like": (folder / "core.safetensors",), "seed": 1}
    program.build(**shared, match="magnitude", scores=(magnitude,), output=folder / "m.safetensors")
    program.build(**shared, match="dimensions", output=folder / "d.safetensors")
    program.build(**shared, output=folder / "one.safetensors")
    program.build(**shared, output=folder / "two.safetensors")
    matched, moved, one, two = (Region.load(folder / f"{name}.safetensors") for name in ("m", "d", "one", "two"))
    like = Region.load(folder / "core.safetensors")
    assert matched.metadata["matching"] == controls.magnitude_match(matched, like, scores(0))
    assert matched.metadata["recipe"]["match"] == "magnitude"
    assert matched.fingerprint == controls.matched_magnitude(like, scores(0), 1, "m").fingerprint
    assert moved.metadata["matching"] == {"overlap": 0}
    assert "matching" not in one.metadata
    assert one.fingerprint != two.fingerprint
    assert not list(folder.glob(".*"))
    with pytest.raises(UserError, match="needs --scores"):
        program.build(**shared, match="magnitude", output=folder / "m.safetensors")
