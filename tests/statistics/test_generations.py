"""What a model said becomes a table in which every character is seen."""

import pandas as pd
import pytest

from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.statistics import tables
from linguistic_regions.statistics.generations import visible

BASE = {"region": "base", "kind": "base", "ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": ""}
TOP = BASE | {"region": "top-0.1", "kind": "top", "ratio": 0.1, "samples": 8, "scope": "tensor", "target": "core"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("A plain line.", "A plain line."),
        ("two\n\nlines\tand\r", "two⏎⏎lines⇥and\\r"),
        ("a  b   ", "a␣␣b␣␣␣"),
        (" ", "␣"),
        ("", ""),
        ("\x00\x07\x1b[31m", "\\x00\\x07\\x1b[31m"),
        ("turned \u202e around, \ufeffmarked, \u2028 cut", "turned \\u202e around, \\ufeffmarked, \\u2028 cut"),
        ("cut short �, 首都, عاصمة, é", "cut short �, 首都, عاصمة, é"),
        ("می\u200cشود", "می\u200cشود"),
    ],
)
def test_characters_are_seen(text, seen):
    assert visible(text) == seen


def said(continuations):
    columns = {
        "language": ["en", "ru"],
        "domain": "prompts",
        "item": ["en/plain", "ru/plain"],
        "document": ["en", "ru"],
    }
    columns |= {"tokens": [4, 2], "nll": [2.0, 3.0], "bytes": [5, 5], "template": "plain", "prompt": ["A\nb", "В"]}
    columns |= {"continuation": continuations}
    return {name: [value] * 2 if isinstance(value, str) else value for name, value in columns.items()}


def test_a_row_per_condition_language_and_template(tmp_path):
    first, second, empty = Evidence(), Evidence(), Evidence()
    first.add("intact", "", BASE | {"factor": 1.0}, said(["NA", ' "quoted", ']))
    second.add("top-0.1", "", TOP | {"factor": 0.0}, said(["", "\r\n"]))
    for name, evidence in {"first": first, "second": second, "empty": empty}.items():
        evidence.save(tmp_path / f"{name}.parquet")
    paths = [tmp_path / f"{name}.parquet" for name in ("empty", "second", "first")]
    table = tables.ordered(tables.from_evidence(paths, "generations"), "generations", ["ru", "en"])
    assert table["language"].tolist() == ["ru", "ru", "en", "en"]
    assert table["region"].tolist() == ["base", "top-0.1"] * 2
    assert table["continuation"].tolist() == [' "quoted", ', "\\r⏎", "NA", ""]
    assert table["nll"].tolist() == [1.5, 1.5, 0.5, 0.5]
    tables.write(table, tmp_path / "generations.csv")
    pd.testing.assert_frame_equal(tables.read_folder(tmp_path)["generations"], table)
