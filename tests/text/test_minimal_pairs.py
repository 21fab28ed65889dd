"""Minimal pairs: the shipped templates, the other sources, which pairs are kept, and what a person is told."""

import json
import re
import unicodedata
from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tokenizers.normalizers import Lowercase

import pairs as program
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.documents import Document
from linguistic_regions.text.minimal_pairs import Pair, corruptions, files, hub, read, templates, write
from linguistic_regions.text.minimal_pairs.selection import Sieve, select
from linguistic_regions.text.tokens import BlockTokenizer
from texts import TEXTS

SHIPPED = sorted(path.stem for path in templates.FOLDER.glob("*.yaml"))
PHENOMENA = {"subject_verb", "attractor", "relative_clause", "determiner", "reflexive"}
ADJECTIVES: dict[str, set] = {"en": set()}  # where they do not agree


def pair(item, good="a b", bad="a c", phenomenon="p", template="t", source="s"):
    return Pair("en", source, phenomenon, template, item, good, bad)


# Templates


@pytest.mark.parametrize("language", SHIPPED)
def test_the_templates_of_a_language(language):
    found = list(templates.pairs(language))
    assert len(found) >= 300
    assert len({(each.good, each.bad) for each in found}) == len({each.item for each in found}) == len(found)
    assert not {each.good for each in found} & {each.bad for each in found}
    assert {each.phenomenon for each in found} == PHENOMENA | ADJECTIVES.get(language, {"adjective"})
    for each in found:
        good, bad = each.good.split(), each.bad.split()
        assert sum(a != b for a, b in zip(good, bad, strict=True)) == 1, each
        for sentence in (each.good, each.bad):
            assert unicodedata.is_normalized("NFC", sentence)
            assert sentence[0].isupper() and re.fullmatch(r"([^\W\d_]|[ ,'])+\.", sentence), sentence
            assert sentence.split() == sentence.split(" ") and " ," not in sentence


SMALL = """
words:
  noun:
    - [sg, pl]
    - [cat, cats]
    - [ox, oxen]
  verb:
    - [sg, pl]
    - [sees, see]
  state: [old]
templates:
  - id: simple
    phenomenon: agreement
    sentences: ["the {state} {noun sg} {verb sg|pl} the {noun pl}.", "[these|this] {noun pl} {verb pl}."]
"""


def written(folder, text):
    (folder / "xx.yaml").write_text(text, encoding="utf-8")
    return folder / "xx.yaml"


def test_what_a_template_says(tmp_path):
    found = list(templates.pairs("xx", written(tmp_path, SMALL)))
    assert {(each.good, each.bad) for each in found} == {
        ("The old cat sees the oxen.", "The old cat see the oxen."),
        ("The old ox sees the cats.", "The old ox see the cats."),
        ("These cats see.", "This cats see."),
        ("These oxen see.", "This oxen see."),
    }
    assert found == list(templates.pairs("xx", tmp_path / "xx.yaml"))
    assert found[0].item == "templates/simple/0000"
    assert {each.template for each in found} == {"simple"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{verb sg|pl}", "{verb sg}", "exactly one slot with two alternatives"),
        ("[these|this] {noun pl}", "[these|this] {noun pl|sg}", "exactly one slot with two alternatives"),
        ("{state}", "{stat}", "xx.yaml: simple: '{stat}' names no class of words, or no form of its words"),
        ("{noun sg}", "{noun dual}", "'{noun dual}' names no class of words, or no form of its words"),
        ("sg|pl", "sg|plural", "'{verb sg|plural}' names no class of words, or no form of its words"),
        ("[cat, cats]", "[cat]", "xx.yaml: words.noun: ['cat'] does not fit the forms ['sg', 'pl']"),
        ("state: [old]", "state: old", "xx.yaml: words.state: old is no list of words or rows"),
        ("    - [sees, see]\n", "", "xx.yaml: words.verb: [['sg', 'pl']] is no list of words or rows"),
        ("words:", "words: []\nmore:", "'{state}' names no class of words"),
        ("words:", "words: 5\nmore:", "has no words or no templates"),
        ("[cat, cats]", "[no, cats]", "words.noun: [False, 'cats'] does not fit the forms"),
        ("phenomenon", "phenomena", "a template has id, phenomenon and sentences"),
        ("templates:", "template:", "has no words or no templates ('templates')"),
        ("words:", "words: [", "has no words or no templates"),
    ],
)
def test_mistakes_in_a_file_of_templates_are_named(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(UserError, match=re.escape(message)) as error:
        list(templates.pairs("xx", written(tmp_path, SMALL.replace(old, new, 1))))
    assert "\n" not in str(error.value)


def test_a_language_without_templates():
    with pytest.raises(UserError, match="xx.yaml: there is no such file"):
        list(templates.pairs("xx"))


# Corruptions


def corrupted(language, texts, seed=0):
    documents = [Document(str(number), text, "") for number, text in enumerate(texts)]
    return list(corruptions.pairs(language, documents, seed))


@pytest.mark.parametrize(("language", "glue"), [("en", " "), ("zh", "")])
def test_corruptions_keep_the_words_of_a_sentence(language, glue):
    texts = {"en": "All people are born free. One day they went away! Nobody saw them again.", "zh": TEXTS["zh"]}
    found = corrupted(language, [texts[language]] * 3)
    assert found == corrupted(language, [texts[language]] * 3) != corrupted(language, [texts[language]] * 3, seed=1)
    assert {each.phenomenon for each in found} == set(corruptions.PHENOMENA)
    assert len({each.item for each in found}) == len(found)
    for each in found:
        good, bad = ([*s[:-1]] if not glue else s[:-1].split() for s in (each.good, each.bad))
        assert each.good[-1] == each.bad[-1] and each.good in texts[language]
        differing = [place for place, (a, b) in enumerate(zip(good, bad, strict=True)) if a != b]
        if each.phenomenon == "order_reversed":
            assert bad == good[::-1]
        elif each.phenomenon == "words_swapped":
            first, second = differing
            assert second == first + 1 and (bad[first], bad[second]) == (good[second], good[first]) and first > 0
        else:
            assert len(differing) == 1 and differing[0] > 0


def test_sentences_that_are_too_short_or_long_or_have_no_end_are_passed_over():
    texts = ["Go away now.", "Word " * 30 + "end.", "This sentence has no end", "1. A number comes first here."]
    assert not corrupted("en", texts)
    assert len(corrupted("en", ["It is\n\nnot here. But this one is."])) == 1


# Files


ROW = {"language": "en", "phenomenon": "agreement", "good": "He is.", "bad": "He are."}


def test_a_persons_files(tmp_path):
    rows = [ROW, ROW | {"language": "ru"}, ROW | {"template": "t", "source": "mine"}, ROW | {"good": "I am."}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / "b.parquet")
    found = list(files.pairs("en", [f"{tmp_path}/*"]))
    assert [(each.source, each.template, each.item) for each in found] == [
        ("a", "agreement", "a/agreement/0000"),
        ("mine", "t", "mine/t/0000"),
        ("a", "agreement", "a/agreement/0001"),
        ("b", "agreement", "b/agreement/0000"),
    ]
    assert (found[0].phenomenon, found[0].good, found[0].bad) == ("agreement", "He is.", "He are.")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "x.txt",
            "He is.",
            "x.txt has no columns: give a .jsonl or .parquet file with language, phenomenon, good, bad",
        ),
        ("x.jsonl", "{}", "x.jsonl, line 1 has no 'language'"),
        ("x.jsonl", json.dumps(ROW) + "\n" + json.dumps(ROW | {"bad": ""}), "x.jsonl, line 2 has no 'bad'"),
        ("x.jsonl", json.dumps(ROW | {"good": 5}), "x.jsonl, line 1: 'good' contains int, not text"),
        ("x.jsonl", "[]", "x.jsonl, line 1 has no 'language'"),
        ("x.jsonl", json.dumps(ROW | {"language": "EN"}), "x.jsonl: 'EN' is no code of a language: did you mean en?"),
        ("x.jsonl", json.dumps(ROW | {"language": "Tlhingan"}), "x.jsonl: 'Tlhingan' is no code of a language: give"),
        ("x.parquet", "no", "x.parquet cannot be read as parquet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(message)):
        list(files.pairs("en", [f"{tmp_path}/x*"]))


# The hub


def paradigms(folder):
    """A data set of two configurations, as BLiMP has them."""
    for name in ("islands", "binding"):
        (folder / name).mkdir(parents=True)
        rows = [
            {"sentence_good": f"{name} is {n}.", "sentence_bad": f"{name} are {n}.", "field": "syntax"} for n in "ab"
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / name / "train-0.parquet")
    configs = [{"config_name": name, "data_files": f"{name}/*.parquet"} for name in ("islands", "binding")]
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n", encoding="utf-8")
    return folder


def test_a_set_of_paradigms(tmp_path):
    found = list(hub.pairs("en", hub.PublishedSet(str(paradigms(tmp_path / "BLiMP")), phenomenon="field")))
    assert [(each.source, each.phenomenon, each.template, each.item) for each in found] == [
        ("blimp", "syntax", name, f"blimp/{name}/{number:05d}") for name in ("islands", "binding") for number in (0, 1)
    ]
    assert (found[0].good, found[0].bad) == ("islands is a.", "islands are a.")


def test_a_set_without_paradigms(tmp_path):
    published = hub.PublishedSet(str(paradigms(tmp_path / "set")), config="binding")
    found = list(hub.pairs("en", published))
    assert [each.template for each in found] == [each.item for each in found] == [f"set/binding/0000{n}" for n in "01"]
    assert {each.phenomenon for each in found} == {"binding"}
    with pytest.raises(UserError, match=r"set .binding., row 0 has no 'sen' .its columns: sentence_good, sentence_bad"):
        list(hub.pairs("en", hub.PublishedSet(published.repo, config="binding", good="sen")))


# Which pairs are kept


def test_pairs_that_cannot_be_told_apart_are_dropped_and_counted(tokenizer_folder):
    tokenizer = BlockTokenizer.load(tokenizer_folder).tokenizer
    tokenizer.normalizer = Lowercase()
    sieve = Sieve(tokenizer)
    given = [pair("1"), pair("2"), pair("3", "a b", "a b"), pair("4", "a b", "A b"), pair("5", "a c", "a d")]
    assert [each.item for each in sieve(given)] == ["1", "5"]
    assert not list(sieve([pair("6"), pair("7", "a c", "a b")]))
    assert sieve.dropped == {"identical": 1, "repeated": 2, "in both orders": 1, "tokenized alike": 1}


def test_pairs_are_taken_evenly_over_phenomena_and_templates():
    given = [
        pair(f"{phenomenon}{template}{number}", phenomenon=phenomenon, template=template)
        for phenomenon, of_each in {"p": 4, "q": 20, "r": 60}.items()
        for template in "xyz"
        for number in range(of_each)
    ]
    assert select(given, None) == given
    chosen = select(given, 45)
    assert chosen == select(given, 45) == [each for each in given if each in chosen]
    assert sorted(Counter(each.phenomenon for each in chosen).values()) == [12, 16, 17]
    by_template = defaultdict(list)
    for each in chosen:
        by_template[each.phenomenon + each.template].append(int(each.item[2:]))
    assert {len(numbers) for name, numbers in by_template.items() if name[0] == "r"} <= {5, 6}
    assert max(by_template["rx"]) >= 30  # not the first alone
    assert len(select(given, 3)) == 3 == len({each.phenomenon for each in select(given, 3)})


# The file and the program


def test_a_file_of_pairs(tmp_path):
    given = [pair("1"), pair("2", "ä", "ö")]
    write(tmp_path / "en.parquet", given, {"identical": 3})
    assert read(tmp_path / "en.parquet") == given
    schema = pq.read_schema(tmp_path / "en.parquet")
    assert schema.names == ["language", "source", "phenomenon", "template", "item", "good", "bad"]
    assert set(schema.types) == {pa.string()}
    assert json.loads(schema.metadata[b"dropped"]) == {"identical": 3}
    write(tmp_path / "none.parquet", [], {})
    assert read(tmp_path / "none.parquet") == []
    with pytest.raises(UserError, match="x.parquet: no file of minimal pairs is there"):
        read(tmp_path / "x.parquet")


def test_program(tmp_path, tokenizer_folder):
    (tmp_path / "mine.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"bad": "He is."}), encoding="utf-8")
    given = {"language": "en", "tokenizer": tokenizer_folder, "output": tmp_path / "en.parquet"}
    paths = (str(tmp_path / "mine.jsonl"),)
    program.main(**given, sources=("templates", "files"), count=12, paths=paths)
    found = read(tmp_path / "en.parquet")
    assert Counter(each.source for each in found) == {"templates": 12, "mine": 1}
    dropped = json.loads(pq.read_schema(tmp_path / "en.parquet").metadata[b"dropped"])
    assert dropped == {"identical": 1, "repeated": 0, "in both orders": 0, "tokenized alike": 0}
    with pytest.raises(UserError, match="there are no minimal pairs of ru in files, "):
        program.main(**given | {"language": "ru"}, sources=("files",), paths=paths)
    with pytest.raises(UserError, match="'corruptions' needs --test"):
        program.main(**given, sources=("corruptions",))
