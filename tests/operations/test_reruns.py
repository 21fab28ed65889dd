"""What an edit of the config or of the code runs again after a finished run: what depends on it, and nothing else."""

import copy
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from linguistic_regions.runtime import programs
from small_run import SMALL, planned

pytestmark = pytest.mark.workflow


# Which rules run again, from the last backwards: each set is what follows from running its first rule.
RECORD = {"settings", "provenance", "report"}  # the report shows the config
FIGURES = RECORD | {"figures"}
TABLES = FIGURES | {"tables"}
REMOVAL = TABLES | {"removal"}
REGIONS = REMOVAL | {"overlap", "region", "core_regions", "monolingual_regions", "retraining", "freezing"}
IMPORTANCE = REGIONS | {"importance_ru_zh"}
FURTHER = IMPORTANCE | {"further_ru_zh"}
MODEL = FURTHER | {"base_model"}
TOKENS = MODEL | {"blocks", "samples"}
ALL = TOKENS | {"corpus", "tokenizer"}

CONFIG_EDITS = {
    "nothing": ({}, set()),
    "run, its name": ({"run": "other"}, ALL),
    "seed": ({"seed": 1}, TOKENS),
    "a removal ratio added": (
        {"removal": {"ratios": [0.01, 0.03, 0.05, 0.1]}},
        REMOVAL | {"core_regions", "region", "overlap"},
    ),
    "a removal ratio removed": ({"removal": {"ratios": [0.01, 0.05]}}, REMOVAL | {"overlap"}),
    "random replicates": ({"removal": {"replicates": 3}}, REMOVAL | {"region", "overlap"}),
    "the monolingual ratio": ({"monolingual": {"ratio": 0.1}}, REMOVAL | {"monolingual_regions", "overlap"}),
    "fewer experiments": ({"experiments": ["removal"]}, TABLES | {"overlap", "samples"}),
    "importance samples raised": ({"importance": {"samples": [8, 24]}}, IMPORTANCE | {"samples"}),
    "the estimator": ({"importance": {"estimator": "taylor_abs"}}, IMPORTANCE),
    "importance at the base": ({"importance": {"at": "base"}}, IMPORTANCE | {"samples"}),
    "stability checks": ({"importance": {"stability": {"checks": [8, 16]}}}, IMPORTANCE),
    "the matrices that are scored": ({"model": {"exclude": ["o_proj"]}}, IMPORTANCE),
    "the learning rate of further pre-training": ({"further": {"learning_rate": 2.0e-3}}, FURTHER),
    "a learning rate of freezing": ({"freezing": {"learning_rates": [1.0e-3, 5.0e-4]}}, TABLES | {"freezing"}),
    "freezing milestones": ({"freezing": {"milestones": [0, 4, 8]}}, TABLES | {"freezing"}),
    "retraining goes on longer": ({"retraining": {"milestones": [0, 8, 12]}}, TABLES | {"retraining", "samples"}),
    "a seed of freezing added": ({"freezing": {"seeds": [0, 1]}}, TABLES | {"freezing"}),
    "languages that retraining measures": ({"retraining": {"evaluate": ["zh"]}}, TABLES | {"retraining"}),
    "weight decay": ({"training": {"weight_decay": 0.01}}, FURTHER),
    "the base model's samples": ({"model": {"scratch": {"samples": 128}}}, MODEL),
    "the name of the model": ({"model": {"name": "Mine"}}, TABLES),
    "the vocabulary": ({"model": {"scratch": {"vocabulary": 300}}}, TOKENS | {"tokenizer"}),
    "the block size": ({"tokens": {"block_size": 16}}, TOKENS),
    "test blocks": ({"tokens": {"test_blocks": 6}}, REMOVAL | {"retraining", "freezing"}),
    "the share of test documents": ({"corpora": {"test": 0.3}}, ALL),
    "a language of the text removed": (
        {"languages": ["ru", "zh"], "retraining": {"evaluate": ["zh"]}},
        TOKENS | {"tokenizer"},  # which are trained on all text
    ),
    "tokens per pass": ({"batch_tokens": 2048}, MODEL),
    "a format of figures": ({"figures": {"formats": ["svg", "png"]}}, FIGURES),
    "minutes between checkpoints": ({"training": {"checkpoint_minutes": 3}}, RECORD),
    "threads": ({"threads": 2}, RECORD),
    "the kind of GPU": ({"gpu": "h100"}, RECORD),
    "a container that is not used": ({"container": "other.sif"}, RECORD),
    "what a cluster wants": ({"cluster": {"max_runtime": 60}}, RECORD),
    "what is kept": ({"keep": ["importance", "further"]}, RECORD),
}


def edited(edit, config=SMALL):
    """A config after an edit, section by section."""
    config = copy.deepcopy(config)
    for key, value in edit.items():
        config[key] = edited(value, config.get(key, {})) if isinstance(value, dict) else value
    return config


@pytest.fixture(scope="module")
def plans(finished):
    """What each edit of the config would run, planned side by side."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return {
            name: workers.submit(planned, finished, edited(edit), name=f"edit-{number}.yaml")
            for number, (name, (edit, _)) in enumerate(CONFIG_EDITS.items())
        }


@pytest.mark.parametrize("name", CONFIG_EDITS)
def test_an_edit_of_the_config(plans, name):
    assert set(plans[name].result()) == CONFIG_EDITS[name][1]


LIBRARY = "scripts/linguistic_regions"
CODE_EDITS = {
    "scripts/figures.py": {"figures", "report"},
    f"{LIBRARY}/reporting/figures/heatmaps.py": {"figures", "report"},
    "scripts/tables.py": TABLES - {"settings"},
    "scripts/overlap.py": {"overlap", "provenance", "figures", "report"},
    "scripts/samples.py": {"samples"},
    "scripts/removal.py": REMOVAL - {"settings"},
    "scripts/importance.py": IMPORTANCE - {"settings"},
    f"{LIBRARY}/importance/accumulation.py": IMPORTANCE - {"settings"},
    f"{LIBRARY}/training/loop.py": MODEL - {"settings"},
    f"{LIBRARY}/text/tokens.py": TOKENS - {"settings"},
    f"{LIBRARY}/text/splits.py": ALL - {"settings"},
    f"{LIBRARY}/runtime/cli.py": ALL - {"settings"},
    f"{LIBRARY}/planning/costs/formulas.py": set(),
    f"{LIBRARY}/runtime/version.py": {"provenance", "report"},
    "scripts/launch.py": set(),
    "scripts/estimate.py": set(),
}


RUSSIAN = TOKENS - {"settings"} | {"corpus", "tokenizer"}
FILE_EDITS = {
    "resources/report.html.j2": (lambda text: text + "<!-- -->", {"report"}),
    "resources/paper/core_removal_3pct.csv": (lambda text: text + "\n", {"tables", "provenance", "figures", "report"}),
    "resources/languages.tsv": (
        lambda text: text.replace("rus_Cyrl", "ukr_Cyrl"),
        RUSSIAN | {"tables", "provenance", "figures", "report"},
    ),
    "text/ru.jsonl": (lambda text: text[: len(text) // 2], RUSSIAN),
}


@pytest.fixture(scope="module")
def plans_of_files(finished, tmp_path_factory):
    """What each edit of a file would run, planned side by side, each in a copy of the finished run."""

    def plan(name):
        folder = tmp_path_factory.mktemp("edited") / "work"
        shutil.copytree(finished, folder, symlinks=True)
        file = folder / name
        edit = FILE_EDITS[name][0] if name in FILE_EDITS else lambda text: text + "\nEDITED = True\n"
        before = file.stat()
        file.write_text(edit(file.read_text(encoding="utf-8")), encoding="utf-8")
        if name in FILE_EDITS:  # also if the file that takes the place is older
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns - 10**12))
        return set(planned(folder, SMALL))

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return {name: workers.submit(plan, name) for name in (*CODE_EDITS, *FILE_EDITS)}


@pytest.mark.parametrize("name", CODE_EDITS)
def test_an_edit_of_the_code(plans_of_files, name):
    assert plans_of_files[name].result() == CODE_EDITS[name]


@pytest.mark.parametrize("name", FILE_EDITS)
def test_an_edit_of_a_file_that_is_no_code(plans_of_files, name):
    assert plans_of_files[name].result() == FILE_EDITS[name][1]


def test_comments_and_docstrings_are_no_edits(finished):
    for name in ("scripts/corpus.py", f"{LIBRARY}/text/tokens.py"):
        file = finished / name
        code = file.read_text(encoding="utf-8")
        file.write_text(code.replace('"""', '"""Something else. ', 1) + "# a comment\n", encoding="utf-8")
    assert planned(finished, SMALL) == {}


def test_a_program_is_made_of_what_it_imports_and_what_that_imports():
    made = {str(path.relative_to(programs.SCRIPTS)) for path in programs.files("corpus")}
    assert {"corpus.py", "linguistic_regions/__init__.py", "linguistic_regions/runtime/cli.py"} <= made
    assert {f"linguistic_regions/text/{name}.py" for name in ("__init__", "debian", "pages", "splits")} <= made
    assert not {name for name in made if "training" in name or "costs" in name}
