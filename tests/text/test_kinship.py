"""Distances between languages: by hand, and that the table of lineages is Glottolog's."""

import importlib.util
import math
import subprocess
import sys
from itertools import product

import pytest

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.kinship import TABLE, close_languages, genealogy, lineages, script
from linguistic_regions.text.languages import languages
from machine import ROOT, require

CLOSE = {  # by family (Slavic, Romance), or by script and loanwords
    **{"ru": {"uk"}, "uk": {"ru"}, "es": {"pt", "it"}, "pt": {"es", "it"}, "it": {"es", "pt"}},
    **{"ar": {"fa"}, "fa": {"ar"}, "zh": {"ja"}, "ja": {"zh"}},
}
DEMO = ["en", "ar", "zh", "it", "ja", "ko", "fa", "pt", "ru", "es", "uk", "vi"]


def test_every_language_has_a_lineage_within_its_family():
    assert list(lineages()) == list(languages())
    other_names = {"Hellenic": "Greek", "Baltic": "Eastern Baltic", "Bantu": "Narrow Bantu"}
    for code, row in languages().items():
        assert other_names.get(row["family"], row["family"]) in lineages()[code], code


def test_genealogy_by_hand():
    """Russian has five ancestors, Ukrainian these and one more; with the languages themselves six and seven."""
    assert genealogy("ru", "uk") == pytest.approx(1 - 5 / math.sqrt(6 * 7))
    assert genealogy("ru", "ru") == 0
    assert genealogy("ko", "ja") == 1


def test_closer_branches_are_at_a_smaller_distance():
    assert genealogy("es", "pt") < genealogy("es", "it") < genealogy("es", "ru") < genealogy("es", "ar")
    assert genealogy("cs", "pl") < genealogy("cs", "ru") < genealogy("cs", "lt") < genealogy("cs", "en")


@pytest.mark.parametrize("distance", [genealogy, script])
def test_a_distance_is_symmetric_and_between_zero_and_one(distance):
    for first, second in product(languages(), repeat=2):
        assert distance(first, second) == distance(second, first)
        assert 0 <= distance(first, second) <= 1


def test_script_by_hand():
    assert script("es", "vi") == script("ru", "uk") == script("ar", "fa") == 0
    assert script("zh", "ja") == pytest.approx(2 / 3)
    assert script("zh", "ko") == script("ru", "es") == 1


def test_the_close_languages_of_the_demo_are_those_written_down_by_hand():
    found = close_languages(DEMO)
    assert {code: set(close) for code, close in found.items() if close} == CLOSE


def test_among_more_languages_more_are_close():
    """What was written down by hand for the demo leaves these out."""
    found = close_languages([*DEMO, "fr", "ro", "pl", "he", "de"])
    assert found["es"] == ("it", "pt", "fr", "ro")
    assert found["ru"] == ("uk", "pl")
    assert found["ar"] == ("fa", "he")
    assert found["en"] == ("de",)
    assert found["ko"] == found["vi"] == ()


def test_a_language_without_lineage_is_named(monkeypatch):
    monkeypatch.delitem(lineages(), "uk")
    with pytest.raises(UserError, match="'uk' is not in resources/lineages.tsv"):
        genealogy("ru", "uk")


@pytest.mark.slow
def test_the_table_is_what_the_package_says():
    require(importlib.util.find_spec("qq") is not None, "no qwanqwa: pip install -r envs/published.txt")
    run = subprocess.run([sys.executable, ROOT / "scripts/lineages.py"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout == TABLE.read_text(encoding="utf-8")
