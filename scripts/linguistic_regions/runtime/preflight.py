"""What is looked at right before the jobs of a run start: space, memory, GPUs. Standard library only."""

import base64
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linguistic_regions.runtime import devices
from linguistic_regions.runtime.errors import UserError

log = logging.getLogger(__name__)  # not the root logger, which would repeat all that Snakemake says
MIB = 2**20


@dataclass(frozen=True)
class Needs:
    """What one job asks for: MiB of disk for its outputs beyond those that are there, MiB of memory, GPUs."""

    rule: str
    disk_mb: int
    mem_mb: int
    gpu: int


def size(path: str | Path) -> int:
    """MiB that a file or folder takes; 0 for what is not there."""
    files = [Path(path), *Path(path).rglob("*")] if Path(path).exists() else []
    return sum(file.lstat().st_size for file in files) // MIB


def check_place(jobs: Sequence[Needs], folder: str | Path) -> None:
    """See that the jobs can write and that it fits: a job that cannot finish is an error, all together a warning.

    Intermediates are deleted on the way, so that all may fit though it seems not to. Checkpoints are not counted.

    Args:
        jobs: that will run.
        folder: where results go; the nearest folder above it that exists counts.

    Raises:
        UserError: the folder cannot be written to, or one job's outputs are more than is free.
    """
    link = next((place for place in (Path(folder), *Path(folder).parents) if place.is_symlink()), None)
    if link and not link.exists():
        raise UserError(f"{link}: is a link to {link.readlink()}, which is not there: make that folder")
    place = next(place for place in (Path(folder).absolute(), *Path(folder).absolute().parents) if place.exists())
    if not place.is_dir():
        raise UserError(f"{folder}: {place} is a file, where a folder should be: move it away")
    if not os.access(place, os.W_OK):
        raise UserError(
            f"{folder}: {place} cannot be written to: make it writable, or make results a link to a folder that is"
        )
    free = shutil.disk_usage(place).free // MIB
    largest = max(jobs, key=lambda job: job.disk_mb, default=None)
    if largest and largest.disk_mb > free:
        raise UserError(
            f"{folder}: {_size(free)} are free, a job of {largest.rule} writes {_size(largest.disk_mb)}: "
            "free some space, or make results a link to a folder that has it"
        )
    total = sum(job.disk_mb for job in jobs)
    if total > free:
        log.warning(f"{folder}: {_size(free)} are free, the jobs write up to {_size(total)} (keep: [] keeps less)")


def unrecorded(folder: str | Path, records: str | Path) -> str | None:
    """A warning where Snakemake has no records of how results were made, by which it knows what an edit affects.

    They are missing where the results were made from another folder, or where the records were removed.

    Args:
        folder: of a run's results; there may be none yet.
        records: Snakemake's own folder, of this working directory.
    """
    made = Path(folder) / "config.json"  # of every run, and early
    name = base64.urlsafe_b64encode(str(made).encode()).decode()
    if not made.exists() or (Path(records) / "metadata" / name).exists():
        return None
    return (
        f"{folder}: {records} has no record of how these results were made. They are taken as they are: edits of the "
        "config or the code since then are not noticed. --forceall makes them anew"
    )


def check_machine(jobs: Sequence[Needs]) -> None:
    """See that this machine, which runs the jobs itself, has the GPUs and the memory that they ask for.

    Raises:
        UserError: a job wants more GPUs than there are.
    """
    gpus = len(devices.visible())
    most = max(jobs, key=lambda job: job.gpu, default=None)
    if most and most.gpu > gpus:
        raise UserError(f"{most.rule}: {devices.too_few(most.gpu, gpus)}")
    memory = _memory() // MIB
    largest = max(jobs, key=lambda job: job.mem_mb, default=None)
    if largest and largest.mem_mb > memory:
        log.warning(
            f"memory: a job of {largest.rule} takes up to {_size(largest.mem_mb)}, this machine has {_size(memory)}: "
            "the system may end it (lower batch_tokens, or set activation_checkpointing: true)"
        )


def _memory() -> int:
    """Bytes of memory that jobs can have here: of the machine, or fewer where a control group allows fewer."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text(encoding="utf-8").strip() if limit.exists() else "max"
    return min(machine, int(allowed)) if allowed.isdigit() else machine


def _size(mib: int) -> str:
    return f"{mib} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"
