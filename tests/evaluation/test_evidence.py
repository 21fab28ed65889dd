"""Evidence comes back from its file as it was written, or not at all."""

import pytest

from linguistic_regions.evaluation.evidence import COLUMNS, Evidence
from mistakes import cut, flip

ITEMS = {
    "language": ["no", "no", "zh"],
    "domain": ["prose", "prose", "verse"],
    "item": ["a/0", "a/1", "b/0"],
    "document": ["a", "a", "b"],
    "tokens": [7, 7, 5],
    "nll": [1.5, float("inf"), 0.1 + 0.2],
    "bytes": [20, 21, 22],
}


@pytest.fixture
def evidence():
    made = Evidence()
    made.add("intact", "1234", {"kind": "base", "ratio": 0.0}, ITEMS)
    made.add("without", "5678", {"kind": "top", "ratio": 0.1}, ITEMS | {"nll": [2.0, 3.0, 4.0]})
    return made


def test_round_trip(evidence, tmp_path):
    evidence.save(tmp_path / "x.parquet")
    again = Evidence.load(tmp_path / "x.parquet")
    assert again.described == evidence.described
    for condition, rows in again.rows.items():
        assert rows.column_names == list(COLUMNS)
        assert rows.to_pydict() == evidence.rows[condition].to_pydict()
    assert set(again.rows["intact"].to_pydict()["condition"]) == {"intact"}


def test_an_evaluation_may_add_columns(tmp_path):
    evidence = Evidence()
    evidence.add("intact", "1234", {}, {"right": [True, False, True]} | ITEMS)
    evidence.save(tmp_path / "x.parquet")
    rows = Evidence.load(tmp_path / "x.parquet").rows["intact"]
    assert rows.column_names == [*COLUMNS, "right"]
    assert rows.to_pydict()["right"] == [True, False, True]


def test_a_condition_is_had_in_one_state_only(evidence):
    assert evidence.has("without", "5678")
    assert not evidence.has("without", "1234")
    assert not evidence.has("another", "5678")


def test_conditions_move_between_files(evidence, tmp_path):
    part = Evidence()
    part.take("without", evidence)
    part.save(tmp_path / "x.parquet")
    again = Evidence.load(tmp_path / "x.parquet")
    assert again.described == {"without": evidence.described["without"]}
    assert again.rows["without"].to_pydict() == evidence.rows["without"].to_pydict()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        cut,
        lambda path: flip(path, column=list(COLUMNS).index("nll")),
    ],
    ids=["missing", "empty", "cut short", "a byte that rotted"],
)
def test_a_damaged_file_holds_nothing(damage, evidence, tmp_path):
    evidence.save(tmp_path / "x.parquet")
    damage(tmp_path / "x.parquet")
    assert not Evidence.load(tmp_path / "x.parquet").rows


def test_a_parquet_file_of_something_else_holds_nothing(token_folder):
    assert not Evidence.load(token_folder / "en/test.parquet").rows
