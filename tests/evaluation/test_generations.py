"""What a model says: greedy, the same in any company, of the lesion, and through the chat template if there is one."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from linguistic_regions.evaluation.conditions import LABELS, Condition
from linguistic_regions.evaluation.evidence import COLUMNS
from linguistic_regions.evaluation.generations import Measurement, planned
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.planning import configuration, plan
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError

TEMPLATE = (
    "{% for m in messages %}User: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}Model:{% endif %}"
)
PROMPTS = {"en": "The capital", "ru": "Столица", "zh": "首都"}


@pytest.fixture
def folder(tokenizer_folder, tmp_path):
    """A tokenizer with a chat template."""
    copy = shutil.copytree(tokenizer_folder, tmp_path / "tokenizer")
    (copy / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return copy


@pytest.fixture
def model():
    made = from_scratch(300, 2, 16, 2, 2, 24, 64, False, 0)
    with torch.no_grad():
        made.lm_head.weight.mul_(50)  # tokens are far apart, so that rounding decides nothing
        made.lm_head.weight[1] = 0  # EOS is never said
    return made


@pytest.fixture
def subject(model, folder):
    return Subject(model, folder, batch_tokens=64, precision="fp32")


@pytest.fixture
def measurement():
    return Measurement(tuple(PROMPTS), tuple(PROMPTS.values()), length=8)


def rows(columns):
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@torch.no_grad()
def likeliest(model, ids, length):
    """The plain loop, by another reading of the text at each step."""
    said = []
    for _ in range(length):
        said.append(int(model(input_ids=torch.tensor([ids + said]), use_cache=False).logits[0, -1].argmax()))
    return said


def test_a_row_per_prompt_and_template(subject, measurement, model, folder):
    columns = measurement.measure(subject)
    assert columns.keys() == COLUMNS.keys() - {"condition"} | {"template", "prompt", "continuation"}
    found = rows(columns)
    assert [row["item"] for row in found] == [f"{code}/{kind}" for code in PROMPTS for kind in ("plain", "chat")]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for row in found:
        prompt = PROMPTS[row["language"]]
        text = f"User: {prompt}\nModel:" if row["template"] == "chat" else prompt
        ids = tokenizer(text, add_special_tokens=row["template"] == "plain").input_ids
        said = likeliest(model, ids, 8)
        assert row["continuation"] == tokenizer.decode(said, skip_special_tokens=True)
        assert (row["prompt"], row["document"]) == (prompt, row["language"])
        assert (row["tokens"], row["bytes"]) == (8, len(row["continuation"].encode()))
        assert row["nll"] > 0


def test_without_a_chat_template_prompts_are_only_continued(model, tokenizer_folder, measurement):
    columns = measurement.measure(Subject(model, tokenizer_folder, 64, "fp32"))
    assert columns["template"] == ["plain"] * 3


def test_a_prompt_gets_the_same_continuation_in_any_company(subject, measurement):
    """Also in bfloat16, where what shares a batch would decide between tokens that are nearly as likely."""
    subject.precision = "bf16"
    together = {row["item"]: row for row in rows(measurement.measure(subject))}
    for code, prompt in reversed(PROMPTS.items()):
        alone = Measurement((code,), (prompt,), length=8).measure(subject)
        assert rows(alone) == [together[f"{code}/plain"], together[f"{code}/chat"]]


def test_special_tokens_are_counted_and_not_shown(subject, model, measurement):
    with torch.no_grad():
        model.lm_head.weight.zero_()  # all tokens are as likely, and BOS is the first
    found = rows(measurement.measure(subject))
    assert {row["continuation"] for row in found} == {""}
    assert {row["bytes"] for row in found} == {0}
    assert {row["tokens"] for row in found} == {8}


@pytest.mark.parametrize("bos", [True, False, None])
def test_a_plain_prompt_begins_with_bos_as_blocks_do(subject, measurement, bos, model, folder):
    (row,) = rows(replace(measurement, languages=("en",), prompts=("The",), bos=bos).measure(subject))[:1]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    begins = tokenizer("").input_ids[:1] == [0]
    ids = [0] * (begins if bos is None else bos) + tokenizer("The", add_special_tokens=False).input_ids
    assert row["continuation"] == tokenizer.decode(likeliest(model, ids, 8), skip_special_tokens=True)


def test_a_lesion_changes_what_is_said_and_leaves_no_trace(subject, measurement, model):
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    intact = measurement.measure(subject)
    draw = np.random.default_rng(0)
    region = Region.from_masks({name: draw.random(w.shape) < 0.5 for name, w in selectable(model, [], []).items()})
    with Condition("half", region).applied(model):
        lesioned = measurement.measure(subject)
    assert lesioned["continuation"] != intact["continuation"]
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert measurement.measure(subject) == intact


def label(kind, target="", replicate=0):
    return {**LABELS, "kind": kind, "target": target, "replicate": replicate}


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (label("base"), True),
        (label("top", "core"), True),
        (label("random", "core", 1), True),
        (label("random", "core", 2), False),
        (label("bottom", "core"), False),
        (label("top", "ru"), True),
        (label("top", "ko"), False),
    ],
)
def test_it_is_wanted_in_few_conditions(measurement, labels, wanted):
    assert replace(measurement, regions=("top", "random")).wanted_in(labels) == wanted


@pytest.mark.parametrize("edit", [{"length": 9}, {"prompts": ("a", "b", "c")}, {"languages": ("en", "ru", "ko")}])
def test_another_measurement_has_another_fingerprint(measurement, edit):
    assert replace(measurement).fingerprint() == measurement.fingerprint()
    assert replace(measurement, **edit).fingerprint() != measurement.fingerprint()


def test_which_conditions_are_measured_is_no_part_of_the_fingerprint(measurement):
    assert replace(measurement, regions=("top",)).fingerprint() == measurement.fingerprint()


# --- planning ---


def config(**generations):
    return configuration.check({"languages": ["en", "ru", "de"], "experiments": [], "generations": generations})


def test_the_runs_languages_are_planned_with_their_prompts():
    found = planned(config(languages=["en", "es", "ru"], prompts={"ru": "Москва —"}, tokens=5))
    assert found.options["languages"] == ["en", "ru"]
    assert found.options["prompts"] == ["The capital of France is", "Москва —"]
    assert found.steps == 2 * 2 * 5


def test_without_languages_nothing_is_planned():
    off = config(languages=[])
    assert planned(off) is None
    assert not Measurement().wanted
    assert "generations" not in plan.evidence(off)
    assert not [path for path in plan.tables(off) if "generations" in path]


def test_a_language_without_a_prompt_is_named():
    with pytest.raises(UserError, match="config: generations.languages: 'de' has no prompt: add it to generations.pro"):
        config(languages=["de"])
    assert config(languages=["de"], prompts={"de": "Berlin ist"})


def test_every_language_of_the_demo_has_a_prompt():
    demo = configuration.check({})
    demo["generations"]["languages"] = demo["languages"]
    assert list(plan.prompts(demo)) == demo["languages"]
