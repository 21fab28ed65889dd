"""A copy of the workflow, small text in three languages, and a config with which a whole run takes a minute."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from estimate import merged
from texts import TEXTS

ROOT = Path(__file__).parents[1]
FOLDERS = ["configs", "envs", "profiles", "report", "resources", "rules", "schemas", "scripts"]
PARTS = ["CITATION.cff", "Snakefile", "config.yaml", *FOLDERS]

TINY = yaml.safe_load((ROOT / "configs/tiny.yaml").read_text(encoding="utf-8"))
VERSE = ["ru"]  # languages with text of a second domain
SMALL = merged(TINY, {
    "run": "small",
    "languages": ["en", "ru", "zh"],
    "corpora": {
        "domain": "prose",
        "domains": {"quotations": None, "verse": {"files": {"paths": ["verse/{language}.jsonl"]}}},
        "source": "files", "files": {"paths": ["text/{language}.jsonl"]}, "test": 0.2, "valid": 0.2,
    },
    "tokens": {"block_size": 32, "valid_blocks": 4, "test_blocks": 8},
    "model": {
        "scratch": {
            "vocabulary": 320, "layers": 2, "width": 16, "heads": 2, "kv_heads": 1, "mlp_width": 24,
            "samples": 64, "warmup_steps": 2, "threads": 1,
        }
    },
    "training": {"batch_size": 4, "warmup_steps": 1},
    "further": {"languages": ["ru", "zh"], "milestones": [0, 8]},
    "importance": {"languages": ["ru", "zh"], "samples": [16]},
    "removal": {"ratios": [0.03], "replicates": 1, "curve": {"ratios": [0.1, 0.3]}},
    "monolingual": {"languages": ["ru", "zh"], "ratio": 0.2},
    "retraining": {"arms": ["top_freeze", "bottom_freeze", "top_unfreeze"], "ratio": 0.03, "milestones": [0, 8]},
    "freezing": {"ratio": 0.03, "learning_rates": [1.0e-3], "milestones": [0, 8]},
    "probes": {"pairs": 6, "prompted": {"pairs": 2}},
    "figures": {"formats": ["svg"]},
})  # fmt: skip


def some_slow(names: Iterable[str], fast: Iterable[str]) -> list:
    """The names as parameters of a test, slow but for a few."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def write_text(folder: Path, languages: Sequence[str] = tuple(TEXTS), seed: int = 0) -> None:
    """Sixty documents per language, of the words (or characters) of one sentence drawn at random."""
    folder.mkdir()
    generator = np.random.default_rng(seed)
    for language in languages:
        text = TEXTS[language]
        words = list(text) if language == "zh" else text.split()
        glue = "" if language == "zh" else " "
        lines = [glue.join(generator.choice(words, 80)) for _ in range(60)]
        rows = [f'{{"text": "{line}"}}' for line in lines]
        (folder / f"{language}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def copy_workflow(folder: Path) -> Path:
    """The workflow's own files, the text, and small.yaml, in `folder`."""
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    write_text(folder / "text")
    write_text(folder / "verse", VERSE, seed=1)
    write_config(folder, SMALL)
    return folder


def write_config(folder: Path, config: dict, name: str = "small.yaml") -> None:
    (folder / name).write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def planned(folder: Path, config: dict, *arguments: str, name: str = "planned.yaml") -> dict[str, int]:
    """The rules that a dry run with this config would run, and how many jobs of each; `name`: of the config's file."""
    write_config(folder, config, name)
    run = snakemake(folder, "--dry-run", *arguments, config=name)
    return jobs(run)


def jobs(run: subprocess.CompletedProcess) -> dict[str, int]:
    """The rules that a dry run named, and how many jobs of each."""
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    said = run.stdout + run.stderr
    assert "Job stats:" in said or "Nothing to be done" in said
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.M)}
    return {rule: count for rule, count in counts.items() if rule not in ("all", "total")}


def snakemake(folder: Path, *arguments: str, config: str = "small.yaml", **environment) -> subprocess.CompletedProcess:
    """Run Snakemake there, by the path of this interpreter's program, as from an environment that is not active."""
    program = Path(sys.executable).with_name("snakemake")
    command = [program, "--cores", "2", *arguments, "--configfile", config]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | environment)
