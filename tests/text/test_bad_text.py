"""Text and corpora that are wrong: each program names it in one line and ends with exit code 1."""

import gzip
import importlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linguistic_regions.model.loss import block_nll
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.runtime import cli
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import Blocks, BlockTokenizer, write
from mistakes import cut, documents, end_of, flip
from texts import TEXTS


def raw(name, content):
    return lambda folder: (folder / name).write_bytes(content)


SENTENCE = b'{"text": "A sentence."}\n'
TEXT = {
    "an empty file": (raw("x.txt", b""), "x.txt: add some, or name another column"),
    "white space alone": (raw("x.txt", b" \n\t\n"), "there is no text in "),
    "a field that is null": (raw("x.jsonl", b'{"text": null}\n'), "x.jsonl: add some, or name another column"),
    "too little for each split": (
        raw("x.txt", b"One document."),
        "the corpus has only 1 distinct document; divide it",
    ),
    "the same text again and again": (raw("x.jsonl", SENTENCE * 50), "the corpus has only 1 distinct document;"),
    "Latin-1": (raw("x.txt", "Grüße".encode("latin-1")), "x.txt is not UTF-8 at byte 2: convert it to UTF-8"),
    "UTF-16": (
        raw("x.txt", "text".encode("utf-16-le")),
        "x.txt has a NUL at byte 1: remove it; if the file is in UTF-16, ",
    ),
    "NUL bytes": (raw("x.txt", b"text\0text"), "x.txt has a NUL at byte 4"),
    "a line that is no JSON": (raw("x.jsonl", SENTENCE + b"no\n"), "x.jsonl, line 2 is not JSON"),
    "a line cut short": (raw("x.jsonl", SENTENCE + SENTENCE[:-5]), "x.jsonl, line 2 is not JSON"),
    "no such field": (
        raw("x.jsonl", b'{"body": "a"}\n'),
        "line 1 has no 'text' (its fields: body): set corpora.files.column",
    ),
    "a field that is no text": (raw("x.jsonl", b'{"text": 7}\n'), "line 1: 'text' contains int, not text"),
    "half a character": (raw("x.jsonl", b'{"text": "\\ud800"}\n'), "contains a lone surrogate at character 0"),
    "a damaged archive": (raw("x.txt.gz", gzip.compress(b"text")[:-9]), "x.txt.gz cannot be read ("),
    "no archive": (raw("x.txt.gz", b"text"), "x.txt.gz cannot be read (Not a gzipped file"),
    "no parquet": (raw("x.parquet", b"text"), "x.parquet cannot be read as parquet"),
    "a parquet without the column": (
        lambda folder: pq.write_table(pa.table({"body": ["a"]}), folder / "x.parquet"),
        "x.parquet has no column 'text' (its columns: body): set corpora.files.column",
    ),
    "a kind of file that is not read": (raw("x.pdf", b"%PDF"), "x.pdf is not a .txt, .txt.gz, .jsonl, .jsonl.gz"),
    "no file": (lambda folder: None, "no file matches"),
}


@pytest.mark.parametrize("name", TEXT)
def test_text(name, tmp_path, monkeypatch):
    make, message = TEXT[name]
    (tmp_path / "given").mkdir()
    make(tmp_path / "given")
    told = ("--language", "en", "--source", "files", "--paths", tmp_path / "given/x*", "--output", tmp_path / "made")
    assert message in end_of(monkeypatch, "corpus", *told)
    assert not list((tmp_path / "made").glob("*")), "half a corpus"


def test_text_that_is_odd_but_right(tmp_path, monkeypatch, tokenizer_folder):
    """One enormous line, right-to-left script, combining marks, four-byte characters: nothing is lost or changed."""
    odd = ["שלום עולם " * 3, "مَرْحَبًا بِالْعَالَمِ " * 3, "e\u0301a\u0308o\u0302 " * 9, "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩\u200d👩\u200d👧 " * 4]
    rows = [f"{number} {text}".strip() for number in range(60) for text in odd] + ["word " * 400_000 + "end"]
    documents(tmp_path, rows)
    told = ("--language", "he", "--source", "files", "--paths", tmp_path / "x.jsonl", "--output", tmp_path / "made")
    monkeypatch.setattr(sys, "argv", ["corpus.py", *map(str, told)])
    cli.run(importlib.import_module("corpus").main)
    kept = [
        text for split in (tmp_path / "made").glob("*.parquet") for text in pq.read_table(split)["text"].to_pylist()
    ]
    assert sorted(kept) == sorted(rows)
    cutter = BlockTokenizer.load(tokenizer_folder)
    blocks = cutter.blocks([("x", text) for text in odd], 8)
    decoded = cutter.tokenizer.decode([token for row in blocks.input_ids for token in row], skip_special_tokens=True)
    whole = decoded.rstrip("\ufffd")  # the last block may end within a character
    assert "".join(odd).startswith(whole) and len(whole) > 0.95 * len("".join(odd))


def test_a_vocabulary_beyond_65535_works(tmp_path):
    model = from_scratch(70_000, 1, 8, 2, 2, 8, 8, True, 0)
    blocks = Blocks(np.array([[0, 69_999, 65_536, 5, 6, 7, 8, 9]], np.int32), ["a"], np.array([20], np.int32), True)
    write(blocks, tmp_path / "x.parquet")
    again = tokens.read(tmp_path / "x.parquet")
    assert again.input_ids.tolist() == blocks.input_ids.tolist()
    nll = block_nll(model, again.input_ids, 64, "fp32")
    assert np.exp(nll.sum() / 7) == pytest.approx(70_000, rel=0.1)


@pytest.fixture
def corpus(tmp_path):
    """A corpus of one language."""
    folder = tmp_path / "corpus"
    documents(tmp_path, [f"{number} {TEXTS['en']}" for number in range(60)])
    importlib.import_module("corpus").main(
        language="en", source="files", paths=(str(tmp_path / "x.jsonl"),), output=folder, test=0.2, valid=0.2
    )
    return folder


CORPUS = {
    "cut short": (lambda corpus: cut(corpus / "train.parquet"), (), "train.parquet: not a readable file of documents"),
    "one byte damaged": (
        lambda corpus: flip(corpus / "train.parquet", 1),
        (),
        "train.parquet: not a readable file of documents",
    ),
    "deleted": (
        lambda corpus: (corpus / "valid.parquet").unlink(),
        (),
        "valid.parquet: no file of documents is",
    ),
    "another file": (
        lambda corpus: pq.write_table(pa.table({"text": ["a"]}), corpus / "train.parquet"),
        (),
        "train.parquet: not a readable file of documents",
    ),
    "less than a block": (lambda corpus: None, ("--block-size", 9999), "does not fill one block of 9999 tokens"),
}


@pytest.mark.parametrize("name", CORPUS)
def test_corpus(name, corpus, tokenizer_folder, tmp_path, monkeypatch):
    break_it, options, message = CORPUS[name]
    break_it(corpus)
    told = ("--corpus", corpus, "--tokenizer", tokenizer_folder, "--output", tmp_path / "tokens", *options)
    assert message in end_of(monkeypatch, "blocks", *told)
