"""What the terminal shows of a run that is stopped, killed, or fails: little, and what to do."""

import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from small_run import SMALL, copy_workflow, snakemake, write_config

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
MODEL = "results/small/models/base"
RESUMES = "finished work is kept, and the same command resumes the run."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = copy_workflow(tmp_path_factory.mktemp("stopped") / "work")
    config = copy.deepcopy(SMALL)
    config["model"]["scratch"]["samples"] = 10**6
    write_config(folder, config, "long.yaml")
    made = snakemake(folder, "results/small/tokens/samples.csv", config="long.yaml")
    assert made.returncode == 0, made.stderr[-3000:]
    return folder


@pytest.fixture
def damaged(folder: Path) -> str:
    """Text that is cut short, and that the training reads; to be made before the run."""
    path = "results/small/tokens/zh/train.parquet"
    (folder / path).write_bytes((folder / path).read_bytes()[:-100])
    return path


@pytest.fixture
def run(folder: Path) -> Iterator[subprocess.Popen]:
    """The model is pretrained, as in a terminal: Ctrl-C reaches Snakemake and its jobs. Afterwards, all are killed.

    What was started in the background of a script ignores Ctrl-C, and so would this run if the tests were.
    """
    command = [Path(sys.executable).with_name("snakemake"), "--cores", "2", MODEL, "--configfile", "long.yaml"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    terminal = {"start_new_session": True, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen([*command, "--nolock"], cwd=folder, **terminal, **streams) as run:
        yield run
        with suppress(ProcessLookupError):  # no process is left
            os.killpg(run.pid, signal.SIGKILL)


def training(run: subprocess.Popen, folder: Path) -> psutil.Process:
    """The process that trains, as soon as it is there."""
    while run.poll() is None:
        with suppress(psutil.Error):  # one has just ended
            for process in psutil.Process(run.pid).children(recursive=True):
                if process.cmdline()[1:2] == [str(folder / "scripts/pretrain.py")]:
                    return process
        time.sleep(0.1)
    raise AssertionError(run.communicate()[0])


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_says_in_one_line_how_to_resume(run, folder, times):
    training(run, folder)
    time.sleep(1)
    for _ in range(times):
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.3)
    said = run.communicate(timeout=60)[0]
    assert run.returncode != 0
    assert said.splitlines()[-1] == f"Stopped: {RESUMES}"
    assert said.count("Stopped:") == 1 and "Traceback" not in said and "FAILED" not in said


def test_sigterm_says_in_one_line_how_to_resume(run, folder):
    training(run, folder)
    time.sleep(1)
    os.killpg(run.pid, signal.SIGTERM)
    said = run.communicate(timeout=60)[0]
    assert run.returncode != 0
    assert said.splitlines()[-1] == f"Stopped: {RESUMES}"
    assert said.count("Stopped:") == 1 and "Traceback" not in said and "FAILED" not in said and "Failed" not in said


def test_a_job_that_the_system_kills_says_how_much_memory_it_had(run, folder):
    training(run, folder).kill()
    said = run.communicate(timeout=60)[0]
    assert run.returncode == 1
    assert "FAILED  Pretrain the base model" in said
    assert "probably because memory ran out; it was given " in said
    assert "--set-resources base_model:mem_mb=N" in said
    assert said.splitlines()[-2:-1] == ["  log: results/small/logs/base_model.log"]


def test_a_failed_jobs_error_comes_once_and_last(damaged, run):
    said = run.communicate(timeout=60)[0]
    assert run.returncode == 1
    *_, failed, error, log, end = said.splitlines()
    assert failed == "Failed: Pretrain the base model"
    assert error.startswith(f"  pretrain.py: error: {damaged}: ")
    assert log == "  log: results/small/logs/base_model.log"
    assert end.startswith("Not finished after ") and end.endswith(RESUMES)
    assert said.count("error:") == 1 and "Traceback" not in said and "CalledProcessError" not in said
