"""Splits: stable, without duplicates, no paragraph in two of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.documents import Document
from linguistic_regions.text.splits import SPLITS, limit, write_splits


def corpus_of(count: int, start: int = 0) -> list[Document]:
    """Documents of three paragraphs; one of them is the same in every document, one in every second."""
    return [
        Document(f"d{n}", f"Tale {n} begins.\nThe same everywhere.\nOf pair {n // 2}.", "test")
        for n in range(start, start + count)
    ]


def read(folder: Path) -> dict[str, dict[str, str]]:
    """The texts of each split, by document."""
    tables = {split: pq.read_table(folder / f"{split}.parquet").to_pylist() for split in SPLITS}
    return {split: {row["document"]: row["text"] for row in rows} for split, rows in tables.items()}


def test_no_paragraph_is_in_two_splits(tmp_path):
    summary = write_splits(corpus_of(300), tmp_path, 0.2, 0.1)
    seen = [
        paragraph for texts in read(tmp_path).values() for text in texts.values() for paragraph in text.split("\n\n")
    ]
    assert len(seen) == len(set(seen)) == 300 + 150 + 1
    assert summary["dropped"]["repeated_paragraphs"] == 900 - len(seen)
    assert sum(counts["paragraphs"] for counts in summary["splits"].values()) == len(seen)


def test_adding_documents_moves_none(tmp_path):
    write_splits(corpus_of(200), tmp_path / "few", 0.2, 0.1)
    write_splits(corpus_of(200) + corpus_of(200, start=200), tmp_path / "many", 0.2, 0.1)
    few, many = read(tmp_path / "few"), read(tmp_path / "many")
    for split in SPLITS:
        assert few[split].keys() <= many[split].keys()
    assert few["test"].items() <= many["test"].items()  # not even their text


def test_split_shares(tmp_path):
    splits = write_splits(corpus_of(2000), tmp_path, 0.2, 0.1)["splits"]
    assert 340 < splits["test"]["documents"] < 460
    assert 150 < splits["valid"]["documents"] < 250
    assert sum(counts["documents"] for counts in splits.values()) == 2000


def test_duplicates_and_empty_documents_are_dropped(tmp_path):
    documents = [*corpus_of(100), Document("copy", "Tale 5  begins.\n\nThe same everywhere.\nOf pair 2.", "test")]
    dropped = write_splits([*documents, Document("blank", " \n\0\n", "test")], tmp_path, 0.2, 0.1)["dropped"]
    assert dropped["duplicate_documents"] == 1
    assert dropped["empty_documents"] == 1
    assert not any("copy" in texts for texts in read(tmp_path).values())


def test_same_documents_same_bytes(tmp_path):
    first, second = (write_splits(corpus_of(100), tmp_path / name, 0.2, 0.1) for name in "ab")
    assert first == second
    for split in SPLITS:
        assert (tmp_path / "a" / f"{split}.parquet").read_bytes() == (tmp_path / "b" / f"{split}.parquet").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(f"{split}.parquet" for split in SPLITS)


def test_columns(tmp_path):
    write_splits(corpus_of(100), tmp_path, 0.2, 0.1)
    schema = pq.read_schema(tmp_path / "train.parquet")
    assert [(field.name, field.type) for field in schema] == [
        (name, pa.string()) for name in ("document", "text", "source")
    ]


def test_too_small_a_corpus_leaves_nothing_behind(tmp_path):
    with pytest.raises(UserError, match="no text is left for .*2 distinct documents"):
        write_splits(corpus_of(2), tmp_path, 0.2, 0.1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("test", "valid"), [(0, 0.1), (0.1, 0), (0.6, 0.4)])
def test_impossible_shares(tmp_path, test, valid):
    with pytest.raises(UserError, match="shares"):
        write_splits(corpus_of(2), tmp_path, test, valid)


def test_bounds():
    documents = corpus_of(10)
    assert len(list(limit(documents, max_documents=3))) == 3
    length = len(documents[0].text)
    assert len(list(limit(documents, max_characters=length))) == 1
    assert len(list(limit(documents, max_characters=length + 1))) == 2
    assert len(list(limit(documents))) == 10


# Pages
