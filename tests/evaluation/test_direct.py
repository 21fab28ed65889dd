"""Pairs scored directly are two sentences scored one at a time; BOS decides what is predicted."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from linguistic_regions.evaluation.conditions import LABELS
from linguistic_regions.evaluation.direct import Measurement, planned
from linguistic_regions.evaluation.evidence import COLUMNS
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.planning import configuration, plan
from linguistic_regions.text import minimal_pairs
from linguistic_regions.text.minimal_pairs import Pair

SENTENCES = {
    "en": [("The dogs bark.", "The dogs barks."), ("The cat near the trees sleeps.", "The cat near the trees sleep.")],
    "ru": [("Собака лает.", "Собака лают.")],
}


def pairs(language):
    return [
        Pair(language, "templates", "agreement", f"template-{number % 2}", f"templates/agreement/{number}", good, bad)
        for number, (good, bad) in enumerate(SENTENCES[language])
    ]


@pytest.fixture
def measurement(tmp_path):
    for language in SENTENCES:
        minimal_pairs.write(tmp_path / f"pairs/{language}.parquet", pairs(language), {})
    return Measurement(tmp_path / "pairs", tuple(SENTENCES), ("top", "random"))


@pytest.fixture
def subject(tokenizer_folder):
    return Subject(from_scratch(300, 2, 16, 2, 2, 24, 64, False, 0), tokenizer_folder, 64, "fp32")


@torch.no_grad()
def plain(subject, sentence, bos):
    """The log-probabilities of a sentence's predicted tokens, from all logits."""
    ids = AutoTokenizer.from_pretrained(subject.folder)(sentence, add_special_tokens=False).input_ids
    ids = torch.tensor([[0] * bos + ids])
    logits = subject.model(input_ids=ids).logits[0, :-1].log_softmax(1)
    return logits.gather(1, ids[0, 1:, None]).flatten().double().numpy()


@pytest.mark.parametrize("bos", [True, False, None])
def test_a_row_per_pair(measurement, subject, bos):
    columns = replace(measurement, bos=bos).measure(subject)
    assert columns.keys() == COLUMNS.keys() - {"condition"} | {"phenomenon", "margin", "margin_per_token", "bos"}
    expected = [pair for language in SENTENCES for pair in pairs(language)]
    assert [columns[name] for name in ("language", "domain", "item", "document", "phenomenon")] == [
        [getattr(pair, name) for pair in expected] for name in ("language", "source", "item", "template", "phenomenon")
    ]
    has_bos = bos is not False  # this tokenizer begins texts with BOS
    assert columns["bos"] == [has_bos] * 3
    assert columns["bytes"] == [len(pair.good.encode()) + len(pair.bad.encode()) for pair in expected]
    for number, pair in enumerate(expected):
        good, bad = plain(subject, pair.good, has_bos), plain(subject, pair.bad, has_bos)
        assert columns["tokens"][number] == len(good) + len(bad)
        assert columns["nll"][number] == pytest.approx(-good.sum() - bad.sum(), rel=1e-5)
        assert columns["margin"][number] == pytest.approx(good.sum() - bad.sum(), abs=1e-4)
        assert columns["margin_per_token"][number] == pytest.approx(good.mean() - bad.mean(), abs=1e-5)


def test_a_sentence_of_one_token_without_bos_predicts_nothing(measurement, subject, tmp_path):
    minimal_pairs.write(tmp_path / "one/en.parquet", [replace(pairs("en")[0], good="a", bad="b")], {})
    columns = replace(measurement, pairs=tmp_path / "one", languages=("en",), bos=False).measure(subject)
    assert (columns["tokens"], columns["margin"], columns["margin_per_token"]) == ([0], [0.0], [0.0])


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"kind": "base"}, True),
        ({"kind": "top", "target": "core"}, True),
        ({"kind": "random", "target": "ru", "replicate": 1}, True),
        ({"kind": "random", "target": "ko", "replicate": 1}, False),
        ({"kind": "bottom", "target": "core"}, False),
    ],
)
def test_it_is_wanted_in_few_conditions(measurement, labels, wanted):
    assert measurement.wanted_in(LABELS | labels) == wanted


def test_other_pairs_or_bos_have_another_fingerprint(measurement, tmp_path):
    edited = tmp_path / "edited"
    for language in SENTENCES:
        minimal_pairs.write(edited / f"{language}.parquet", [replace(pair, good="!") for pair in pairs(language)], {})
    found = [measurement, replace(measurement, pairs=edited), replace(measurement, bos=False)]
    assert len({each.fingerprint() for each in found}) == 3
    assert replace(measurement, regions=()).fingerprint() == measurement.fingerprint()


def test_margins_are_positive_where_the_good_sentences_were_learnt(measurement, subject):
    """A model that knows the good sentences by heart has margins above zero."""
    tokenizer = AutoTokenizer.from_pretrained(subject.folder)
    optimizer = torch.optim.Adam(subject.model.parameters(), 0.01)
    before = measurement.measure(subject)["margin"]
    for _ in range(20):
        for pair in measurement.items:
            ids = torch.tensor([tokenizer(pair.good).input_ids])
            subject.model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    after = measurement.measure(subject)["margin"]
    assert np.mean(after) > max(1, np.mean(before))


# --- planning ---


def config(**probes):
    return configuration.check({"languages": ["en", "ru", "de"], "experiments": [], "probes": probes})


def test_the_runs_languages_are_planned_with_their_pairs():
    found = planned(config(languages=["en", "es", "ru"], pairs=30))
    assert found.inputs == ["<results>/pairs/en.parquet", "<results>/pairs/ru.parquet"]
    assert found.options["languages"] == ["en", "ru"]
    twice = planned(config(languages=["en", "ru"], pairs=30, sources=["templates", "corruptions"]))
    assert twice.tokens == 2 * found.tokens > 2 * 2 * 2 * 30
    assert planned(config(pairs=None)).tokens > found.tokens


def test_without_languages_nothing_is_planned():
    off = config(languages=[])
    assert planned(off) is None
    assert not Measurement().wanted
    assert not {"direct", "prompted"} & plan.evidence(off).keys()


def test_each_set_of_conditions_has_a_file():
    found = plan.evidence(configuration.check({}))
    assert [len(found[name]) for name in ("direct", "prompted")] == [len(found["removal"])] * 2
    assert "prompted" not in plan.evidence(configuration.check({"probes": {"prompted": {"pairs": 0}}}))
