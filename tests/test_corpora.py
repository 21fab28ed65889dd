"""The corpora stage: extraction, the three sources, splits, and what a person is told when something is wrong."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus import main as make_corpus
from fetch_package import extract_pages
from fetch_package import main as fetch_package
from linguistic_regions.commands import UserError
from linguistic_regions.corpora import Document
from linguistic_regions.corpora.debian import Debian
from linguistic_regions.corpora.files import Files
from linguistic_regions.corpora.languages import fill, language, languages
from linguistic_regions.corpora.pages import html_paragraphs, mallard_paragraphs
from linguistic_regions.corpora.splits import SPLITS, bounded, write_splits
from linguistic_regions.corpora.untranslated import LETTER_NAMES, is_english

PAPER = """
    ar zh cs da nl en fi fr de el hu id it ja ko ms ml no fa pl pt ro ru es sw sv ta tr uk vi
"""


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


def write_pages(folder: Path, name: str, pages: dict[str, str]) -> Path:
    """A package as fetch_package.py leaves it."""
    for path, text in pages.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "package.json").write_text(json.dumps({"package": name, "version": "1", "sha256": "0"}))
    return folder


def mallard(*lines: str) -> str:
    body = "".join(f"<p>{line}</p>" for line in lines)
    return f'<page xmlns="http://projectmallard.org/1.0/"><info><desc>About</desc></info>{body}</page>'


# Splits


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
    assert len(list(bounded(documents, max_documents=3))) == 3
    length = len(documents[0].text)
    assert len(list(bounded(documents, max_characters=length))) == 1
    assert len(list(bounded(documents, max_characters=length + 1))) == 2
    assert len(list(bounded(documents))) == 10


# Pages


def test_html():
    page = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"/><title>T</title></head>
        <body><ul class="docnav top"><li>Next</li></ul><h2 class="title">A  café</h2>
        <div class="toc"><dl><dt><a href="#">Contents</a></dt></dl></div>
        <div class="para">Run <code>apt</code>, then<pre># apt update
        Reading lists</pre>read on<ul><li><div class="para">first</div></li><li>second</li></ul>and
        end<sup>1</sup>.</div><!-- hidden --></body></html>"""
    assert html_paragraphs(page.encode()) == ["A café", "Run apt, then", "read on", "first", "second", "and end."]


def test_mallard():
    page = """<page xmlns="http://projectmallard.org/1.0/"><info><credit><name>Ann</name></credit>
        <desc>What it is</desc><license><p>Free</p></license><title type="link">Short</title></info><title>Long
        title</title><p>Press <keyseq><key>Ctrl</key><key>C</key></keyseq> in
        <guiseq><gui>File</gui><gui>Copy</gui></guiseq>: <code>cp</code>.</p><screen>$ cp</screen><code>rm</code>
        <list><item><p>one</p></item><item><p>two</p><note><p>three</p></note></item></list></page>"""
    assert mallard_paragraphs(page.encode()) == [
        *("What it is", "Long title", "Press Ctrl+C in File ▸ Copy: cp."),
        *("one", "two", "three"),
    ]


def test_pages_without_content():
    assert html_paragraphs(b"") == html_paragraphs(b"<html></html>") == mallard_paragraphs(b"") == []


def test_mallard_expands_no_foreign_entity(tmp_path):
    (tmp_path / "secret").write_text("secret")
    page = f'<!DOCTYPE page [<!ENTITY x SYSTEM "{tmp_path}/secret">]><page><p>a &x; b</p></page>'
    assert "secret" not in " ".join(mallard_paragraphs(page.encode()))


# Debian


def test_untranslated_paragraphs_are_dropped(tmp_path):
    package = write_pages(
        tmp_path,
        "manual",
        {
            "usr/share/help/C/app/index.page": mallard("The window opens at once.", "Name"),
            "usr/share/help/ru/app/index.page": mallard(
                "Окно открывается.", "The  window opens at once.", "An older sentence, see «Окно».", "Name"
            ),
        },
    )
    source = Debian("ru", [package])
    assert list(source) == [Document("manual/app/index.page", "Окно открывается.", "manual")]
    assert source.origin() == {
        "packages": [{"package": "manual", "version": "1", "sha256": "0"}],
        "untranslated_paragraphs": 4,
    }
    english = Debian("en", [package])
    assert [document.text for document in english] == ["About\nThe window opens at once.\nName"]


def test_one_variant_of_a_language(tmp_path):
    pages = {"pt": "Ficheiro", "pt_BR": "Arquivo"}
    package = write_pages(
        tmp_path, "manual", {f"usr/share/help/{locale}/a/b.page": mallard(word) for locale, word in pages.items()}
    )
    assert [document.text for document in Debian("pt", [package])] == ["Arquivo"]


def test_both_layouts(tmp_path):
    package = write_pages(
        tmp_path,
        "manual",
        {
            "usr/share/doc/manual/html/de-DE/a.html": "<html><body><p>Erste Seite</p></body></html>",
            "usr/share/help/de/manual/b.page": mallard("Zweite Seite"),
        },
    )
    assert [document.id for document in Debian("de", [package])] == ["manual/manual/b.page", "manual/a.html"]


@pytest.mark.parametrize(
    ("text", "script", "expected"),
    [
        ("Откройте apt и нажмите Enter.", "Cyrl", False),
        ("See the section «Окно» for details.", "Cyrl", True),
        ("設定を開く。", "Jpan", False),
        ("打开 Firefox 浏览器。", "Hani", False),
        ("Mở cửa sổ và nhấn phím Enter.", "Latn", False),
        ("This opens the window.", "Latn", True),
        ("1.2.3", "Latn", False),
        ("1.2.3", "Cyrl", False),
    ],
)
def test_is_english(text, script, expected):
    assert is_english(text, script) is expected


def test_unknown_script():
    with pytest.raises(UserError, match="script 'Runr'"):
        is_english("text", "Runr")


def test_folder_that_is_no_package(tmp_path):
    with pytest.raises(UserError, match="fetch_package.py"):
        Debian("ru", [tmp_path])


def test_language_that_no_package_holds(tmp_path):
    package = write_pages(tmp_path / "manual", "manual", {"usr/share/help/C/a.page": mallard("One.")})
    with pytest.raises(UserError, match="no page in Malay in manual"):
        make_corpus(language="ms", source="debian", output=tmp_path / "ms", packages=(package,))


# Packages


def archive_of(members: dict[str, bytes | str]) -> io.BytesIO:
    """A tar stream; a member given as a string is a symbolic link to it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    stream.seek(0)
    return stream


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_only_pages_are_extracted(tmp_path):
    members = ["./usr/share/help/ru/a.page", "./usr/share/doc/x/b.html", "./usr/share/doc/x/c.png", "./usr/bin/d.html"]
    extract_pages(archive_of(dict.fromkeys(members, b"x")), tmp_path / "out")
    assert files_below(tmp_path / "out") == ["usr/share/doc/x/b.html", "usr/share/help/ru/a.page"]


def test_hostile_archive_cannot_leave_its_folder(tmp_path):
    with pytest.raises(UserError, match="hostile"):
        extract_pages(archive_of({"usr/share/doc/../../../../evil.html": b"x"}), tmp_path / "a" / "out")
    extract_pages(
        archive_of({"usr/share/doc": str(tmp_path / "target"), "usr/share/doc/evil.html": b"x"}), tmp_path / "b"
    )
    extract_pages(archive_of({"/usr/share/doc/absolute.html": b"x"}), tmp_path / "c")
    assert files_below(tmp_path) == ["b/usr/share/doc/evil.html"]
    assert not (tmp_path / "b/usr/share/doc").is_symlink()


def test_damaged_archive(tmp_path):
    with pytest.raises(UserError, match="damaged"):
        extract_pages(io.BytesIO(b"no archive" * 100), tmp_path / "out")


def test_machine_without_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt-get is not on this machine.*'files'"):
        fetch_package(package="gnome-user-docs", output=tmp_path / "out")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs apt-get and dpkg-deb")
@pytest.mark.parametrize("name", ["--help", "A Name", "x=1;y"])
def test_name_that_is_no_package(tmp_path, name):
    with pytest.raises(UserError, match="no name of a Debian package"):
        fetch_package(package=name, output=tmp_path / "out")


@pytest.mark.workflow
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs apt-get and dpkg-deb")
def test_real_package(tmp_path):
    folder = tmp_path / "gnome-user-docs"
    try:
        fetch_package(package="gnome-user-docs", output=folder)
    except UserError as error:
        pytest.skip(f"no package server can be reached: {error}")
    make_corpus(language="uk", source="debian", output=tmp_path / "uk", packages=(folder,))
    manifest = json.loads((tmp_path / "uk" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["origin"]["packages"][0]["package"] == "gnome-user-docs"
    assert manifest["splits"]["train"]["characters"] > 200_000


# Files


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
        ("x.jsonl", b'{"body": "a", "n": 1}\n', "line 1 has no 'text' .there are: body, n"),
        ("x.jsonl", b'["a"]\n', "line 1 has no 'text' .there are: none"),
        ("x.jsonl", b'{"text": 7}\n', "'text' holds int"),
        ("x.jsonl", b'{"text": "\\ud800"}\n', "lone surrogate"),
        ("x.jsonl.gz", b"no gzip", "cannot be read"),
        ("x.parquet", b"no parquet", "cannot be read as parquet"),
        ("x.pdf", b"", "x.pdf is none of .txt"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(Files([str(tmp_path / "x*")]))


def test_parquet_without_the_column(tmp_path):
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match="no column 'text' .there are: body, n"):
        list(Files([str(tmp_path / "x.parquet")]))
    with pytest.raises(UserError, match="'n' holds int"):
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
    from linguistic_regions.corpora.huggingface import HuggingFace

    folder = write_dataset(tmp_path / "set")
    assert [document[:2] for document in HuggingFace(str(folder))] == [("x", "One\nTwo"), ("y", "")]
    with pytest.raises(UserError, match="no column 'body' .there are: id, text"):
        list(HuggingFace(str(folder), column="body"))
    with pytest.raises(UserError, match="split dev. cannot be read"):
        list(HuggingFace(str(folder), split="dev"))


def test_offline(tmp_path, monkeypatch):
    from linguistic_regions.corpora import huggingface

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
    with pytest.raises(UserError, match="'ru' has no|names the field {fineweb}"):
        fill("{fineweb}", "ru")
    with pytest.raises(UserError, match="'en' has no fineweb2"):
        fill("{fineweb2}", "en")
    with pytest.raises(UserError, match="no template"):
        fill("{", "ru")


def test_unknown_language():
    with pytest.raises(UserError, match="'ukr' is not in .*nearest: uk"):
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
    script = Path(__file__).parents[1] / "scripts" / "corpus.py"
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
