"""GPUs of this machine: which there are, and which a job takes for itself. Standard library only."""

import fcntl
import os
import tempfile
import time
from pathlib import Path

from linguistic_regions.runtime.errors import UserError

DRIVER = Path("/proc/driver/nvidia/gpus")  # has an entry for each GPU
PAUSE = 2.0  # seconds between two looks whether others have given theirs back


def visible() -> list[str]:
    """The GPUs that a program started here would see: those of CUDA_VISIBLE_DEVICES if that is set, else all."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [str(number) for number in range(len(list(DRIVER.glob("*"))))]
    return [name for name in chosen.split(",") if name not in ("", "-1", "NoDevFiles")]


def too_few(wanted: int, there: int) -> str:
    """What to tell a person whose jobs want more GPUs than there are."""
    return (
        f"gpu: the job wants {wanted} and sees {there}: set gpu: null for the CPU, name GPUs that the driver "
        "does not list in CUDA_VISIBLE_DEVICES, or in a container give --apptainer-args=--nv"
    )


def take(count: int) -> list[str]:
    """Take that many of the visible GPUs until this process ends, whatever it has become by exec, and wait if need be.

    Each job locks what it takes, so that the jobs of one user on one machine never share a GPU. A Slurm job has GPUs
    that are its own: locks count among the programs that it runs.

    Returns:
        Their names, as CUDA_VISIBLE_DEVICES wants them.

    Raises:
        UserError: so many cannot be seen here at all.
    """
    names = visible()
    if count > len(names):
        raise UserError(too_few(count, len(names)))
    folder = _locks()
    told = False
    while True:
        taken = {}
        for name in names:
            if len(taken) < count and (lock := _lock(folder / name.replace("/", "_"))) is not None:
                taken[name] = lock
        if len(taken) == count:
            for lock in taken.values():
                os.set_inheritable(lock, True)
            return list(taken)
        for lock in taken.values():
            os.close(lock)
        if not told:
            print(f"waiting for {count} of the GPUs {','.join(names)}, which other jobs use", flush=True)
            told = True
        time.sleep(PAUSE)


def _locks() -> Path:
    job = os.environ.get("SLURM_JOB_ID", "local")
    folder = Path(tempfile.gettempdir()) / f"linguistic-regions-gpus-{os.getuid()}-{job}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise UserError(f"{folder}: belongs to somebody else: remove it, or set TMPDIR to a folder of your own")
    return folder


def _lock(path: Path) -> int | None:
    """The descriptor of a lock file, open and locked; None if another process holds it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
