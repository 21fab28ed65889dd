"""Tasks of lm-evaluation-harness on a live model: the numbers are a plain computation's, and nothing is kept or lost.

The harness takes seconds to read its tasks, so that what needs it is slow.
"""

import importlib.util
import json
import math
import random
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from linguistic_regions.evaluation.conditions import LABELS, Condition
from linguistic_regions.evaluation.evidence import COLUMNS
from linguistic_regions.evaluation.lm_eval import Measurement, planned
from linguistic_regions.evaluation.protocol import Subject
from linguistic_regions.model.loss import block_nll
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.planning import configuration, plan
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.tokens import BlockTokenizer
from machine import require

HUB = "a_metric_of_the_hub"
PAIRS = [
    ("Every child has studied.", "Every child have studied."),
    ("The keys to the door are here.", "The keys to the door is here."),
    ("She saw herself.", "She saw himself."),
    ("Das Kind schläft schon.", "Das Kind schlafen schon."),
    ("Эта книга лежит здесь.", "Эта книга лежат здесь."),
    ("这本书很有意思。", "本这书很有意思。"),
    ("A dog barks.", "A dog bark."),
    ("The child who ran has won.", "The child who ran have won."),
]
SHARED = {"dataset_path": "json", "test_split": "test", "num_fewshot": 0, "doc_to_text": ""}
CHOICES = {"output_type": "multiple_choice", "doc_to_choice": "{{[good, bad]}}", "doc_to_target": 0}
ACCURACY = {"metric_list": [{"metric": "acc", "aggregation": "mean"}]}
TASKS = {
    "pairs": SHARED | CHOICES | ACCURACY,
    "pairs_after_context": SHARED | CHOICES | ACCURACY | {"doc_to_text": "One of them says:"},
    "pairs_after_others": SHARED | CHOICES | ACCURACY | {
        "doc_to_text": "A sentence:", "num_fewshot": 2, "fewshot_split": "test",
    },
    "documents": SHARED | {
        "output_type": "loglikelihood_rolling",
        "doc_to_target": "{{good}}",
        "metric_list": [{"metric": "bits_per_byte"}, {"metric": "word_perplexity"}],
    },
    "answers": SHARED | {
        "output_type": "generate_until",
        "doc_to_text": "{{bad}}",
        "doc_to_target": "{{good}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4, "do_sample": True, "temperature": 1.0},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean"}],
    },
    "perplexities": SHARED | {
        "output_type": "loglikelihood", "doc_to_target": "{{good}}", "metric_list": [{"metric": "perplexity"}],
    },
    "metric_of_the_hub": SHARED | CHOICES | {"metric_list": [{"metric": HUB, "hf_evaluate": True}]},
    "code": SHARED | CHOICES | ACCURACY | {"unsafe_code": True},
    "without_data": SHARED | CHOICES | ACCURACY | {"test_split": "no such split"},
}  # fmt: skip


@pytest.fixture(scope="module")
def tasks_folder(tmp_path_factory):
    """A folder of tasks, with their data."""
    folder = tmp_path_factory.mktemp("tasks")
    rows = [json.dumps({"good": good, "bad": bad}) for good, bad in PAIRS]
    (folder / "pairs.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    data = {"data_files": {"test": str(folder / "pairs.jsonl")}, "cache_dir": str(tmp_path_factory.mktemp("cache"))}
    for name, task in TASKS.items():
        written = {"task": name, "dataset_kwargs": data, **task}
        (folder / f"{name}.yaml").write_text(json.dumps(written), encoding="utf-8")  # JSON is YAML
    group = {"group": "both", "task": ["pairs", "pairs_after_context"], "aggregate_metric_list": [{"metric": "acc"}]}
    (folder / "both.yaml").write_text(json.dumps(group), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def manager(tasks_folder):
    """The harness's index of its own tasks and these, which takes seconds to make."""
    require(importlib.util.find_spec("lm_eval") is not None, "no lm-eval: pip install -r envs/lm_eval.txt")
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(tasks_folder))


@pytest.fixture
def measurement(manager, tasks_folder, monkeypatch):
    """Of the pairs, as a function of the settings that differ."""
    monkeypatch.setattr("lm_eval.tasks.TaskManager", lambda include_path: manager)
    monkeypatch.setattr("lm_eval.api.model.CachingLM", None)  # the cache of responses
    return lambda **settings: Measurement(**{"tasks": ("pairs",), "include_path": tasks_folder, "batch": 3} | settings)


@pytest.fixture
def model():
    """A model that tells sentences apart."""
    made = from_scratch(300, 2, 16, 2, 2, 24, 256, False, 0)
    with torch.no_grad():
        made.lm_head.weight.mul_(20)
    return made


@pytest.fixture
def subject(model, tokenizer_folder):
    return Subject(model, tokenizer_folder, batch_tokens=64, precision="fp32")


def rows(columns):
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@torch.no_grad()
def log_probability(model, context, text):
    """The summed log-probability of the ids of a text after those of a context."""
    ids = torch.tensor([context + text])
    likelihoods = model(input_ids=ids).logits[0, :-1].double().log_softmax(-1)
    return likelihoods[range(len(context) - 1, ids.shape[1] - 1), text].sum().item()


def lesion(model):
    draw = np.random.default_rng(0)
    masks = {name: draw.random(w.shape) < 0.5 for name, w in selectable(model, [], []).items()}
    return Condition("half", Region.from_masks(masks))


@pytest.mark.slow
@pytest.mark.parametrize("bos", [True, False, None])
def test_accuracy_is_that_of_summed_log_probabilities(measurement, subject, model, bos):
    """Without a context, BOS is read first, and the task's delimiter, a space, before a sentence."""
    tokenizer = AutoTokenizer.from_pretrained(subject.folder)
    columns = measurement(bos=bos).measure(subject)
    assert columns.keys() == COLUMNS.keys() - {"condition"} | {"group", "task", "metric", "value", "harness"}
    found = rows(columns)
    for row, pair in zip(found, PAIRS, strict=True):
        good, bad = (
            log_probability(model, [0], tokenizer(f" {text}", add_special_tokens=False).input_ids) for text in pair
        )
        assert row["value"] == (good > bad)
        assert row["nll"] == pytest.approx(-good - bad, rel=1e-5)
        assert row["bytes"] == sum(len(f" {text}".encode()) for text in pair)
    assert 0 < sum(columns["value"]) < len(PAIRS)
    assert columns["item"] == columns["document"] == [f"pairs/{number}" for number in range(len(PAIRS))]
    assert set(columns["metric"]) == {"acc"}


@pytest.mark.slow
@pytest.mark.parametrize("bos", [True, False])
def test_a_context_begins_with_bos_as_the_run_says(measurement, subject, model, bos):
    tokenizer = AutoTokenizer.from_pretrained(subject.folder)
    context = "One of them says:"
    head = [0] * bos + tokenizer(context, add_special_tokens=False).input_ids
    found = rows(measurement(tasks=("pairs_after_context",), bos=bos).measure(subject))
    for row, pair in zip(found, PAIRS, strict=True):
        whole = [tokenizer(f"{context} {text}", add_special_tokens=False).input_ids for text in pair]
        good, bad = (log_probability(model, head, ids[len(head) - bos :]) for ids in whole)
        assert row["value"] == (good > bad)
        assert row["nll"] == pytest.approx(-good - bad, rel=1e-5)


@pytest.mark.slow
def test_bits_per_byte_are_ours(measurement, subject, model):
    """Of documents that are a block each, from BOS on and without EOS."""
    found = rows(measurement(tasks=("documents",), bos=False).measure(subject))
    cutter = BlockTokenizer.load(subject.folder, bos=True)
    cutter.eos = None
    for row, (text, _) in zip(found, PAIRS, strict=True):
        block = cutter.blocks([("", text)], 1 + len(cutter.tokenizer.encode(text, add_special_tokens=False).ids))
        (nll,) = block_nll(model, block.input_ids, 64, "fp32")
        assert row["nll"] == pytest.approx(nll, rel=1e-5)
        assert row["bytes"] == len(text.encode()) == block.bytes.sum()
        assert row["value"] == pytest.approx(nll / math.log(2) / len(text.encode()), rel=1e-5)
    assert {row["metric"] for row in found} == {"bits_per_byte"}  # word_perplexity is no mean over documents


@pytest.mark.slow
def test_a_lesion_changes_answers_and_nothing_is_kept(measurement, subject, model):
    """Neither answers nor changes of the model; the examples before a question are the same in all conditions."""
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    model.train()
    measure = measurement(tasks=("pairs", "pairs_after_others", "answers")).measure
    intact = measure(subject)
    condition = lesion(model)
    with condition.applied(model):
        lesioned = measure(subject)
    assert {*lesioned["nll"]}.isdisjoint({*intact["nll"]} - {0.0})
    assert lesioned["item"] == intact["item"]
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert model.training
    assert measure(subject) == intact


@pytest.mark.slow
def test_generators_are_as_before(measurement, subject):
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()

    for generator in (random.seed, np.random.seed, torch.manual_seed):
        generator(7)
    before = states()
    first = measurement(tasks=("answers",)).measure(subject)  # which draws
    assert states() == before
    torch.manual_seed(8)
    assert measurement(tasks=("answers",)).measure(subject) == first


@pytest.mark.slow
def test_matrix_products_have_the_precision_of_the_run(measurement, subject, model):
    def products():
        seen = set()
        hook = model.lm_head.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
        measurement().measure(subject)
        hook.remove()
        return seen

    assert products() == {torch.float32}
    subject.precision = "bf16"
    assert products() == {torch.bfloat16}


@pytest.mark.slow
def test_a_group_is_its_tasks(measurement, subject):
    columns = measurement(tasks=("both",), limit=2).measure(subject)
    assert columns["item"] == ["pairs/0", "pairs/1", "pairs_after_context/0", "pairs_after_context/1"]
    assert set(columns["group"]) == {"both"}
    assert columns["task"] == ["pairs"] * 2 + ["pairs_after_context"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("pair", "has no task pair; did you mean pairs?"),
        ("metric_of_the_hub", f"metric_of_the_hub needs code from the hub .{HUB}., which is not run"),
        ("code", "code runs what the model writes"),
        ("without_data", "without_data cannot be loaded"),
        ("perplexities", "perplexities has no metric that is a mean over documents"),
    ],
)
def test_what_cannot_be_measured_is_said(measurement, subject, task, message):
    imported = sys.modules.get("evaluate")
    with pytest.raises(UserError, match=message):
        measurement(tasks=(task,)).measure(subject)
    assert sys.modules.get("evaluate") is imported


# --- planning ---


def config(**settings):
    return configuration.check({"experiments": [], "lm_eval": settings})


def label(kind, target="", replicate=0):
    return {**LABELS, "kind": kind, "target": target, "replicate": replicate}


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (label("base"), True),
        (label("top", "core"), True),
        (label("random", "core", 1), True),
        (label("random", "core", 2), False),
        (label("monolingual", "ko"), True),
        (label("bottom", "core"), False),
    ],
)
def test_it_is_wanted_under_the_regions_of_the_config(labels, wanted):
    regions = tuple(planned(config(tasks=["blimp"])).options["regions"])
    assert Measurement(("blimp",), regions=regions).wanted_in(labels) == wanted


def test_a_limit_and_more_tasks_count_in_the_costs():
    def tokens(**settings):
        return planned(config(**settings)).tokens

    assert tokens(tasks=["blimp"], limit=10) < tokens(tasks=["blimp"], limit=20) < tokens(tasks=["blimp"])
    assert tokens(tasks=["blimp", "wikitext"], limit=10) == 2 * tokens(tasks=["blimp"], limit=10)


def test_the_files_of_ones_own_tasks_are_inputs(tmp_path):
    for name in ("a.yaml", "data/b.jsonl", "__pycache__/utils.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    asked = config(tasks=["mine"], include_path=str(tmp_path))
    files = [str(tmp_path / "a.yaml"), str(tmp_path / "data/b.jsonl")]
    assert planned(asked).inputs == files
    assert set(files) <= set(plan.user_files(asked))


def test_without_tasks_nothing_is_planned():
    off = config(tasks=[])
    assert planned(off) is None
    assert not Measurement().wanted
    assert "lm_eval" not in plan.evidence(off)
    assert not [path for path in plan.tables(off) if "lm_eval" in path]
    assert "<results>/tables/lm_eval.csv" in plan.tables(config(tasks=["blimp"]))


def test_another_measurement_has_another_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr("linguistic_regions.evaluation.lm_eval.version", lambda package: "0.4.13")
    (tmp_path / "mine.yaml").write_text("task: mine")
    measurement = Measurement(("mine",), include_path=tmp_path)
    before = measurement.fingerprint()
    assert replace(measurement, regions=("top",)).fingerprint() == before
    for edit in ({"tasks": ("mine", "blimp")}, {"limit": 2}, {"bos": False}, {"batch": 2}, {"include_path": None}):
        assert replace(measurement, **edit).fingerprint() != before
    (tmp_path / "mine.yaml").write_text("task: mine\nnum_fewshot: 1")
    assert replace(measurement).fingerprint() != before


@pytest.mark.parametrize(
    ("settings", "installed", "message"),
    [
        ({"tasks": ["blimp"]}, False, r"config: lm_eval.tasks: needs lm-eval: pip install -r envs/lm_eval.txt"),
        ({"tasks": ["mine"], "include_path": "no"}, True, "config: lm_eval.include_path: there is no folder no; check"),
    ],
)
def test_what_is_missing_is_said_before_any_job(monkeypatch, settings, installed, message):
    monkeypatch.setattr(configuration, "find_spec", lambda package: installed)
    asked = config(**settings)
    with pytest.raises(UserError, match=message):
        configuration.check_files(asked)
