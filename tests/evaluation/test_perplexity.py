"""Perplexity's evidence: a row per block, and what tells one measurement from another."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from linguistic_regions.evaluation.evidence import COLUMNS
from linguistic_regions.evaluation.perplexity import Measurement
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model.loss import block_nll
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import BlockTokenizer


@pytest.fixture
def subject(tmp_path):
    return Subject(from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0), tmp_path, batch_tokens=64, precision="fp32")


@pytest.fixture
def measurement(token_folder):
    return Measurement(token_folder, ("en", "ru"), domain="prose", max_blocks=3)


def test_a_row_per_block_of_each_text(subject, measurement):
    columns = measurement.measure(subject)
    assert columns.keys() == COLUMNS.keys() - {"condition"} | {"window", "bos"}
    assert columns["language"] == ["en"] * 3 + ["ru"] * 3
    assert columns["domain"] == ["prose"] * 6
    assert (columns["tokens"], columns["window"], columns["bos"]) == ([15] * 6, [16] * 6, [True] * 6)
    russian = measurement.blocks["ru"]
    assert (columns["document"][3:], columns["bytes"][3:]) == (russian.documents, russian.bytes.tolist())
    np.testing.assert_allclose(columns["nll"][3:], block_nll(subject.model, russian.input_ids, 16, "fp32"), rtol=1e-5)


def test_an_item_is_a_block_by_its_row_in_the_file(measurement, token_folder, subject):
    """The same block is the same item, however many are measured."""
    whole = tokens.read(token_folder / "en/test.parquet")
    few, all_blocks = (replace(measurement, texts=("en",), max_blocks=count).measure(subject) for count in (3, None))
    assert all_blocks["item"] == [f"{document}/{row}" for row, document in enumerate(whole.documents)]
    assert few["item"] == [all_blocks["item"][row] for row in (0, round((len(whole) - 1) / 2), len(whole) - 1)]


def test_bytes_are_those_of_text_that_is_not_ascii(tokenizer_folder, tmp_path):
    """A uniform model spends log(vocabulary) on each token: 'Вы' is 4 bytes, '是' 3, the space 1."""
    cutter = BlockTokenizer.load(tokenizer_folder)
    text = "Вы 是"
    size = len(cutter.tokenizer.encode(text).ids) + 1  # BOS, text, EOS: exactly one block
    (tmp_path / "mixed").mkdir()
    tokens.write(cutter.blocks([("a", text)], size), tmp_path / "mixed/test.parquet")
    model = from_scratch(300, 1, 8, 2, 2, 8, size, False, 0)
    torch.nn.init.zeros_(model.lm_head.weight)
    columns = Measurement(tmp_path, ("mixed",)).measure(Subject(model, tmp_path, 64, "fp32"))
    assert columns["bytes"] == [8]
    assert columns["nll"] == pytest.approx([(size - 1) * math.log(300)], rel=1e-5)


def test_a_further_domain_is_named_by_its_text(token_folder, tmp_path, subject):
    (tmp_path / "en").mkdir()
    (tmp_path / "en/verse").symlink_to(token_folder / "en")
    columns = Measurement(tmp_path, ("en/verse",), domain="prose", max_blocks=1).measure(subject)
    assert (columns["language"], columns["domain"]) == (["en"], ["verse"])


@pytest.mark.parametrize(
    "edit", [{"max_blocks": 2}, {"split": "valid"}, {"texts": ("en",)}, {"texts": ("ru", "en")}, {"domain": "verse"}]
)
def test_another_measurement_has_another_fingerprint(measurement, edit):
    assert replace(measurement).fingerprint() == measurement.fingerprint()
    assert replace(measurement, **edit).fingerprint() != measurement.fingerprint()


def test_with_its_defaults_there_is_nothing_to_measure(measurement):
    assert measurement.wanted and not Measurement().wanted
