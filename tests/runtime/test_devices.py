"""Which GPUs a job gets: pretended ones, for locks need none."""

import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from estimate import merged
from linguistic_regions.runtime import compute, devices
from linguistic_regions.runtime.errors import UserError
from small_run import ROOT, SMALL, copy_workflow, snakemake, write_config

# Says which GPUs it sees, and holds them until it may go.
HOLD = """
import json, os, pathlib, sys, time
seen, go = map(pathlib.Path, sys.argv[1:3])
part = seen.with_suffix(f".{os.getpid()}")  # each of several processes writes one
part.write_text(json.dumps(os.environ["CUDA_VISIBLE_DEVICES"]))
part.rename(seen)
while not go.exists():
    time.sleep(0.02)
"""


@pytest.fixture
def machine(tmp_path):
    """The environment of a machine with four GPUs, outside Slurm, and a program that holds what it gets."""
    (tmp_path / "hold.py").write_text(HOLD, encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
    return clean | {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": ""}


class Job:
    """A job that launch.py starts, on a folder where jobs have numbers."""

    def __init__(self, folder: Path, number: int, gpus: int, environment: dict):
        self.seen, self.go = folder / f"seen-{number}", folder / f"go-{number}"
        command = [sys.executable, ROOT / "scripts/launch.py", "--gpus", str(gpus), folder / "hold.py"]
        self.process = subprocess.Popen([*command, self.seen, self.go], env=environment, stdout=subprocess.DEVNULL)

    def gpus(self) -> set[str]:
        """What it got, once it has it."""
        while not self.seen.exists():
            assert self.process.poll() is None or self.seen.exists()
            time.sleep(0.02)
        return set(filter(None, json.loads(self.seen.read_text()).split(",")))

    def end(self) -> None:
        self.go.touch()
        assert self.process.wait() == 0


def test_each_job_has_gpus_of_its_own_and_gives_them_back(tmp_path, machine):
    jobs = [Job(tmp_path, number, 1, machine) for number in range(4)]
    assert set.union(*(job.gpus() for job in jobs)) == {"0", "1", "2", "3"}
    fifth = Job(tmp_path, 4, 1, machine)
    none = Job(tmp_path, 5, 0, machine)
    assert none.gpus() == set()
    assert not fifth.seen.exists()
    jobs[2].end()
    assert fifth.gpus() == jobs[2].gpus()
    jobs[0].process.kill()  # what is killed gives back too
    jobs[0].process.wait()
    assert Job(tmp_path, 6, 1, machine).gpus() == jobs[0].gpus()
    for go in range(7):
        (tmp_path / f"go-{go}").touch()


def test_a_slurm_job_does_not_wait_for_another_whose_gpus_have_the_same_numbers(tmp_path, machine):
    jobs = [Job(tmp_path, number, 4, machine | {"SLURM_JOB_ID": str(number)}) for number in range(2)]
    assert [job.gpus() for job in jobs] == [{"0", "1", "2", "3"}] * 2
    for job in jobs:
        job.end()


@pytest.mark.parametrize(("variable", "names"), [("3,5", ["3", "5"]), ("", []), ("NoDevFiles", []), ("-1", [])])
def test_the_visible_gpus_are_those_that_the_environment_allows(monkeypatch, variable, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert devices.visible_gpus() == names


def test_without_a_word_in_the_environment_all_gpus_of_the_driver_are_visible(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "DRIVER", tmp_path)
    assert devices.visible_gpus() == []
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
    assert devices.visible_gpus() == ["0", "1"]


def test_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(UserError, match="needs 2 and sees 1: set gpu: null"):
        devices.acquire(2)


@pytest.mark.parametrize(
    ("given", "usable", "where", "warns"),
    [(None, 0, "the CPU", False), ("", 0, "the CPU", False), ("-1", 0, "the CPU", False), ("3", 1, "1 GPU", False)]
    + [("0,1", 2, "2 GPUs", False), ("0,1", 0, "the CPU", True)],
)
def test_a_job_logs_where_torch_computes(monkeypatch, caplog, given, usable, where, warns):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: usable)
    caplog.set_level(logging.INFO)
    compute.configure(1)
    first, *warned = caplog.messages
    assert first == f"torch {torch.__version__} computes on {where}"
    assert bool(warned) == warns
    assert not warned or warned[0].startswith(f"torch cannot use the GPUs of this job ({given}): ")


def test_locks_are_not_kept_in_somebody_elses_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"linguistic-regions-gpus-{os.getuid()}-local").symlink_to(tmp_path / "theirs")
    with pytest.raises(UserError, match="belongs to another user"):
        devices.acquire(1)


@pytest.mark.workflow
@pytest.mark.slow
def test_a_run_on_two_gpus(tmp_path):
    """Pretended ones: the programs compute on the CPU all the same."""
    folder = copy_workflow(tmp_path / "work")
    config = {"gpu": "h100", "experiments": ["freezing"], "freezing": {"arms": ["full", "core_frozen"]}}
    one = {"importance": {"samples": [8], "languages": ["ru"]}, "further": {"languages": ["ru"]}}
    write_config(folder, merged(SMALL, config | one), "gpus.yaml")
    machine = {"CUDA_VISIBLE_DEVICES": "0,1", "TMPDIR": str(tmp_path)}
    run = snakemake(folder, "--resources", "gpu=2", "--retries", "0", config="gpus.yaml", **machine)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    logs = [path.read_text() for path in (folder / "results/small/logs").glob("freezing/*.log")]
    assert len(logs) == 2
    assert all(re.match("GPUs of this job: [01]\n", log) for log in logs)
    short = snakemake(
        folder, "--forcerun", "freezing", "--resources", "gpu=2", config="gpus.yaml", CUDA_VISIBLE_DEVICES=""
    )
    assert short.returncode == 1
    assert "freezing: gpu: the job needs 1 and sees 0: set gpu: null" in short.stdout + short.stderr
    assert "begins" not in short.stdout + short.stderr and "Traceback" not in short.stdout + short.stderr
