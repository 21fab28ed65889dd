"""Tasks of the evaluation harness, as a table of conditions."""

import synthetic_results as synthetic
from linguistic_regions.reporting import methods
from linguistic_regions.reporting.lm_eval import grid


def test_a_row_per_lesion_and_a_group_as_a_whole():
    shown = grid(synthetic.lm_eval(), synthetic.NAMES)
    assert shown.groups == (("grammar", ("acc",)), ("text", ("bits_per_byte",)))
    assert shown.rows == (
        ("None", "0.750 [0.625, 0.875]", "1.250 [1.125, 1.375]"),
        ("Core, 1 %", "0.500 [0.375, 0.625]", "9.500 [9.375, 9.625]"),
    )


def test_what_was_not_measured_is_left_empty():
    results = synthetic.lm_eval()
    part = results[(results["group"] == "grammar") | (results["kind"] == "base")]
    assert grid(part, synthetic.NAMES).rows[1] == ("Core, 1 %", "0.500 [0.375, 0.625]", "–")


def test_fewer_than_three_documents_have_no_interval():
    few = synthetic.lm_eval().assign(low=float("nan"), high=float("nan"))
    assert grid(few, synthetic.NAMES).rows[0] == ("None", "0.750", "1.250")


def test_the_method_names_the_tasks():
    def told(**settings):
        return methods.paragraphs({"experiments": [], "lm_eval": settings}, {}, {}, {}, "a model")

    assert told(tasks=[], limit=None) == []
    ((_, text),) = told(tasks=["blimp", "wikitext"], limit=10)
    assert text.endswith("scores its answers, at most 10 documents of each task: blimp and wikitext.")
