"""A run that is killed again and again, in half of its stages, ends with the tables of one that was not disturbed."""

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
    "Cut text into blocks",
    "Pretrain the base model",
    "Continue pre-training",
    "Score the weights",
    "Build the region",
    "Evaluate",
    "Retrain on",
    "Train on zh",
    "Make the tables",
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


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_kills_change_no_table(finished, tmp_path):
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown if the test fails
    moments = random.Random(seed)
    disturbed = copy_workflow(tmp_path / "disturbed")
    killed = []
    first = moments.randrange(2)
    for number in range(first, len(STAGES), 2):
        killed.append(kill_in(disturbed, STAGES[number:], moments.uniform(0, 3)))
        assert snakemake(disturbed, "--unlock").returncode == 0
    assert sum(killed) > 2, killed
    run = snakemake(disturbed)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    for kind in ("tables", "regions", "evaluations"):
        made, expected = (files(folder / "results/small" / kind) for folder in (disturbed, finished))
        assert made.keys() == expected.keys()
        assert not [name for name in made if made[name] != expected[name]]
    assert not [path for path in (disturbed / "results/small/checkpoints").rglob("*") if path.is_file()]
    assert not [path for path in (disturbed / "results/small").rglob("*.part-*") if path.is_file()]
