"""Figures are drawn from what is there, and are the same bytes for the same data."""

import math
import runpy
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.patches import Polygon

import synthetic_results as synthetic
from linguistic_regions.reporting.figures import (
    barchart,
    curves,
    draw,
    heatmaps,
    kinship,
    overlap,
    selectivity,
    sizes,
    stability,
)

PROGRAM = Path(__file__).parents[2] / "scripts" / "figures.py"
ALL = {"stability", "removal", "monolingual", "selectivity", "retraining", "freezing", "density", "overlap", "kinship"}
ALL |= {"probes"}


def draw_files(tables: dict, folder: Path) -> dict[str, bytes]:
    """Run the program on tables and read the figures that it writes, by file name."""
    synthetic.write(tables, folder / "tables")
    main = runpy.run_path(str(PROGRAM))["main"]
    main(tables=folder / "tables", output=folder / "figures", languages=tuple(synthetic.LANGUAGES))
    return {path.name: path.read_bytes() for path in sorted((folder / "figures").iterdir())}


def test_every_figure_in_both_formats_and_the_same_bytes_again(tmp_path):
    first = draw_files(synthetic.everything(), tmp_path / "first")
    assert set(first) == {f"{name}.{ending}" for name in ALL for ending in ("svg", "png")}
    assert draw_files(synthetic.everything(), tmp_path / "second") == first


@pytest.mark.parametrize(
    ("table", "drawn"),
    [
        ("removal", {"removal", "monolingual"}),
        ("selectivity", {"selectivity"}),
        ("probes", {"probes"}),
        ("retraining", {"retraining"}),
        ("freezing", {"freezing"}),
        ("density", {"density"}),
        ("overlap", {"overlap"}),
        ("kinship_pairs", {"kinship"}),
        ("stability", {"stability"}),
        ("further", set()),
    ],
)
def test_an_absent_experiment_has_no_figure(table, drawn):
    tables = {table: synthetic.everything()[table]}
    assert {name for name, _ in draw(tables, synthetic.LANGUAGES)} == drawn


def test_removal_has_a_panel_per_ratio_and_scope_and_a_bar_per_language_and_kind():
    figure = barchart.core_removal(synthetic.removal(), synthetic.LANGUAGES)
    assert [panel.get_title() for panel in figure.axes] == [
        f"{ratio} % removed, ranked within each tensor" for ratio in (1, 3)
    ]
    panel = figure.axes[1]
    assert [label.get_text() for label in panel.get_xticklabels()] == synthetic.LANGUAGES
    heights = {
        container.get_label(): [bar.get_y() + bar.get_height() for bar in container] for container in bars(panel)
    }
    assert heights["top (core) removed"][1] == pytest.approx(2.718281828)
    assert panel.get_ylim()[0] == pytest.approx(1, rel=0.05)
    assert panel.get_ylim()[1] > max(heights["top (core) removed"])


def bars(panel) -> list:
    """The groups of bars of a panel (its other containers are the intervals)."""
    return [container for container in panel.containers if hasattr(container, "patches")]


def test_bars_say_factors_that_are_too_small_to_be_seen():
    panel = barchart.core_removal(synthetic.removal(top=16), synthetic.LANGUAGES).axes[1]
    words = [text.get_text() for text in panel.texts]
    assert words.count("×1.001") == 4, "bottom"
    assert sum(word.startswith("×1.05") or word.startswith("×1.04") for word in words) == 4, "random"
    assert panel.get_ylim()[1] > math.exp(16 * 1.1), "room for the highest label"


def test_heatmap_shows_the_doubling_of_perplexity_as_a_factor_of_two():
    table = synthetic.removal(own=0.6931471805599453)
    figure = heatmaps.monolingual(table, synthetic.LANGUAGES)
    values = figure.axes[0].images[0].get_array()
    assert values[0, 1] == pytest.approx(
        0.6931471805599453
    )  # the first region is Russian's, the second language Russian
    assert figure.axes[1].images[0].get_array().max() < 0.1  # the random control
    assert "×2.00" in [text.get_text() for text in figure.axes[0].texts]
    assert [label.get_text() for label in figure.axes[-1].get_yticklabels()] == ["1", "2"]


def test_heatmap_marks_the_languages_that_were_subtracted():
    """Of Russian's region Ukrainian and Chinese: none of English, which has no region, and none of the control."""
    figure = heatmaps.monolingual(synthetic.removal(), synthetic.LANGUAGES)
    region, control = ([corner for corner in panel.patches if isinstance(corner, Polygon)] for panel in figure.axes[:2])
    assert control == []
    cells = {tuple((corner.get_xy()[0] + (-0.5, 0.5)).astype(int)) for corner in region}
    assert cells == {(column, row) for row in range(3) for column in (1, 2, 3) if column != row + 1}


def test_own_and_others_are_bars_with_intervals_and_lines_of_the_control():
    figure = selectivity.selectivity(synthetic.selectivity(), synthetic.LANGUAGES)
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == [f"Monolingual region removed, {domain}" for domain in synthetic.DOMAINS]
    first, second = figure.axes
    assert [label.get_text() for label in second.get_xticklabels()] == ["ru", "uk", "zh"]
    heights = {group.get_label(): [bar.get_height() for bar in group] for group in bars(first)}
    assert heights["own language"] == pytest.approx([math.exp(0.6) - 1] * 3)
    assert heights["others, subtracted"] == pytest.approx([math.exp(0.1) - 1] * 3)
    own = bars(first)[0].errorbar.lines[2][0].get_segments()[0]
    assert own[:, 1] == pytest.approx([math.exp(0.5), math.exp(0.7)])
    assert math.isnan(bars(second)[0][1].get_height())  # Ukrainian was not tested there
    table = synthetic.selectivity()
    assert selectivity.selectivity(table[table["kind"] == "random"], synthetic.LANGUAGES) is None


def test_forgetting_is_drawn_for_each_learning_rate():
    figure = curves.freezing(synthetic.freezing(), synthetic.LANGUAGES)
    assert [panel.get_title() for panel in figure.axes[:2]] == ["learning rate 10⁻⁴", "learning rate 10⁻³"]
    full = {line.get_label(): line.get_ydata() for line in figure.axes[1].get_lines()}["everything trained"]
    assert full[0] == 1 and full[-1] > 1


def test_freezing_of_one_language_alone_is_drawn():
    table = synthetic.freezing()
    alone = table[table["language"] == table["train_language"]]
    figure = curves.freezing(alone, synthetic.LANGUAGES)
    assert len(figure.axes) == 2  # a panel per learning rate


def test_stability_has_a_curve_per_language_with_its_end_beside_it_and_two_lines():
    panel = stability.stability(synthetic.stability(end=0.6)).axes[0]
    curves = {line.get_label(): list(line.get_ydata()) for line in panel.get_lines()}
    assert curves["zh"] == pytest.approx([0.21, 0.31, 0.41, 0.51, 0.61])
    words = [text.get_text() for text in panel.texts]
    assert words == ["ru 0.59", "uk 0.60", "zh 0.61", "threshold: 0.95", "by chance: 0.015"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["16", "32", "64", "128", "256"]


def test_labels_of_thirty_languages_that_end_alike_stand_apart_and_in_the_panel():
    places = stability.spread([0.9] * 15 + [0.95] * 15, gap=1 / 30)
    assert (places[1:] - places[:-1] >= 1 / 30 - 1e-9).all()
    assert places[0] >= 0 and places[-1] <= 1
    assert stability.spread([0.2, 0.5, 0.52], gap=0.1) == pytest.approx([0.2, 0.46, 0.56])


def test_removal_curves_show_each_score_random_and_what_is_left_without_outliers():
    panel = sizes.curves(synthetic.curves()).axes[0]
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    lines = {line.get_label(): line for line in panel.get_lines() if not line.get_label().startswith("_")}
    assert list(lines) == ["top by taylor", "top by taylor, without outlier dimensions", "random"]
    taylor = lines["top by taylor"]
    assert list(taylor.get_xdata()) == [0.001, 0.003, 0.01, 0.03, 0.1]  # the core's ratios among them
    assert taylor.get_ydata()[0] == pytest.approx(2.718281828**0.4)
    assert list(lines["top by taylor, without outlier dimensions"].get_xdata()) == [0.001, 0.003, 0.1]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0.1 %", "0.3 %", "1 %", "3 %", "10 %"]


def test_two_sizes_are_no_curve():
    assert sizes.curves(synthetic.removal()) is None


def test_density_follows_the_prefix():
    assert heatmaps.density(synthetic.density(), ["mono"]) is None
    assert heatmaps.density(synthetic.density(), ["top"]) is not None


def test_a_region_with_the_same_share_of_every_matrix_has_no_density_to_draw():
    """3 % of matrices of 1,000 and of 333 weights, rounded."""
    even = synthetic.density().assign(selected=[30, 30, 10, 10], size=[1000, 1000, 333, 333])
    assert heatmaps.density(even, ["top"]) is None
    both = pd.concat([even.assign(region="top-even"), synthetic.density()])
    panels = heatmaps.density(both, ["top"]).axes[:-1]
    assert [panel.get_title() for panel in panels] == ["top-0.03"]


def test_overlap_names_regions_and_has_their_controls_apart():
    removal = synthetic.removal()
    pairs = [("top-0.01", "top-0.03", 0.3), ("top-0.01", "random-0.01-1", 0.02), ("random-0.01-2", "top-0.01", 0.04)]
    pairs += [("top-0.03", "random-0.01-1", 0.01), ("top-0.03", "mine", 0.5)]
    table = pd.DataFrame(pairs, columns=["region_a", "region_b", "jaccard"])
    found, controls = overlap.overlap(table, removal, synthetic.NAMES).axes[:2]
    assert [label.get_text() for label in found.get_yticklabels()] == ["Core, 1 %", "Core, 3 %", "mine"]
    assert [label.get_text() for label in controls.get_yticklabels()] == ["Random, 1 %"]
    assert found.images[0].get_array()[1, 2] == found.images[0].get_array()[2, 1] == 0.5
    assert controls.images[0].get_array()[0, 0] == pytest.approx(0.03), "mean over replicates"


def test_overlap_of_languages_stands_in_the_order_of_the_dendrogram_beside_the_distances():
    figure = kinship.kinship(synthetic.kinship_pairs(), synthetic.NAMES)
    branches, overlap, distances = figure.axes[:3]
    shown = [label.get_text() for label in overlap.get_yticklabels()]
    assert shown == [label.get_text() for label in distances.get_yticklabels()]
    assert set(shown) == {"Russian", "Ukrainian", "Chinese"}
    ru, uk, zh = map(shown.index, ("Russian", "Ukrainian", "Chinese"))
    assert abs(ru - uk) == 1  # joined first
    values = overlap.images[0].get_array()
    assert (values[ru, uk], values[uk, ru], values[zh, ru]) == (0.4, 0.4, 0.1)
    told = distances.images[0].get_array()
    below, above = (max(ru, uk), min(ru, uk)), (min(ru, uk), max(ru, uk))
    assert (told[below], told[above]) == (0.2, 0.0)  # by descent, by script
    first, second = (sorted(line.get_ydata()) for line in branches.get_lines())
    assert (first[0], first[-1]) == (min(ru, uk), max(ru, uk))
    assert second[0] == min(zh, (ru + uk) / 2)


def test_two_languages_have_no_dendrogram():
    pairs = synthetic.kinship_pairs()
    assert kinship.kinship(pairs[pairs["language_a"] == "ru"], synthetic.NAMES) is None


def test_retraining_shows_the_languages_that_were_measured_whichever_were_trained():
    """Two languages trained on, the second not among the measured ones."""
    first = synthetic.retraining()
    second = first[first["language"] == "en"].assign(train_language="ru")
    figure = curves.retraining(pd.concat([first, second]))
    titles = [panel.get_title() for panel in figure.axes]
    assert titles[:2] == ["zh, trained on", "en"]
    assert len([title for title in titles if title.startswith("zh")]) == 2


def test_factors_of_millions_stand_on_a_logarithmic_axis_of_powers_of_ten():
    panel = barchart.core_removal(synthetic.removal(top=16), synthetic.LANGUAGES).axes[1]
    assert panel.get_yscale() == "log"
    low, high = panel.get_ylim()
    words = [panel.yaxis.get_major_formatter()(place) for place in panel.get_yticks() if low <= place <= high]
    assert {"1", "10⁴", "10⁸"} <= set(words)


def test_a_perplexity_beyond_floats_has_no_bar_and_the_others_have():
    table = synthetic.removal()
    lost = (table["kind"] == "top") & (table["language"] == "en")
    table.loc[lost, [f"ppl_ratio{end}" for end in ("", "_low", "_high")]] = float("inf")
    panel = barchart.core_removal(table, synthetic.LANGUAGES).axes[1]
    assert 1 < panel.get_ylim()[1] < 1000
