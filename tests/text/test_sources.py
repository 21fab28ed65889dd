"""The other sources, and what a person is told when something is wrong."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus import main as make_corpus
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.files import Files
from linguistic_regions.text.languages import fill, language, languages
from linguistic_regions.text.splits import SPLITS
from linguistic_regions.text.untranslated import LETTER_NAMES

PAPER = """
    ar zh cs da nl en fi fr de el hu id it ja ko ms ml no fa pl pt ro ru es sw sv ta tr uk vi
"""


def read(folder: Path) -> dict[str, dict[str, str]]:
    """The texts of each split, by document."""
    tables = {split: pq.read_table(folder / f"{split}.parquet").to_pylist() for split in SPLITS}
    return {split: {row["document"]: row["text"] for row in rows} for split, rows in tables.items()}


def write_files(folder: Path) -> None:
    (folder / "a.txt").write_text("\ufeffOne\nTwo\n", encoding="utf-8")
    rows = [{"body": "Three"}, {"body": None}]
    with gzip.open(folder / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, rows)) + "\n\n")
    pq.write_table(pa.table({"body": ["Four", "Five"]}), folder / "c.parquet")


def test_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    source = Files(["*", "a.txt"], column="body")
    assert [(document.id, document.text) for document in source] == [
        ("a.txt", "One\nTwo\n"),
        ("b.jsonl.gz:1", "Three"),
        ("b.jsonl.gz:2", ""),
        ("c.parquet:0", "Four"),
        ("c.parquet:1", "Five"),
    ]
    assert [file["path"] for file in source.origin()["files"]] == ["a.txt", "b.jsonl.gz", "c.parquet"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", "Grüße".encode("latin-1"), "x.txt is not UTF-8 at byte 2"),
        ("x.txt", "text".encode("utf-16-le"), "NUL at byte 1"),
        ("x.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "x.jsonl is not UTF-8 at byte 24"),
        ("x.jsonl", b'{"text": "a"}\nno\n', "line 2 is not JSON"),
        ("x.jsonl", b'{"body": "a", "n": 1}\n', "line 1 has no 'text' .its fields: body, n"),
        ("x.jsonl", b'["a"]\n', "line 1 has no 'text' .its fields: none"),
        ("x.jsonl", b'{"text": 7}\n', "'text' contains int"),
        ("x.jsonl", b'{"text": "\\ud800"}\n', "lone surrogate"),
        ("x.jsonl.gz", b"no gzip", "cannot be read"),
        ("x.parquet", b"no parquet", "cannot be read as parquet"),
        ("x.pdf", b"", "x.pdf is not a .txt"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(Files([str(tmp_path / "x*")]))


def test_parquet_without_the_column(tmp_path):
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match="no column 'text' .its columns: body, n"):
        list(Files([str(tmp_path / "x.parquet")]))
    with pytest.raises(UserError, match="'n' contains int"):
        list(Files([str(tmp_path / "x.parquet")], column="n"))


def test_pattern_without_files(tmp_path):
    with pytest.raises(UserError, match="no file matches"):
        Files([str(tmp_path / "*.txt")])


# Hugging Face


def write_dataset(folder: Path) -> Path:
    folder.mkdir()
    pq.write_table(pa.table({"id": ["x", "y"], "text": ["One\nTwo", None]}), folder / "rows.parquet")
    return folder


def test_local_dataset(tmp_path):
    from linguistic_regions.text.huggingface import HuggingFace

    folder = write_dataset(tmp_path / "set")
    assert [document[:2] for document in HuggingFace(str(folder))] == [("x", "One\nTwo"), ("y", "")]
    with pytest.raises(UserError, match="no column 'body' .its columns: id, text"):
        list(HuggingFace(str(folder), column="body"))
    with pytest.raises(UserError, match="split dev. cannot be read"):
        list(HuggingFace(str(folder), split="dev"))


def test_offline(tmp_path, monkeypatch):
    from linguistic_regions.text import huggingface

    monkeypatch.setattr(huggingface.datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="offline mode"):
        huggingface.HuggingFace("owner/name")
    assert len(list(huggingface.HuggingFace(str(write_dataset(tmp_path / "set"))))) == 2


# The table of languages


def test_the_papers_languages_are_in_the_table():
    assert set(PAPER.split()) <= set(languages())
    for row in languages().values():
        assert row["name"] and row["family"] and row["wikipedia"]
        assert row["script"] in {"Latn", *LETTER_NAMES}
        assert row["fineweb2"] or row["code"] == "en"  # FineWeb-2 leaves English to FineWeb


def test_templates():
    assert fill("20231101.{wikipedia}", "ru") == "20231101.ru"
    assert fill("{fineweb2}", "fa") == "fas_Arab"
    assert fill("mine/{language}/*.txt", "xx") == "mine/xx/*.txt"
    with pytest.raises(UserError, match="'ru' has no|names an unknown field {fineweb}"):
        fill("{fineweb}", "ru")
    with pytest.raises(UserError, match="'en' has no fineweb2"):
        fill("{fineweb2}", "en")
    with pytest.raises(UserError, match="not a valid template"):
        fill("{", "ru")


def test_unknown_language():
    with pytest.raises(UserError, match="'ukr' is not in .*similar: uk"):
        language("ukr")


# The program


def test_program(tmp_path):
    (tmp_path / "xx").mkdir()
    for number in range(60):
        (tmp_path / "xx" / f"{number}.txt").write_text(f"Tale {number}.\nEnd.", encoding="utf-8")
    output = tmp_path / "corpora" / "xx"
    arguments = {"language": "xx", "source": "files", "output": output, "paths": (f"{tmp_path}/{{language}}/*.txt",)}
    make_corpus(**arguments, test=0.2, valid=0.2)
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["language"] == "xx" and len(manifest["origin"]["files"]) == 60
    assert sum(counts["paragraphs"] for counts in manifest["splits"].values()) == 61
    with pytest.raises(UserError, match="needs --repo"):
        make_corpus(language="xx", source="huggingface", output=output)


def test_command_line_starts_fast_and_fails_in_one_line(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "corpus.py"
    command = [
        sys.executable,
        "-X",
        "importtime",
        script,
        "--language",
        "xx",
        "--source",
        "files",
        "--output",
        tmp_path,
    ]
    done = subprocess.run([*command, "--paths", tmp_path / "none"], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("corpus.py: error: no file matches")
    for heavy in ("torch", "transformers", "datasets", "pandas"):
        assert f" {heavy}\n" not in done.stderr
