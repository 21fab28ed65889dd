"""The program that compares languages, on small regions and tables."""

import numpy as np
import pytest

import kinship
import synthetic_results as synthetic
from linguistic_regions.regions.region import Region
from linguistic_regions.statistics import measures, tables
from linguistic_regions.statistics.domains import first
from linguistic_regions.text.kinship import genealogy, script


@pytest.fixture
def compare(tmp_path):
    """Run the program on random top regions of some languages, and read its tables."""

    def run(*languages, removal=None):
        generator = np.random.default_rng(0)
        for code in languages:
            Region.from_masks({"a.weight": generator.random((20, 30)) < 0.3}).save(tmp_path / f"{code}.safetensors")
        synthetic.write({"removal": synthetic.removal() if removal is None else removal}, tmp_path)
        kinship.main(
            removal=tmp_path / "removal.csv",
            pairs=tmp_path / "kinship_pairs.csv",
            output=tmp_path / "kinship.csv",
            languages=languages,
            regions=tuple(tmp_path / f"{code}.safetensors" for code in languages),
        )
        return [tables.read(tmp_path / f"{name}.csv", name) for name in ("kinship", "kinship_pairs")]

    return run


def test_pairs_have_what_they_have_in_common_and_their_distances(compare, tmp_path):
    tests, pairs = compare("ar", "es", "ru", "uk", "zh", "vi")
    assert set(tests["measure"]) == {"jaccard_top", "jaccard_monolingual"}
    assert (tests["n"] == 6).all() and (tests["p"] > 0).all()
    indexed = pairs.set_index(["measure", "language_a", "language_b"])
    ru, uk = (Region.load(tmp_path / f"{code}.safetensors") for code in ("ru", "uk"))
    expected = (ru.jaccard(uk), genealogy("ru", "uk"), script("ru", "uk"))
    assert indexed.loc[("jaccard_top", "ru", "uk")].to_numpy() == pytest.approx(expected)


def test_damage_is_that_of_languages_without_a_region(compare):
    """Of Russian, Ukrainian and Chinese each top was subtracted from the others' regions; English alone has none."""
    _, pairs = compare("ru", "uk", "zh")
    damage = pairs[pairs["measure"] == "damage"]
    assert list(zip(damage["language_a"], damage["language_b"], strict=True)) == [(x, "en") for x in ("ru", "uk", "zh")]
    matrix = measures.monolingual_matrix(measures.log_ratios(first(synthetic.removal())))
    assert damage["value"].to_numpy() == pytest.approx(matrix["en"].to_numpy())


def test_a_run_without_regions_of_languages_has_empty_tables(compare):
    removal = synthetic.removal()
    tests, pairs = compare(removal=removal[removal["kind"] == "base"])
    assert tests.empty and pairs.empty
