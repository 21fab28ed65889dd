"""Values that make no sense: every program names them in one line, with exit code 1, and writes nothing."""

import importlib
import math
import shlex
from functools import wraps

import pytest
import tyro

from linguistic_regions.runtime import cli
from linguistic_regions.runtime.options import Ascending, Count, Number, Ratio, mistakes
from mistakes import end_of

MODEL = {"model": ".", "samples": "s.parquet", "language": "en", "output": "out"}
TRAINING = {"language": "en", "samples": "s.parquet", "evidence": "e", "checkpoints": "c", "learning_rate": 1e-4}
PROGRAMS = {  # the least that each program needs
    "score": {**MODEL, "stability": "s.csv", "milestones": 8, "checkpoints": "c"},
    "evaluate": {"model": ".", "output": "out", "name": "x", "checkpoints": "c"},
    "continue_pretraining": {"model": ".", **TRAINING, "milestones": (0, 8)},
    "pretrain": {
        "tokens_folder": ".",
        "languages": "en",
        "tokenizer": ".",
        "output": "out",
        "checkpoints": "c",
        "samples": 64,
    },
    "fidelity": MODEL,
    "outliers": {"model": ".", "samples": "s", "languages": "en", "table": "t", "output": "out"},
    "blocks": {"corpus": ".", "tokenizer": ".", "output": "out"},
    "corpus": {"language": "en", "source": "files", "output": "out", "paths": "x.txt"},
    "tokenizer": {"output": "out"},
    "region": {"select": "top", "scores": "s", "output": "out"},
    "kinship": {"removal": "r", "pairs": "p", "output": "out"},
    "samples": {"tokens_folder": ".", "languages": "en", "required_json": "{}", "output": "out"},
    "figures": {"tables": ".", "output": "out"},
    "report": {"tables": ".", "figures": ".", "output": "out"},
    "estimate": {},
}
COUNTS = {"0": "must be at least 1", "-3": "must be at least 1"}
RATES = {"0": "must be more than 0", "-1": "must be more than 0", "nan": "is not a finite number"}
AMOUNTS = {"-1": "must be at least 0", "inf": "is not a finite number"}
RATIOS = {"0": "must be more than 0", "3": "must be less than 1", "nan": "is not a finite number"}
SHARES = {"-0.1": "must be at least 0", "1.1": "must be at most 1"}
THREADS = {"0": "must be at least 1", "100000": "must be at most 1024"}
SEEDS = {"-1": "must be at least 0", "4294967296": "must be at most 4294967295"}
ORDERED = {"32 16": "must be in ascending order", "8 8": "must be in ascending order"}
FOLDERS = {"nowhere": "there is no folder nowhere"}
ON_MODEL = {"batch_tokens": COUNTS, "threads": THREADS, "model": FOLDERS}
SCHEDULE = {"batch_size": COUNTS, "warmup_steps": AMOUNTS, "weight_decay": AMOUNTS, "max_grad_norm": RATES}
SCHEDULE |= {"learning_rate": RATES, "checkpoint_minutes": AMOUNTS, "batch_tokens": COUNTS, "threads": THREADS}
SCHEDULE |= {"seed": SEEDS, "betas": {"0.9 1.5": "must be at most 1"}}
OPTIONS = {
    "score": ON_MODEL
    | {"milestones": ORDERED | COUNTS | {"": "give at least one"}, "checks": ORDERED | COUNTS, "ratio": RATIOS}
    | {"stop_at": SHARES, "micro_batch": COUNTS, "checkpoint_minutes": AMOUNTS},
    "evaluate": ON_MODEL | {"factor": AMOUNTS, "noise": AMOUNTS, "name": {"a/b": "without folders"}},
    "continue_pretraining": SCHEDULE
    | {"model": FOLDERS, "milestones": ORDERED | {"-4 0": "must be at least 0"}}
    | {"freeze": {"a --train-only b": "give one of them"}},
    "pretrain": SCHEDULE
    | {"samples": COUNTS | {"8": "fewer than one batch"}, "layers": COUNTS, "mlp_width": COUNTS, "balance": SHARES}
    | {"width": COUNTS | {"12": "width must be an even multiple of heads"}, "kv_heads": COUNTS | {"3": "a multiple of"}}
    | {"tokens_folder": FOLDERS, "tokenizer": FOLDERS},
    "fidelity": ON_MODEL | {"blocks": COUNTS, "weights": COUNTS, "seed": SEEDS},
    "outliers": ON_MODEL | {"blocks": COUNTS, "languages": {"en ru": "give one for each"}},
    "blocks": {"block_size": COUNTS, "train_blocks": COUNTS, "seed": SEEDS},
    "corpus": {"test": RATIOS | {"0.96": "leave no text for training"}, "valid": RATIOS, "max_documents": COUNTS}
    | {"max_characters": COUNTS},
    "tokenizer": {"size": COUNTS.fromkeys(COUNTS, "must be at least 258"), "characters": COUNTS, "model": FOLDERS},
    "region": {"ratio": RATIOS, "seed": SEEDS, "dimension": AMOUNTS.fromkeys(["-1"], "must be at least 0")}
    | {"threads": THREADS},
    "kinship": {"languages": {"ru uk": "give one for each"}},
    "samples": {
        "tokens_folder": FOLDERS,
        "required_json": dict.fromkeys(["{", "[1]", '{"a":5}'], "is not of the form"),
    },
    "figures": {"tables": FOLDERS},
    "report": {"tables": FOLDERS, "figures": FOLDERS},
    "estimate": {"measured": FOLDERS},
}
WHOLE = ("warmup_steps",)  # whole numbers: inf is none
CASES = [
    (program, option, value, message)
    for program, options in OPTIONS.items()
    for option, values in options.items()
    for value, message in values.items()
    if not (option in WHOLE and value == "inf")
]


@pytest.mark.parametrize(("program", "option", "value", "message"), CASES)
def test_nonsense_is_refused_before_anything_is_written(program, option, value, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = PROGRAMS[program] | {option: value}
    words = []
    for name, each in given.items():
        words.append(f"--{name.replace('_', '-')}")
        words += each.split() if isinstance(each, str) else each if isinstance(each, tuple) else [each]
    said = end_of(monkeypatch, program, *words)
    assert said.startswith(f"{program}.py: error: --")
    assert option.replace("_", "-") in said
    assert message in said
    assert not list(tmp_path.iterdir())


MISTYPED = [
    ("blocks", "--corpus . --tokenizer . --output out extra", "extra: there is no such option"),
    ("score", "--modell x", "--modell: there is no such option"),
    ("fetch_model", "--model x", "--output: missing"),
    ("fetch_package", "--output out", "--package: missing"),
    ("tables", "--removal x", "--output: missing"),
    ("build_container", "tpu", "kind: tpu must be one of cpu, cuda"),
    ("blocks", "--corpus . --tokenizer . --output out --block-size x", "--block-size: it takes INT"),
    ("blocks", "--corpus . --tokenizer . --output", "--output: the value is missing"),
]


@pytest.mark.parametrize(("program", "words", "message"), MISTYPED)
def test_a_command_line_that_does_not_fit_is_refused_in_one_line(program, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert end_of(monkeypatch, program, *words.split()) == f"{program}.py: error: {message}: see --help"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("select", "missing"), [("top", "scores"), ("bottom", "scores"), ("union", "of"), ("complement", "of")]
)
def test_a_recipe_without_what_it_needs_is_refused(select, missing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--select", select, "--ratio", "0.1", "--output", "out"]
    assert end_of(monkeypatch, "region", *words).endswith(f"--select {select} needs --{missing} here: give it")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["", "--ratio 0.1 --like r"])
def test_a_ranked_region_has_one_size(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = end_of(monkeypatch, "region", "--select", "top", "--scores", "s", *given.split(), "--output", "out")
    assert said.endswith("--select top needs --ratio or --like, and only one of them: give it")


def test_nothing_to_measure_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = end_of(monkeypatch, "evaluate", "--model", ".", "--output", "out", "--name", "x", "--checkpoints", "c")
    assert "nothing to measure: give --intact True or --regions" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("program", ["figures", "report"])
def test_a_folder_of_something_else_than_tables_is_refused(program, tmp_path, monkeypatch):
    (tmp_path / "top.safetensors").touch()
    (tmp_path / "figures").mkdir()
    given = {"report": ["--figures", tmp_path / "figures"]}.get(program, [])
    said = end_of(monkeypatch, program, "--tables", tmp_path, *given, "--output", tmp_path / "out")
    assert "none of its files is a table of a run" in said


@pytest.mark.parametrize("program", ["claims", "provenance"])
def test_a_program_with_commands_names_them(program, monkeypatch):
    monkeypatch.setattr("sys.argv", [f"{program}.py"])
    module = importlib.import_module(program)
    commands = (module.judge, module.page) if program == "claims" else (module.record, module.compare)
    with pytest.raises(SystemExit) as ended:
        cli.run(*commands)
    names = ", ".join(command.__name__ for command in commands)
    assert ended.value.code == f"{program}.py: error: give one of the commands {names}: see --help"


def test_several_mistakes_are_a_line_each_and_sense_is_none():
    assert list(mistakes("batch_size", Count, 0)) == ["--batch-size: 0 must be at least 1"]
    assert list(mistakes("checks", tuple[Number, ...], (-1, 2, -3))) == [
        "--checks: -1 must be at least 0",
        "--checks: -3 must be at least 0",
    ]
    for kind, value in ((Count, 1), (Count | None, None), (Ratio, 0.5), (tuple[Count, ...], (1, 2)), (float, math.nan)):
        assert not list(mistakes("x", kind, value))
    assert Ascending().mistake(()) is None
    assert Ascending().mistake((1, 2)) is None


EXAMPLES = {
    "region": "build",
    "claims": "judge",
    "provenance": "compare",
    "report": "compare",
}  # of the program's functions
EXAMPLES |= dict.fromkeys([name for name in PROGRAMS if name not in EXAMPLES], "main")
EXAMPLES |= dict.fromkeys(["build_container", "fetch_model", "fetch_package", "overlap", "tables"], "main")


@pytest.mark.parametrize("program", EXAMPLES)
def test_the_example_in_a_programs_help_can_be_run(program):
    function = getattr(importlib.import_module(program), EXAMPLES[program])
    example = function.__doc__.split("Example: ")[1].split("\n\n")[0]
    python, script, *words = shlex.split(example)
    assert (python, script) == (".venv/bin/python", f"scripts/{program}.py")
    words = words[EXAMPLES[program] != "main" :]
    parsed = tyro.cli(
        wraps(function)(lambda *positional, **named: (positional, named)), args=words, config=cli.TYRO_CONFIG
    )
    assert any(parsed)
