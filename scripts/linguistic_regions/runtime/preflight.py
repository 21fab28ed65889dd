"""Checks before the first job of a run starts: disk space, memory, GPUs. Standard library only."""

import base64
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linguistic_regions.runtime import devices
from linguistic_regions.runtime.errors import UserError

log = logging.getLogger(__name__)  # the root logger would repeat Snakemake's messages
MIB = 2**20


@dataclass(frozen=True)
class Requirements:
    """What one job needs.

    Attributes:
        rule: name of its rule.
        disk_mb: MiB that its outputs take beyond existing ones.
        mem_mb: MiB of memory.
        gpu: number of GPUs.
    """

    rule: str
    disk_mb: int
    mem_mb: int
    gpu: int


def size_mib(path: str | Path) -> int:
    """The size of a file or folder in MiB; 0 if it does not exist."""
    files = [Path(path), *Path(path).rglob("*")] if Path(path).exists() else []
    return sum(file.lstat().st_size for file in files) // MIB


def existing(folder: str | Path) -> Path:
    """The nearest place of a folder that exists: itself, or one of its parents.

    Raises:
        UserError: it is a file, or a link to what does not exist.
    """
    link = next((place for place in (Path(folder), *Path(folder).parents) if place.is_symlink()), None)
    if link and not link.exists():
        raise UserError(f"{link}: is a link to {link.readlink()}, which does not exist: create that folder")
    place = next(parent for parent in (Path(folder).absolute(), *Path(folder).absolute().parents) if parent.exists())
    if not place.is_dir():
        raise UserError(f"{folder}: {place} is a file, not a folder: move it away")
    return place


def check_records(folder: str | Path) -> None:
    """Check that Snakemake can keep its records, which it begins as soon as it has read the workflow.

    Raises:
        UserError: its folder is not writable, or its disk is full.
    """
    place = existing(folder)
    if not os.access(place, os.W_OK):
        raise UserError(f"{folder}: {place} is not writable: make it writable, or run in another folder (--directory)")
    if not shutil.disk_usage(place).free:
        raise UserError(f"{folder}: no space is left: free some space, or run in another folder (--directory)")


def check_storage(jobs: Sequence[Requirements], folder: str | Path) -> None:
    """Check that the results folder is writable and has space for each job.

    If there is too little space for all jobs together, a warning is logged: it may still suffice, because intermediate
    files are deleted during the run. Checkpoints are not counted.

    Args:
        jobs: the jobs that will run.
        folder: the results folder; if it does not exist, its nearest existing parent is checked.

    Raises:
        UserError: the folder is not writable, or the outputs of one job exceed the free space.
    """
    place = existing(folder)
    if not os.access(place, os.W_OK):
        raise UserError(f"{folder}: {place} is not writable: make it writable, or make results a link to one that is")
    free = shutil.disk_usage(place).free // MIB
    largest = max(jobs, key=lambda job: job.disk_mb, default=None)
    if largest and largest.disk_mb > free:
        raise UserError(
            f"{folder}: {_size(free)} are free, but a job of {largest.rule} writes {_size(largest.disk_mb)}: "
            "free some space, or make results a link to a folder with more space"
        )
    total = sum(job.disk_mb for job in jobs)
    if total > free:
        log.warning(f"{folder}: {_size(free)} are free, the jobs write up to {_size(total)} (keep: [] saves space)")


def missing_records_warning(folder: str | Path, records: str | Path) -> str | None:
    """A warning if Snakemake has no records of existing results, so that it cannot detect edits.

    The records are missing if the results were made from another folder, or if the records were removed.

    Args:
        folder: the run's results; it need not exist.
        records: Snakemake's folder in this working directory.

    Returns:
        The warning; None if there are records, or no results.
    """
    result = Path(folder) / "config.json"  # one of the first files of every run
    name = base64.urlsafe_b64encode(str(result).encode()).decode()
    if not result.exists() or (Path(records) / "metadata" / name).exists():
        return None
    return (
        f"{folder}: {records} has no record of how these results were made. They are used as they are: edits of the "
        "config or the code since then are not detected. To recompute them, use --forceall"
    )


def check_machine(jobs: Sequence[Requirements]) -> None:
    """Check that this machine has the GPUs that the jobs need; warn if it has too little memory.

    Raises:
        UserError: a job needs more GPUs than are visible.
    """
    gpus = len(devices.visible_gpus())
    most = max(jobs, key=lambda job: job.gpu, default=None)
    if most and most.gpu > gpus:
        raise UserError(f"{most.rule}: {devices.too_few_gpus(most.gpu, gpus)}")
    memory = _memory() // MIB
    largest = max(jobs, key=lambda job: job.mem_mb, default=None)
    if largest and largest.mem_mb > memory:
        log.warning(
            f"memory: a job of {largest.rule} takes up to {_size(largest.mem_mb)}, this machine has {_size(memory)}: "
            "the system may kill it (lower batch_tokens, or set activation_checkpointing: true)"
        )


def _memory() -> int:
    """Bytes of memory that jobs can use: the machine's, or the control group's limit if that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text(encoding="utf-8").strip() if limit.exists() else "max"
    return min(machine, int(allowed)) if allowed.isdigit() else machine


def _size(mib: int) -> str:
    return f"{mib} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"
