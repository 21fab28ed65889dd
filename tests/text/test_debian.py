"""The debian source: pages to paragraphs, what is not translated, packages and hostile archives."""

import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from corpus import main as make_corpus
from fetch_package import extract_text
from fetch_package import main as fetch_package
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.debian import Debian
from linguistic_regions.text.documents import Document
from linguistic_regions.text.pages import html_paragraphs, mallard_paragraphs
from linguistic_regions.text.untranslated import is_english


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
    with pytest.raises(UserError, match="no text in Malay in manual"):
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
    extract_text(archive_of(dict.fromkeys(members, b"x")), tmp_path / "out")
    assert files_below(tmp_path / "out") == ["usr/share/doc/x/b.html", "usr/share/help/ru/a.page"]


def test_hostile_archive_cannot_leave_its_folder(tmp_path):
    with pytest.raises(UserError, match="malicious"):
        extract_text(archive_of({"usr/share/doc/../../../../evil.html": b"x"}), tmp_path / "a" / "out")
    extract_text(
        archive_of({"usr/share/doc": str(tmp_path / "target"), "usr/share/doc/evil.html": b"x"}), tmp_path / "b"
    )
    extract_text(archive_of({"/usr/share/doc/absolute.html": b"x"}), tmp_path / "c")
    assert files_below(tmp_path) == ["b/usr/share/doc/evil.html"]
    assert not (tmp_path / "b/usr/share/doc").is_symlink()


def test_damaged_archive(tmp_path):
    with pytest.raises(UserError, match="corrupted"):
        extract_text(io.BytesIO(b"no archive" * 100), tmp_path / "out")


def test_machine_without_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt-get is not on this machine.*'files'"):
        fetch_package(package="gnome-user-docs", output=tmp_path / "out")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs apt-get and dpkg-deb")
@pytest.mark.parametrize("name", ["--help", "A Name", "x=1;y"])
def test_name_that_is_no_package(tmp_path, name):
    with pytest.raises(UserError, match="not a valid name of a Debian package"):
        fetch_package(package=name, output=tmp_path / "out")


@pytest.mark.workflow
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs apt-get and dpkg-deb")
def test_real_package(tmp_path):
    folder = tmp_path / "gnome-user-docs"
    try:
        fetch_package(package="gnome-user-docs", output=folder)
    except UserError as error:
        if re.search("Temporary failure resolving|Could not connect|Connection (timed out|refused)", str(error)):
            pytest.skip(f"no package server can be reached: {error}")
        raise
    make_corpus(language="uk", source="debian", output=tmp_path / "uk", packages=(folder,))
    manifest = json.loads((tmp_path / "uk" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["origin"]["packages"][0]["package"] == "gnome-user-docs"
    assert manifest["splits"]["train"]["characters"] > 200_000


# Files
