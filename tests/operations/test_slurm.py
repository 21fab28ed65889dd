"""The workflow on a live Slurm cluster, with its shipped profile: what users of a cluster are promised."""

import copy
import getpass
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import machine
from small_run import SMALL, copy_workflow, write_config

pytestmark = pytest.mark.workflow

SOON = ["--slurm-init-seconds-before-status-checks", "2"]  # ask early: the jobs are short
GPUS = 2  # that the cluster must have, pretended ones will do


@pytest.fixture(scope="module", autouse=True)
def _slurm():
    machine.slurm()


def start(folder: Path, *arguments: str, config: str = "small.yaml") -> subprocess.Popen:
    """Start Snakemake on the login node."""
    program = Path(sys.executable).with_name("snakemake")
    command = [program, *arguments, "--profile", "profiles/slurm", *SOON, "--configfile", config]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def submit(folder: Path, *arguments: str, config: str = "small.yaml") -> tuple[int, str]:
    """Run Snakemake on the login node: its exit code, and all it says."""
    run = start(folder, *arguments, config=config)
    said = run.communicate()[0]
    return run.returncode, said


def accounted(said: str, field: str) -> list[str]:
    """What the accounting database knows of the jobs that a run submitted, in the order of submission."""
    jobs = re.findall(r"submitted with SLURM jobid (\d+)", said)
    assert jobs, said[-3000:]
    return [account(job, field) for job in jobs]


def account(job: str, field: str) -> str:
    """What the accounting database knows of one job."""
    command = ["sacct", "-X", "--noheader", "--parsable2", "-j", job, "-o", field]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def on_cluster(tmp_path_factory):
    """The small demo, run to its report by the cluster; and what Snakemake said."""
    folder = copy_workflow(tmp_path_factory.mktemp("cluster") / "work")
    code, said = submit(folder)
    assert code == 0, said[-5000:]
    return folder, said


def test_the_demo_runs_to_its_report_and_gives_the_tables_of_one_machine(on_cluster, finished):
    folder = on_cluster[0]
    assert (folder / "results/small/report.html").exists()
    for table in sorted((finished / "results/small/tables").iterdir()):
        assert (folder / "results/small/tables" / table.name).read_bytes() == table.read_bytes(), table.name


def test_small_jobs_share_a_slurm_job(on_cluster):
    said = on_cluster[1]
    steps = int(re.search(r"^(\d+) jobs, about ", said, re.MULTILINE).group(1))
    assert len(accounted(said, "State")) < 2 / 3 * steps
    assert set(accounted(said, "State")) == {"COMPLETED"}
    assert max(map(int, accounted(said, "AllocCPUS"))) <= 4


def test_jobs_run_in_containers(tmp_path):
    image = machine.image()
    folder = copy_workflow(tmp_path / "work")
    write_config(folder, SMALL | {"experiments": [], "container": str(image)}, "contained.yaml")
    code, said = submit(folder, "results/small/models/base", "--sdm", "apptainer", config="contained.yaml")
    assert code == 0, said[-5000:]
    assert (folder / "results/small/models/base").exists()
    assert set(accounted(said, "State")) == {"COMPLETED"}


def test_a_job_killed_for_memory_gets_more_and_succeeds(on_cluster):
    """With 450 MB the program and two Snakemakes do not do; at the second attempt there are four times as many."""
    folder = on_cluster[0]
    target = "results/small/evaluations/perplexity/monolingual-ru-16.parquet"
    (folder / target).unlink()
    code, said = submit(folder, target, "--set-resources", "evaluate:mem_mb=450*attempt*attempt")
    assert code == 0, said[-5000:]
    assert (folder / target).exists()
    states = accounted(said, "State,ReqMem")
    assert len(states) == 2, states
    assert not states[0].startswith("COMPLETED") and states[0].endswith("450M")
    assert states[1] == "COMPLETED|1800M"


def test_a_cancelled_job_goes_on_and_finished_work_stays(tmp_path):
    folder = copy_workflow(tmp_path / "work")
    config = copy.deepcopy(SMALL) | {"experiments": []}
    config["model"]["scratch"]["samples"] = 24000
    config["training"]["checkpoint_minutes"] = 0
    write_config(folder, config, "long.yaml")
    run = start(folder, "--retries", "0", config="long.yaml")
    checkpoints = folder / "results/small/checkpoints/base_model"
    while run.poll() is None and not list(checkpoints.glob("step-*.safetensors")):
        time.sleep(0.2)
    jobs = ["squeue", "--noheader", "--user", getpass.getuser(), "--format", "%i %k"]
    queue = subprocess.run(jobs, capture_output=True, text=True, check=True).stdout
    (job,) = re.findall(r"^(\d+) rule_base_model", queue, re.MULTILINE)
    subprocess.run(["scancel", job], check=True)
    said = run.communicate()[0]
    assert run.returncode == 1, said[-3000:]
    assert account(job, "State").startswith("CANCELLED")
    done = {path: path.stat().st_mtime_ns for path in (folder / "results/small/tokens").rglob("*.parquet")}
    assert len(done) == 12

    code, said = submit(folder, config="long.yaml")
    assert code == 0, said[-5000:]
    assert not re.search("Gather text|Cut text|Train a tokenizer", said)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert re.search(
        r"resumed from the checkpoint at step [1-9]", (folder / "results/small/logs/base_model.log").read_text()
    )


def test_the_log_of_a_job_that_fails_is_shown(on_cluster):
    folder = on_cluster[0]
    target = "results/small/tables/overlap.csv"
    region = folder / "results/small/regions/top-0.03.safetensors"
    whole = region.read_bytes()
    try:
        region.write_bytes(whole[:100])
        code, said = submit(folder, target, "--force", "--retries", "0")
    finally:
        region.write_bytes(whole)
    assert code == 1
    assert "overlap.py: error: " in said or "Error while deserializing" in said, said[-3000:]


@pytest.mark.parametrize("gres", [False, True], ids=["by number", "as generic resources"])
def test_a_step_gets_its_gpus_in_one_task(on_cluster, gres):
    """Two processes share the samples, on the CPU: their scores are those of one process, to rounding (in bfloat16)."""
    folder = on_cluster[0]
    named = subprocess.run(["sinfo", "--noheader", "-o", "%G"], capture_output=True, text=True, check=True).stdout
    there = max([int(count) for count in re.findall(r"gpu:(\d+)", named)], default=0)
    machine.require(there >= GPUS, f"the cluster has {there} GPUs, pretended or not, and not {GPUS}")
    scores = folder / "results/small/importance/taylor/ru/16/importance.safetensors"
    before = load_file(scores)

    write_config(folder, SMALL | {"gpu": "h100"}, "gpus.yaml")
    resources = [f"importance:{f'gres=gpu:{GPUS}' if gres else f'gpu={GPUS}'}"]
    profile = ["--profile", "profiles/gres"] if gres else []
    partitions = ["--slurm-partition-config", "profiles/slurm/partitions.yaml"]
    target = "results/small/stability/taylor/ru.csv"
    code, said = submit(
        folder, target, "--force", *profile, *partitions, "--set-resources", *resources, config="gpus.yaml"
    )
    assert code == 0, said[-5000:]
    (answer,) = accounted(said, "AllocTRES,Partition,State,SubmitLine")
    tres, partition, state, line = answer.split("|", 3)
    assert f"gres/gpu={GPUS}" in tres
    assert (partition, state) == ("gpu", "COMPLETED")
    assert ("--gres=gpu:2" in line) is gres and ("--gpus=2" in line) is not gres
    assert "GPUs of this job: 0,1" in (folder / "results/small/logs/importance/taylor/ru.log").read_text()
    for name, score in load_file(scores).items():
        assert np.corrcoef(score.ravel(), before[name].ravel())[0, 1] > 0.99
