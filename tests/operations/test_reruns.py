"""What an edit of the config or of the code runs again after a finished run: what depends on it, and nothing else."""

import ast
import os
import re
import shutil

import pytest

from estimate import merged
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.planning import evaluations
from linguistic_regions.runtime import programs
from small_run import SMALL, planned, snakemake, some_slow, write_config

pytestmark = pytest.mark.workflow


# Which rules run again, from the last backwards: each set is what follows from running its first rule.
RECORD = {"settings", "provenance", "report"}  # the report shows the config
FIGURES = RECORD | {"figures"}
KINSHIP = FIGURES | {"kinship", "claims"}
TABLES = KINSHIP | {"tables"}
EVALUATE = TABLES | {"evaluate", "freezing"}  # which starts from the intact model's measurement
REGIONS = EVALUATE | {"region", "overlap", "retraining"}
IMPORTANCE = REGIONS | {"importance"}
FURTHER = IMPORTANCE | {"further", "fidelity"}
MODEL = FURTHER | {"base_model", "outliers"}
TOKENS = MODEL | {"blocks", "samples"}
ALL = TOKENS | {"corpus", "tokenizer", "pairs"}

CONFIG_EDITS = {
    "run, its name": ({"run": "other"}, ALL),
    "seed": ({"seed": 1}, TOKENS),
    "a ratio added": ({"removal": {"ratios": [0.03, 0.1]}}, TABLES | {"region", "evaluate", "overlap"}),
    "fewer experiments": ({"experiments": ["removal"]}, TABLES | {"overlap", "samples"}),
    "more samples of importance": ({"importance": {"samples": [16, 24]}}, IMPORTANCE | {"samples"}),
    "the estimator": ({"importance": {"estimator": "taylor_abs"}}, IMPORTANCE),
    "importance at the base": ({"importance": {"at": "base"}}, IMPORTANCE | {"samples", "fidelity"}),
    "the learning rate of continued pre-training": ({"further": {"learning_rate": 2.0e-3}}, FURTHER),
    "a learning rate of freezing added": ({"freezing": {"learning_rates": [1.0e-3, 5.0e-4]}}, TABLES | {"freezing"}),
    "longer retraining": ({"retraining": {"milestones": [0, 8, 12]}}, TABLES | {"retraining", "samples"}),
    "the name of the model": ({"model": {"name": "Mine"}}, TABLES),
    "the vocabulary": ({"model": {"scratch": {"vocabulary": 300}}}, TOKENS | {"tokenizer", "pairs"}),
    "test blocks": ({"tokens": {"test_blocks": 6}}, EVALUATE | {"retraining"}),
    "a prompt": ({"generations": {"prompts": {"en": "The {sea} is"}}}, EVALUATE),
    "more minimal pairs": ({"probes": {"pairs": 8}}, EVALUATE | {"pairs"}),
    "another question": ({"probes": {"prompted": {"wordings": ["choice_simple", "yes_no_simple"]}}}, EVALUATE),
    "no prompts": ({"generations": {"languages": []}}, EVALUATE),
    "the share of test documents": ({"corpora": {"test": 0.3}}, ALL),
    "languages in another order": ({"languages": ["zh", "ru", "en"]}, TABLES),  # which show them in this order
    "a micro-batch that no estimator uses": ({"importance": {"micro_batch": 4}}, RECORD),
    "a default written out": ({"seed": 0, "tokens": {"bos": None}}, set()),
    "a language left out": (
        {"languages": ["ru", "zh"], "retraining": {"evaluate": ["zh"]}},
        TOKENS | {"tokenizer", "pairs"},  # which are trained on all text
    ),
}


@pytest.mark.parametrize("name", some_slow(CONFIG_EDITS, ("a ratio added", "the estimator", "a prompt")))
def test_an_edit_of_the_config(finished, name):
    edit, rules = CONFIG_EDITS[name]
    assert set(planned(finished, merged(SMALL, edit))) == rules


SCHEDULING = {
    "threads": 2,
    "training": {"checkpoint_minutes": 3},
    "gpu": "h100",
    "cluster": {"max_runtime": 60, "gres": "gpu"},
    "keep": ["importance", "further"],
    "container": "other.sif",  # which is not used
}


def test_how_jobs_are_scheduled_reruns_none_of_them(finished):
    """A job whose files had other names would run too."""
    grouped = ["--groups", "region=regions", "--group-components", "regions=10"]
    assert planned(finished, SMALL, *grouped) == {}
    assert set(planned(finished, merged(SMALL, SCHEDULING), *grouped)) == RECORD


LIBRARY = "scripts/linguistic_regions"
# An edit of each sub-package, and the rules that follow.
CODE_EDITS = {
    "text/splits.py": ALL,
    "text/tokens.py": TOKENS | {"pairs"},
    "text/minimal_pairs/templates.py": EVALUATE | {"pairs"},
    "text/questions.py": EVALUATE,
    "model/loss.py": MODEL,
    "importance/accumulation.py": IMPORTANCE | {"fidelity"},
    "regions/recipes.py": REGIONS,
    "regions/sharing.py": set(),
    "model/lesioned.py": set(),
    "interventions/lesions.py": FURTHER,
    "training/loop.py": MODEL,
    "evaluation/loop.py": EVALUATE,
    "evaluation/perplexity.py": FURTHER,
    "evaluation/generations.py": EVALUATE,
    "evaluation/lm_eval.py": EVALUATE,
    "evaluation/direct.py": EVALUATE,
    "evaluation/prompted.py": EVALUATE,
    "model/options.py": EVALUATE,
    "model/generation.py": EVALUATE,
    "statistics/measures.py": TABLES,
    "claims/freezing.py": {"claims", "report"},
    "reporting/figures/heatmaps.py": {"figures", "report"},
    "runtime/distributed.py": MODEL,
}
# What follows from new code of a program.
PROGRAMS = {
    "corpus": ALL,
    "tokenizer": TOKENS | {"tokenizer", "pairs"},
    "pairs": EVALUATE | {"pairs"},
    "blocks": TOKENS,
    "pretrain": MODEL,
    "continue_pretraining": FURTHER,
    "score": IMPORTANCE,
    "fidelity": TABLES | {"fidelity"},
    "outliers": REGIONS | {"outliers"},
    "region": REGIONS,
    "evaluate": EVALUATE,
    "tables": TABLES,
    "kinship": KINSHIP,
    "claims": {"claims", "report"},
    "figures": {"figures", "report"},
    "report": {"report"},
}
PLANNED = ["regions/recipes.py", "statistics/measures.py"]  # by Snakemake; of the others, the fingerprints tell
FILE_EDITS = {
    "resources/report/report.html.j2": (lambda text: text + "<!-- -->", {"report"}),
    "resources/paper/core_removal_3pct.csv": (lambda text: text + "\n", TABLES),
    "resources/minimal_pairs/ru.yaml": (lambda text: text.replace("старик", "дед"), EVALUATE | {"pairs"}),
    "resources/questions/en.yaml": (lambda text: text.replace("careful", "strict"), EVALUATE),
    "resources/prompts.tsv": (lambda text: text.replace("capital of France", "sea"), EVALUATE),
    "resources/languages.tsv": (lambda text: text.replace("rus_Cyrl", "ukr_Cyrl"), ALL),
    "resources/lineages.tsv": (lambda text: text.replace("East Slavic", "Slavic of the east"), KINSHIP),
    "text/ru.jsonl": (lambda text: text[: len(text) // 2], ALL),
}


@pytest.mark.parametrize("name", CODE_EDITS)
def test_an_edit_of_the_code(name):
    """A program whose fingerprint counts the file runs again, and what follows from it."""
    measured = evaluations.modules(evaluations.EVALUATIONS)
    edited = [
        program
        for program in PROGRAMS
        if programs.SCRIPTS / "linguistic_regions" / name
        in programs.source_files(program, *(measured if program == "evaluate" else ()))
    ]
    assert set().union(*(PROGRAMS[program] for program in edited)) == CODE_EDITS[name]


@pytest.mark.parametrize("name", some_slow([*PLANNED, *FILE_EDITS], ("statistics/measures.py", "text/ru.jsonl")))
def test_an_edit_of_a_file(finished, tmp_path, name):
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    is_code = name in PLANNED
    file = folder / LIBRARY / name if is_code else folder / name
    edit = (lambda text: text + "\nEDITED = True\n") if is_code else FILE_EDITS[name][0]
    before = file.stat()
    file.write_text(edit(file.read_text(encoding="utf-8")), encoding="utf-8")
    if not is_code:  # also if the file that takes the place is older
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns - 10**12))
    expected = CODE_EDITS[name] if is_code else FILE_EDITS[name][1]
    assert set(planned(folder, SMALL)) == expected - {"settings"}


WITHOUT_NUMBERS = ["scripts/launch.py", "scripts/estimate.py"]
WITHOUT_NUMBERS += [f"{LIBRARY}/{name}.py" for name in ("planning/costs/formulas", "planning/plan")]
WITHOUT_NUMBERS += [f"{LIBRARY}/runtime/{name}.py" for name in ("cli", "progress", "locks")]


def test_code_from_which_no_number_follows_reruns_nothing(finished, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    for name in WITHOUT_NUMBERS:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\nEDITED = True\n")
    assert planned(folder, SMALL) == {}


@pytest.mark.slow
def test_other_words_in_messages_docstrings_and_comments_rerun_nothing(finished, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    for path in (folder / "scripts").rglob("*.py"):
        path.write_bytes(reworded(path.read_bytes()) + b"# a comment\n")
    splits, loop, evaluate = (
        (folder / "scripts" / name).read_text(encoding="utf-8")
        for name in ("linguistic_regions/text/splits.py", "linguistic_regions/training/loop.py", "evaluate.py")
    )
    assert 'UserError(f"In other words: ' in splits and 'logging.info("In other words: ' in loop
    assert '"""In other words: ' in evaluate
    assert planned(folder, SMALL) == {}


def reworded(code):
    """A module with a few words put before each docstring, and before each message of an error or log."""
    lines = code.splitlines(keepends=True)
    texts = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0] in ("UserError", "logging"):
            texts += node.args
        elif isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            texts.append(node.body[0])
    for text in sorted(texts, key=lambda text: (text.lineno, text.col_offset), reverse=True):
        line, start = lines[text.lineno - 1], text.col_offset
        opening = re.match(rb'f?"+', line[start:])
        if opening:
            place = start + opening.end()
            lines[text.lineno - 1] = line[:place] + b"In other words: " + line[place:]
    return b"".join(lines)


def test_a_program_is_made_of_what_it_imports_and_what_that_imports():
    made = {str(path.relative_to(programs.SCRIPTS)) for path in programs.source_files("corpus")}
    assert {"corpus.py", *(f"linguistic_regions/text/{name}.py" for name in ("debian", "pages", "splits"))} <= made
    assert not {name for name in made if "training" in name or "planning" in name}


def test_conditions_that_were_measured_before_are_taken_over(finished, tmp_path):
    """More random regions: those that are new are measured, and the file holds the rows of all."""
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    results = folder / "results/small"
    evidence = results / "evaluations/perplexity/core-0.03.parquet"
    before = Evidence.load(evidence).rows
    write_config(folder, merged(SMALL, {"removal": {"replicates": 2}}))
    run = snakemake(folder, str(evidence.relative_to(folder)))
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    log = (results / "logs/evaluate/core-0.03.log").read_text(encoding="utf-8")
    assert re.findall(r"^(\S+): perplexity was measured before$", log, re.M) == list(before)
    after = Evidence.load(evidence).rows
    assert list(after) == [*before, "random-0.03-2"]
    assert after | before == after
