"""A new evaluation is one module and one name: options, inputs, costs and evidence follow from them."""

import json
import runpy
import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest
import yaml

import small_run
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.planning import configuration, costs, evaluations
from linguistic_regions.runtime import cli

PROGRAM = small_run.ROOT / "scripts/evaluate.py"


def config():
    """With all evaluations."""
    tiny = yaml.safe_load((small_run.ROOT / "configs/tiny.yaml").read_text(encoding="utf-8"))
    return configuration.check(tiny | {"lm_eval": {"tasks": ["blimp"]}})


@dataclass(frozen=True)
class Spelling:
    """How many parameters the model has, for each word.

    Attributes:
        words: to measure.
    """

    words: tuple[str, ...] = ()

    @property
    def wanted(self):
        return bool(self.words)

    def wanted_in(self, labels):
        return True

    def fingerprint(self):
        return repr(self.words)

    def measure(self, subject):
        fixed = {"language": "en", "domain": "words", "document": "all", "tokens": 1, "bytes": 1}
        columns = {name: [value] * len(self.words) for name, value in fixed.items()}
        return columns | {"item": list(self.words), "nll": [float(subject.model.num_parameters())] * len(self.words)}


@pytest.fixture
def spelling(monkeypatch):
    """The module linguistic_regions.evaluation.spelling, named in the registry after the others."""
    module = ModuleType(f"{evaluations.PACKAGE}.spelling")
    module.Measurement = Spelling
    module.planned = lambda config: evaluations.Plan(
        inputs=["<results>/words.txt"], options={"words": config["languages"]}, tokens=1e9
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    before = config()
    plain = evaluations.planned(before), costs.costs(before, None)
    monkeypatch.setattr(evaluations, "EVALUATIONS", (*evaluations.EVALUATIONS, "spelling"))
    return plain


def test_it_is_planned_beside_the_others(spelling):
    plans = evaluations.planned(config())
    assert list(plans) == [*spelling[0], "spelling"]
    assert plans["spelling"].inputs == ["<results>/words.txt"]
    assert plans["perplexity"] == spelling[0]["perplexity"]
    assert evaluations.modules(plans) == [f"{evaluations.PACKAGE}.{name}" for name in plans]
    options = evaluations.options(plans)
    assert options["spelling.words"] == config()["languages"]
    assert options["perplexity.texts"] == plans["perplexity"].options["texts"]


def test_an_evaluation_that_a_config_does_not_ask_for_is_not_planned(spelling, monkeypatch):
    monkeypatch.setattr(sys.modules[f"{evaluations.PACKAGE}.spelling"], "planned", lambda config: None)
    assert list(evaluations.planned(config())) == list(spelling[0])


def test_its_tokens_count_in_the_costs_of_evaluation_alone(spelling):
    before, after = spelling[1], costs.costs(config(), None)
    assert after["evaluate"].cost.seconds > 2 * before["evaluate"].cost.seconds
    assert {rule for rule in before if before[rule] != after[rule]} == {"evaluate"}


def test_what_is_not_wanted_in_a_condition_costs_nothing_there(spelling, monkeypatch):
    monkeypatch.setattr(Spelling, "wanted_in", lambda self, labels: labels["kind"] == "base")
    plans = {"spelling": evaluations.Plan([], {"words": ["a"]}, tokens=10, steps=3)}
    assert evaluations.amounts(plans, [{"kind": "base"}, {"kind": "top"}, {"kind": "base"}]) == (20, 6)


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """Run the program on an intact model by its command line: `evaluate(*words)` gives the evidence by evaluation."""
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(tmp_path / "base")

    def run(*words):
        told = ("--model", tmp_path / "base", "--intact", "True", "--checkpoints", tmp_path / "state")
        made = ("--output", tmp_path / "evaluations", "--name", "x")
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, (*told, *made, *words))])
        cli.run(runpy.run_path(str(PROGRAM))["main"])
        return {path.parent.name: Evidence.load(path) for path in (tmp_path / "evaluations").rglob("x.parquet")}

    return run


def test_the_program_takes_its_options_and_writes_its_evidence(spelling, evaluate, token_folder):
    text = ("--perplexity.tokens-folder", token_folder, "--perplexity.texts", "en")
    found = evaluate(*text, "--spelling.words", "a", "bc")
    assert found.keys() == {"perplexity", "spelling"}
    assert found["spelling"].rows["intact"].to_pydict()["item"] == ["a", "bc"]
    assert set(found["perplexity"].rows["intact"].to_pydict()["language"]) == {"en"}


def test_an_evaluation_with_nothing_to_measure_is_not_made(spelling, evaluate):
    assert evaluate("--spelling.words", "a").keys() == {"spelling"}


def test_planning_needs_no_torch():
    code = """
import json, sys
from linguistic_regions.planning import evaluations
print(list(evaluations.planned(json.load(sys.stdin))))
sys.exit(str(sorted({"torch", "transformers", "accelerate"} & sys.modules.keys())))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(config()),
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PROGRAM.parent)},
    )
    assert (run.stdout, run.stderr) == (f"{list(evaluations.EVALUATIONS)}\n", "[]\n")
