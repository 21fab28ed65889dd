"""Competence beside performance: what is measured is told, and at chance there is no story about lesions."""

import math

import pandas as pd
import pytest

import synthetic_results as synthetic
from linguistic_regions.reporting import probes
from linguistic_regions.reporting.figures.probes import probes as draw
from linguistic_regions.statistics.probes import tables as tables_of_pairs
from linguistic_regions.statistics.tables import ordered
from synthetic_probes import probes as synthetic_probes


def tables(**options) -> dict[str, pd.DataFrame]:
    made = tables_of_pairs(*synthetic_probes(pairs=40, **options))
    return {name: ordered(table, name, synthetic.LANGUAGES) for name, table in made.items()}


@pytest.fixture(scope="module")
def able() -> dict[str, pd.DataFrame]:
    """Tables of a model that knows the grammar and answers."""
    return tables(competence=0.95, performance=0.9)


def russian(found: dict[str, pd.DataFrame]) -> probes.Section:
    return next(each for each in probes.sections(found, synthetic.NAMES) if each.title.startswith("Russian"))


def row(section: probes.Section, lesion: str) -> dict[str, str]:
    (cells,) = [cells for cells in section.lesions.rows if cells[0] == lesion]
    headings = [f"{group}: {heading}" for group, of_group in section.lesions.groups for heading in of_group]
    return dict(zip(headings, cells[1:], strict=True))


def test_a_section_per_language_says_what_the_intact_model_does(able):
    titles = [section.title for section in probes.sections(able, synthetic.NAMES)]
    assert titles == [f"{synthetic.NAMES[code]}, pairs from templates" for code in synthetic.LANGUAGES]
    text = " ".join(russian(able).sentences)
    assert "By the probability of the sentences, the intact model is right in 95 % [" in text
    assert "Asked about them, the intact model is right in 90 % [" in text
    assert "of 40 pairs (10 templates)." in text and "names the first option in" in text
    assert "40 pairs tell two accuracies apart that differ by" in text
    assert "chance" not in text


def test_lesions_are_compared_with_the_intact_model(able):
    section = russian(able)
    lost, intact = row(section, "Region, Russian (256 samples)"), row(section, "None")
    assert lost["Competence (direct): change, points"].startswith("−25 [−")
    assert lost["Competence (direct): change of margin, nats"].startswith("−2.00")
    assert lost["Performance (prompted): change, points"].startswith("−25 [−")
    assert lost["Gap: points"].startswith("+5 [") and lost["Gap: change, points"].startswith("+0 [")
    assert intact["Competence (direct): change, points"] == "–" and intact["Gap: points"].startswith("+5 [")
    assert row(section, "Core, 3 %")["Competence (direct): right"].endswith("(chance)")
    assert row(section, "Random, Russian (256 samples)")["Performance (prompted): right"] == "–"


@pytest.mark.parametrize(("performance", "where"), [(0.5, "at"), (0.2, "below")])
def test_no_story_is_told_about_lesions_of_what_is_not_above_chance(performance, where):
    section = russian(tables(competence=0.95, performance=performance, told=0.1))
    assert f"{where} chance, so nothing is said of what lesions do to it." in " ".join(section.sentences)
    lost = row(section, "Region, Russian (256 samples)")
    assert lost["Performance (prompted): change, points"] == lost["Gap: change, points"] == "–"
    assert lost["Competence (direct): change, points"].startswith("−25")
    assert "not above chance" in section.lesions.notes[-1]


def test_prompts_have_a_row_each_with_fillers_by_number(able):
    section = russian(able)
    assert [cells[2:4] for cells in section.prompts.rows] == [
        (template, filler)
        for template in ("chat", "plain")
        for filler in ("none", "dots-8", "dots-32", "instruction-32")
    ]
    first = section.prompts.rows[0]
    assert float(first[5].removesuffix(" %")) > float(first[6].removesuffix(" %"))  # "1" leads
    assert ("choice simple, en, plain, dots-8, both, good first", "Which is better? ........ <1>") in section.examples


def test_without_prompts_there_is_competence_alone(able):
    direct = {"probes": able["probes"][able["probes"]["method"] != "prompted"]}
    section = russian(direct)
    assert [group for group, _ in section.lesions.groups] == ["Competence (direct)"]
    assert section.prompts is None and section.examples == ()
    assert probes.sections({}, synthetic.NAMES) == []


def test_a_panel_per_language_and_a_line_of_dots_per_lesion(able):
    figure = draw(able["probes"], synthetic.LANGUAGES, synthetic.NAMES)
    assert [panel.get_title() for panel in figure.axes] == [synthetic.NAMES[code] for code in synthetic.LANGUAGES]
    panel = figure.axes[1]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["None", "Core, 3 %"]
    direct, prompted = (container.lines[0] for container in panel.containers)
    lesions = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    place = lesions.index("Region, Russian (256 samples)")
    assert direct.get_xdata()[[0, 1, place]] == pytest.approx([95, 50, 70])
    assert prompted.get_xdata()[0] == pytest.approx(90)
    assert math.isnan(prompted.get_xdata()[lesions.index("Random, Russian (256 samples)")])
    assert draw(able["probes"].iloc[:0], synthetic.LANGUAGES, synthetic.NAMES) is None


def test_many_languages_and_sources_have_rows_of_panels(able):
    table = able["probes"]
    many = pd.concat([table, table.assign(source="blimp"), table[table["language"] == "en"].assign(language="de")])
    figure = draw(many, synthetic.LANGUAGES, synthetic.NAMES)
    shown = [panel.get_title() for panel in figure.axes if panel.get_visible()]
    assert len(shown) == 9 and "English, blimp" in shown and "de, templates" in shown
