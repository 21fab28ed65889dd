"""A machine that lacks memory, space, GPUs or the right time: said in one line, before jobs start where it can be."""

import errno
import ssl
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from linguistic_regions.runtime import cli, locks, preflight
from linguistic_regions.runtime.errors import UserError, system_error
from mistakes import held


@pytest.mark.parametrize("ask", [lambda: np.empty(10**15), lambda: torch.empty(10**15)], ids=["numpy", "torch"])
def test_not_enough_memory(ask, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x.py"])

    def main() -> None:
        ask()

    with pytest.raises(
        SystemExit, match="x.py: error: not enough memory: .*: lower batch_tokens, set activation_check"
    ):
        cli.run(main)


def test_what_is_no_refusal_of_the_machine():
    assert system_error(UserError("not enough memory")) is None
    assert system_error(ssl.SSLCertVerificationError(1, "certificate verify failed")) is None
    assert system_error(ValueError("wrong")) is None
    assert "not enough memory" in str(system_error(OSError(errno.ENOMEM, "Cannot allocate memory")))
    denied = PermissionError(errno.EACCES, "Permission denied", "notes.txt")
    assert str(system_error(denied)).startswith("notes.txt: Permission denied: change its permissions")


def test_a_link_to_nowhere(tmp_path):
    (tmp_path / "results").symlink_to(tmp_path / "scratch")
    with pytest.raises(UserError, match="results: is a link to .*scratch, which does not exist: create that folder"):
        preflight.check_storage([], tmp_path / "results/demo")


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(UserError, match="results is a file, not a folder: move it away"):
        preflight.check_storage([], tmp_path / "results/demo")


def test_a_folder_without_space_for_records(tmp_path, monkeypatch):
    preflight.check_records(tmp_path / ".snakemake")
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(UserError, match=".snakemake: no space is left: free some space"):
        preflight.check_records(tmp_path / ".snakemake")


def test_what_another_process_works_on_is_refused_until_it_ends(tmp_path):
    with held(tmp_path / "a/.lock") as other:
        with pytest.raises(
            UserError, match=f"this run: process {other.pid} on .* is using it: wait until it ends, or stop it"
        ):
            locks.acquire(tmp_path / "a/.lock", "this run")
        locks.acquire(tmp_path / "b/.lock", "another")
    locks.acquire(tmp_path / "a/.lock", "this run")
    locks.acquire(tmp_path / "a/.lock", "this run")  # one's own


def test_not_enough_space_or_memory_is_seen_before_the_first_job(tmp_path, caplog):
    def jobs(**needs):
        return [preflight.Requirements("importance", **{"disk_mb": 1, "mem_mb": 1, "gpu": 0} | needs)] * 3

    preflight.check_storage(jobs(), tmp_path / "not/there/yet")
    preflight.check_machine(jobs())
    assert not caplog.text
    with pytest.raises(UserError, match="are free, but a job of importance writes .* GiB: free some space"):
        preflight.check_storage(jobs(disk_mb=10**12), tmp_path)
    free = preflight.shutil.disk_usage(tmp_path).free // 2**20
    preflight.check_storage(jobs(disk_mb=free // 2), tmp_path)
    preflight.check_machine(jobs(mem_mb=10**9))
    assert "the jobs write up to" in caplog.text and "a job of importance takes up to" in caplog.text


def test_a_gpu_where_there_is_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match="importance: gpu: the job needs 1 and sees 0: set gpu: null for the CPU"):
        preflight.check_machine([preflight.Requirements("importance", 1, 1, 1)])
