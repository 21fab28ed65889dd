"""What a model says, as a table that no text can break."""

import synthetic_results as synthetic
from linguistic_regions.reporting import paper
from linguistic_regions.reporting.generations import grids


def test_a_row_per_lesion_and_a_column_per_template():
    (grid,) = grids(synthetic.generations(), synthetic.NAMES)
    assert grid.title == "Russian: Столица —"
    assert grid.labels == ("Lesion", "Continued", "Answered (chat template)")
    assert grid.rows == (("None", "Москва", "Москва"), ("Core, 1 %", "(nothing)", "(nothing)"))


def test_a_model_without_a_chat_template_has_one_column():
    said = synthetic.generations()
    (grid,) = grids(said[said["template"] == "plain"], synthetic.NAMES)
    assert grid.labels == ("Lesion", "Continued")


def test_regions_are_described():
    said = synthetic.generations()
    said = said[(said["template"] == "plain") & (said["kind"] == "top")]
    monolingual = {"region": "a", "kind": "monolingual", "target": "uk"}
    edits = [monolingual, {"region": "b", "scope": "model"}, {"region": "outlier_rows-x0.5", "kind": "outliers"}]
    edits += [{"region": "mine", "kind": "other", "target": ""}, monolingual | {"region": "c", "kind": "random"}]
    for edit, described in zip(
        edits,
        (
            "Region, Ukrainian (64 samples)",
            "Core, 1 %, ranked over the whole model",
            "Outlier rows, ×0.5",
            "mine",
            "Random, Ukrainian (64 samples)",
        ),
        strict=True,
    ):
        (grid,) = grids(said.assign(**edit), synthetic.NAMES)
        assert grid.rows[0][0] == described


def test_text_cannot_break_the_table():
    markdown = paper.markdown(grids(synthetic.generations("a|b <b>*c*</b> `d` \\| [e](f)"), synthetic.NAMES))
    line = next(line for line in markdown.splitlines() if line.startswith("| None"))
    assert r"| a\|b \<b\>\*c\*\</b\> \`d\` \\\| \[e\](f) |" in line
    assert markdown.splitlines()[2] == "| **Lesion** | **Continued** | **Answered (chat template)** |"
    widths = {line.replace(r"\|", "").count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert widths == {4}
