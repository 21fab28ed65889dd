"""A run that is killed again and again, in each of its stages, ends with the tables of one that was not disturbed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from small_run import copy_workflow, snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

# What Snakemake says when a job of each stage starts.
STAGES = [
    "Gather text",
    "Train a tokenizer",
    "Cut text into blocks",
    "Pretrain the base model",
    "Pretrain further",
    "Score the weights' importance",
    "Cut the core region",
    "Remove regions",
    "Retrain on",
    "Train on zh",
    "Lay out the tables",
    "Draw the figures",
]


def kill_in(folder: Path, stages: list[str], delay: float) -> bool:
    """Run until a job of one of the stages has run for so many seconds, and kill all processes; whether one came."""
    command = [Path(sys.executable).with_name("snakemake"), "--cores", "2", "--configfile", "small.yaml"]
    with (folder / "killed.log").open("wb") as log:
        run = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    said = ""
    while run.poll() is None and not any(stage in said for stage in stages):
        time.sleep(0.02)
        said = (folder / "killed.log").read_text(encoding="utf-8", errors="replace")
    if run.poll() is not None:
        return False
    time.sleep(delay)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return True


def test_kills_in_every_stage_change_no_table(tmp_path):
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown if the test fails
    moments = random.Random(seed)
    undisturbed, disturbed = copy_workflow(tmp_path / "undisturbed"), copy_workflow(tmp_path / "disturbed")
    run = snakemake(undisturbed)
    assert run.returncode == 0, run.stdout[-3000:]
    killed = []
    for number in range(len(STAGES)):
        killed.append(kill_in(disturbed, STAGES[number:], moments.uniform(0, 3)))
        assert snakemake(disturbed, "--unlock").returncode == 0
    assert sum(killed) > len(STAGES) / 2, killed
    run = snakemake(disturbed)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    for kind in ("tables", "regions"):
        files = sorted((undisturbed / "results/small" / kind).iterdir())
        assert [path.name for path in files] == sorted(
            path.name for path in (disturbed / "results/small" / kind).iterdir()
        )
        for path in files:
            assert (disturbed / "results/small" / kind / path.name).read_bytes() == path.read_bytes(), path.name
    assert not list((disturbed / "results/small/checkpoints").rglob("*.*"))
    assert not [path for path in (disturbed / "results/small").rglob("*.part-*") if path.is_file()]
