"""Text of a second kind: entries of fortunes packages, and what domains ask of the config and of the splits."""

import json

import pyarrow.parquet as pq
import pytest

import corpus
from linguistic_regions.planning import configuration, corpora
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text import splits
from linguistic_regions.text.debian import Debian
from linguistic_regions.text.documents import Document
from linguistic_regions.text.fortunes import FOLDER, entries, is_fortune

PROVERBS = """All that glitters
is not gold.
\t\t-- a proverb
%
\x1b[31mNo smoke\x1b[m without fire.

Still waters run deep.
%
"""


def package(folder, name, files):
    """An extracted package, as fetch_package.py leaves it."""
    for path, text in files.items():
        (folder / FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / FOLDER / path).write_text(text, encoding="utf-8")
    (folder / "package.json").write_text(json.dumps({"package": name, "version": "1", "sha256": "0"}))
    return folder


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("./usr/share/games/fortunes/ru/love", True),
        ("./usr/share/games/fortunes/es/arte.fortunes", True),
        ("./usr/share/games/fortunes/ru/love.dat", False),
        ("./usr/share/games/fortunes/es/off/chistes.fortunes", False),
        ("./usr/share/doc/fortunes/copyright", False),
    ],
)
def test_files_of_entries(name, is_one):
    assert is_fortune(name) is is_one


def test_entries_have_their_lines_joined_and_the_author_apart(tmp_path):
    found = dict(entries(package(tmp_path, "fortunes", {"proverbs": PROVERBS})))
    assert found["proverbs/0"] == ["All that glitters is not gold.", "-- a proverb"]
    assert found["proverbs/1"] == ["No smoke without fire.", "Still waters run deep."]


def test_lines_of_chinese_are_joined_without_a_space(tmp_path):
    found = dict(entries(package(tmp_path, "fortunes-zh", {"tang300": "\u5e8a\u524d\u660e\n\u6708\u5149\n%\n"})))
    assert found["tang300/0"] == ["\u5e8a\u524d\u660e\u6708\u5149"]


def test_the_table_of_languages_says_which_files_hold_a_language(tmp_path):
    files = {"tang300": "\u6708\u5149\n%\n", "chinese": "\u624b\u518c\n%\n"}
    texts = [document.text for document in Debian("zh", [package(tmp_path, "fortunes-zh", files)]) if document.text]
    assert texts == ["\u6708\u5149"]


def test_a_package_without_the_language_is_refused(tmp_path):
    with pytest.raises(UserError, match="no text in Korean in fortunes"):
        list(Debian("ko", [package(tmp_path, "fortunes", {"proverbs": PROVERBS})]))


def test_a_domain_shares_no_paragraph_with_the_text_that_models_are_trained_on(tmp_path):
    """A paragraph of the training split is dropped from every split of the domain."""
    shared = [f"Shared paragraph {number}." for number in range(30)]
    first = [Document(str(number), text, "first") for number, text in enumerate(shared)]
    splits.write_splits(first, tmp_path / "first", 0.2, 0.2)
    trained = {row["text"] for row in pq.read_table(tmp_path / "first/train.parquet").to_pylist()}
    second = [Document(f"d{number}", f"{text}\nOwn {number}.", "second") for number, text in enumerate(shared)]
    splits.write_splits(second, tmp_path / "second", 0.2, 0.2, [tmp_path / "first/train.parquet"])
    rows = [row for split in splits.SPLITS for row in pq.read_table(tmp_path / f"second/{split}.parquet").to_pylist()]
    paragraphs = {paragraph for row in rows for paragraph in row["text"].split("\n\n")}
    assert trained and not trained & paragraphs
    assert {f"Own {number}." for number in range(30)} <= paragraphs


def test_the_manifest_names_the_domain(tmp_path):
    (tmp_path / "text.jsonl").write_text("".join(f'{{"text": "Line {number}."}}\n' for number in range(40)))
    made = {"language": "en", "source": "files", "paths": (str(tmp_path / "text.jsonl"),)}
    corpus.main(**made, output=tmp_path / "out", domain="verse", test=0.3, valid=0.3)
    assert json.loads((tmp_path / "out/manifest.json").read_text())["domain"] == "verse"


def test_the_demo_has_quotations_in_six_languages_and_says_in_which():
    config = configuration.check({})
    assert corpora.domains(config) == ["documentation", "quotations"]
    further = [text for text in corpora.texts(config) if "/" in text]
    assert further == [f"{language}/quotations" for language in ("en", "es", "it", "pt", "ru", "zh")]
    assert corpora.packages(config, "pt/quotations") == ["fortunes-br"]
    assert corpora.packages(config, "pt") == ["debian-handbook", "gnome-user-docs"]
    assert corpora.corpus(config, "ru/quotations")["test"] == 0.3


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        (
            {"documentation": {"source": "debian"}},
            "corpora.domains.documentation: corpora.domain has the same name",
        ),
        (
            {"quotations": {"debian": {"packages": ["{nothing}"]}}},
            "corpora.domains.quotations.debian.packages: '{nothing}' names an unknown field {nothing}",
        ),
        ({"news": {"source": "files", "files": {"paths": ["nowhere/*.txt"]}}}, "corpora.domains.news: no language has"),
        ({"news": {"sources": "files"}}, "corpora.domains.news.sources: there is no such key; did you mean 'source'"),
        ({"Two words": {}}, "corpora.domains: 'Two words' is not allowed"),
    ],
)
def test_mistakes_in_domains_are_named(domains, said):
    with pytest.raises(UserError) as error:
        configuration.check({"corpora": {"domains": domains}})
    assert said in str(error.value)


def test_a_domain_can_be_left_out():
    config = configuration.check({"corpora": {"domains": {"quotations": None}}})
    assert corpora.texts(config) == sorted(config["languages"])
