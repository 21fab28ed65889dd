"""Prompts are read as their text is tokenized, answers scored as one at a time, fillers as many as asked for."""

import shutil
from collections import Counter
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from linguistic_regions.evaluation.evidence import COLUMNS
from linguistic_regions.evaluation.prompted import Measurement, planned
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model import options
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.planning import configuration
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text import minimal_pairs
from linguistic_regions.text.minimal_pairs import Pair
from linguistic_regions.text.questions import WORDINGS, questions

TEMPLATE = "{% for m in messages %}User: {{ m['content'] }}\n{% endfor %}{{ 'Model:\n' }}"
PAIRS = {
    "en": [("Dogs bark.", "Dogs barks."), ("The cat sleeps.", "The cat sleep.")],
    "ru": [("Собака лает.", "Собака лают.")],
}
ADDED = {
    "phenomenon", "wording", "asked_in", "template", "filler", "fillers", "shown", "order", "margin", "first", "prompt"
}  # fmt: skip


def spaced(folder):
    """A tokenizer without merges that marks spaces as SentencePiece does, also at the beginning of a text."""
    letters = ["▁", "\n", *map(chr, range(33, 127))]
    tokenizer = Tokenizer(models.BPE({"<s>": 0, "?": 1} | {letter: 2 + n for n, letter in enumerate(letters)}, []))
    tokenizer.model.unk_token = "?"
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="?").save_pretrained(folder)
    return folder


def wordlike(folder):
    """A tokenizer that drops spaces."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0, "1": 1, "2": 2, ".": 3}, "?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?").save_pretrained(folder)
    return folder


@pytest.fixture(params=["byte-level", "spaced"])
def folder(request, tokenizer_folder, tmp_path):
    """A tokenizer with a chat template."""
    copy = tmp_path / "tokenizer"
    if request.param == "byte-level":
        shutil.copytree(tokenizer_folder, copy)
    else:
        spaced(copy)
    (copy / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return copy


@pytest.fixture
def subject(folder):
    return Subject(from_scratch(300, 2, 16, 2, 2, 24, 512, False, 0), folder, 1024, "fp32")


@pytest.fixture
def measurement(tmp_path):
    for code, sentences in PAIRS.items():
        pairs = [Pair(code, "templates", "agreement", "one", f"{code}/{n}", *both) for n, both in enumerate(sentences)]
        minimal_pairs.write(tmp_path / f"pairs/{code}.parquet", pairs, {})
    return Measurement(tmp_path / "pairs", ("en",), wordings=("choice_simple", "yes_no_simple"))


@pytest.fixture
def read(monkeypatch):
    """What the model is asked, as token ids."""
    seen, score = [], options.log_probabilities

    def watched(model, asked, *rest):
        seen.extend(asked)
        return score(model, asked, *rest)

    monkeypatch.setattr(options, "log_probabilities", watched)
    return seen


def rows(measurement, subject):
    columns = measurement.measure(subject)
    assert columns.keys() == COLUMNS.keys() - {"condition"} | ADDED
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@torch.no_grad()
def plain(subject, text, answer, begins):
    """The log-probability of an answer after a text, from their tokenization together."""
    tokenizer = AutoTokenizer.from_pretrained(subject.folder)
    ids = [begins] * (begins is not None) + tokenizer(text + answer, add_special_tokens=False).input_ids
    logits = subject.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(1)
    return [logits[place - 1, ids[place]].item() for place in range(1, len(ids))]


def test_rows_are_the_answers_log_probabilities(measurement, subject, folder):
    """The margin is that of the whole texts, which differ in the answer alone."""
    found = rows(replace(measurement, wordings=WORDINGS, bos=True), subject)
    asked = {
        (wording, question.shown, question.order): question
        for wording in WORDINGS
        for question in questions(*PAIRS["en"][0], wording, "en")
    }
    first = [row for row in found if row["item"] == "en/0"]
    assert len(first) == 2 * (3 * 2 + 3 * 4)
    for row in first:
        question = asked[row["wording"], row["shown"], row["order"]]
        text = f"User: {question.text}Model:\n" if row["template"] == "chat" else question.text
        assert row["prompt"] == f"{text}Answer:"
        begins = 0 if row["template"] == "plain" else None
        right, wrong = (plain(subject, row["prompt"], answer, begins) for answer in (question.right, question.wrong))
        assert row["margin"] == pytest.approx(sum(right) - sum(wrong), abs=1e-3)
        assert row["nll"] == pytest.approx(-sum(right[-row["tokens"] :]), abs=1e-3)
        assert row["bytes"] == len(question.right)
        assert row["first"] == ((row["margin"] > 0) == question.right_first)


def test_prompt_and_answer_are_tokenized_as_one_text(measurement, subject, read):
    found = rows(replace(measurement, max_pairs=1, bos=False), subject)
    tokenizer = AutoTokenizer.from_pretrained(subject.folder)
    for row, question in zip(found, read, strict=True):
        answers = (" 1", " 2") if row["wording"] == "choice_simple" else (" Yes", " No")
        whole = [tokenizer(row["prompt"] + answer, add_special_tokens=False).input_ids for answer in answers]
        assert sorted([*question.context, *ids] for ids in question.options) == sorted(whole)
        assert len({ids[0] for ids in question.options}) == 2


def test_what_is_asked(measurement, subject):
    found = rows(replace(measurement, languages=("en", "ru"), max_pairs=1), subject)
    count = Counter((row["language"], row["asked_in"], row["template"], row["wording"]) for row in found)
    expected = {("en", "en"), ("ru", "en"), ("ru", "ru")}
    assert count == {
        (*codes, template, wording): number
        for codes in expected
        for template in ("plain", "chat")
        for wording, number in (("choice_simple", 2), ("yes_no_simple", 4))
    }
    assert {(row["item"], row["document"], row["domain"], row["phenomenon"]) for row in found} == {
        ("en/0", "one", "templates", "agreement"), ("ru/0", "one", "templates", "agreement")
    }  # fmt: skip


def test_the_prompt_is_shown_once_in_each_cell(measurement, subject):
    found = rows(measurement, subject)
    assert [bool(row["prompt"]) for row in found] == [row["item"] == "en/0" for row in found]


@pytest.mark.parametrize("templates", [("chat",), ("plain", "chat"), ("plain",)])
def test_without_a_chat_template_questions_are_plain(measurement, subject, folder, templates):
    with_template = rows(replace(measurement, templates=("plain",)), subject)
    (folder / "chat_template.jinja").unlink()
    without = Subject(subject.model, folder, 1024, "fp32")
    assert rows(replace(measurement, templates=templates), without) == with_template


@pytest.mark.parametrize("template", ["plain", "chat"])
def test_fillers_have_as_many_tokens_as_asked_for(measurement, subject, template, read):
    kinds, counts = ("dots", "spaces", "instruction"), (0, 2, 40)
    filled = replace(measurement, max_pairs=1, templates=(template,), filler_kinds=kinds, filler_counts=counts)
    found = rows(filled, subject)
    lengths = [len(question.context) for question in read]
    without = {
        (row["wording"], row["shown"], row["order"]): (length, row["prompt"])
        for row, length in zip(found, lengths, strict=True)
        if row["filler"] == "none"
    }
    asked = [(row["filler"], row["fillers"]) for row in found if row["wording"] == "choice_simple"]
    assert asked == 2 * [("none", 0), *((kind, count) for kind in kinds for count in (2, 40))]
    assert {row["filler"] for row in found if row["wording"] == "yes_no_simple"} == {"none"}
    for row, length in zip(found, lengths, strict=True):
        plain_length, plain_text = without[row["wording"], row["shown"], row["order"]]
        assert length == plain_length + row["fillers"]
        question = plain_text.removesuffix("Answer:")
        between = row["prompt"].removeprefix(question).removesuffix("Answer:")
        match row["filler"]:
            case "none":
                assert between == ""
            case "dots":
                assert between.replace(" ", "") == "." * row["fillers"]
            case "spaces":
                assert between == " " * row["fillers"]
            case "instruction":
                assert between.strip()[:3] in ("Whi", "Wh", "W")


def test_a_tokenizer_without_spaces_cannot_fill_with_them(measurement, tmp_path):
    subject = Subject(from_scratch(300, 1, 16, 2, 2, 24, 512, False, 0), wordlike(tmp_path / "words"), 1024, "fp32")
    filled = replace(measurement, wordings=("choice_simple",), filler_kinds=("spaces",), filler_counts=(2,))
    with pytest.raises(UserError, match="probes.prompted.fillers.kinds: the tokenizer of .* has no token for spaces"):
        filled.measure(subject)


@pytest.mark.parametrize(
    "edit", [{"max_pairs": 1}, {"wordings": ("choice_simple",)}, {"bos": True}, {"templates": ("plain",)}]
)
def test_another_measurement_has_another_fingerprint(measurement, edit):
    assert replace(measurement).fingerprint() == measurement.fingerprint()
    assert replace(measurement, **edit).fingerprint() != measurement.fingerprint()
    assert replace(measurement, regions=("top",)).fingerprint() == measurement.fingerprint()


# --- planning ---


def config(**prompted):
    probes = {"languages": ["en", "ru"], "prompted": prompted}
    return configuration.check({"languages": ["en", "ru"], "experiments": [], "probes": probes})


def test_the_settings_are_planned():
    fillers = {"counts": [0, 2], "kinds": ["dots"], "wording": "yes_no_simple"}
    found = planned(
        config(pairs=5, wordings=["yes_no_simple"], languages=["own"], templates=["plain"], fillers=fillers)
    )
    assert found.inputs == ["<results>/pairs/en.parquet", "<results>/pairs/ru.parquet"]
    made = Measurement(**found.options)
    assert made.wanted and made.max_pairs == 5
    (pair,) = [Pair("ru", "", "", "", "", "Да.", "Нет.")]
    asked = [(prompt.asked_in, prompt.wording, prompt.filler, prompt.fillers) for prompt in made.prompts(pair)]
    assert asked == 4 * [("ru", "yes_no_simple", "none", 0), ("ru", "yes_no_simple", "dots", 2)]


def test_without_pairs_nothing_is_planned():
    assert planned(config(pairs=0)) is None
    assert not Measurement().wanted


def test_the_estimate_of_tokens_is_near_what_is_read(measurement, subject, read):
    """A byte-level tokenizer with few merges takes about one token for two bytes."""
    found = rows(replace(measurement, templates=("plain",)), subject)
    tokens = sum(len(question.context) for question in read) / 2  # of a pair
    estimated = planned(config(pairs=1, languages=["en"], wordings=list(measurement.wordings), templates=["plain"]))
    assert len(found) == 2 * 6
    assert 1 / 3 < estimated.tokens / 2 / tokens < 3
