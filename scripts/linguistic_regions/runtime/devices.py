"""GPUs of this machine: which are visible, and locks by which jobs share them out. Standard library only."""

import fcntl
import os
import tempfile
import time
from pathlib import Path

from linguistic_regions.runtime.errors import UserError

DRIVER = Path("/proc/driver/nvidia/gpus")  # has an entry for each GPU
POLL_INTERVAL = 2.0  # seconds


def visible_gpus() -> list[str]:
    """The names of the GPUs in CUDA_VISIBLE_DEVICES if that is set, else of all GPUs."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is None:
        return [str(number) for number in range(len(list(DRIVER.glob("*"))))]
    return [name for name in names.split(",") if name not in ("", "-1", "NoDevFiles")]


def too_few_gpus(requested: int, available: int) -> str:
    """The error message for a job that requests more GPUs than are visible."""
    return (
        f"gpu: the job needs {requested} and sees {available}: set gpu: null for the CPU, name GPUs that the driver "
        "does not list in CUDA_VISIBLE_DEVICES, or in a container give --apptainer-args=--nv"
    )


def acquire(count: int) -> list[str]:
    """Lock `count` of the visible GPUs until this process ends, waiting until enough are free.

    The locks survive `exec`. They keep two jobs of one user on one machine from sharing a GPU. The GPUs of a Slurm job
    are its own, so its locks apply only to the programs that it runs.

    Returns:
        The names of the GPUs, for CUDA_VISIBLE_DEVICES.

    Raises:
        UserError: fewer than `count` GPUs are visible.
    """
    names = visible_gpus()
    if count > len(names):
        raise UserError(too_few_gpus(count, len(names)))
    folder = _lock_folder()
    announced = False
    while True:
        acquired = {}
        for name in names:
            if len(acquired) < count and (lock := _try_lock(folder / name.replace("/", "_"))) is not None:
                acquired[name] = lock
        if len(acquired) == count:
            for lock in acquired.values():
                os.set_inheritable(lock, True)
            return list(acquired)
        for lock in acquired.values():
            os.close(lock)
        if not announced:
            print(f"waiting for {count} of the GPUs {','.join(names)}, which other jobs use", flush=True)
            announced = True
        time.sleep(POLL_INTERVAL)


def _lock_folder() -> Path:
    job = os.environ.get("SLURM_JOB_ID", "local")
    folder = Path(tempfile.gettempdir()) / f"linguistic-regions-gpus-{os.getuid()}-{job}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise UserError(f"{folder}: belongs to another user: remove it, or set TMPDIR to a folder of your own")
    return folder


def _try_lock(path: Path) -> int | None:
    """The descriptor of a lock file, open and locked; None if another process holds the lock."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
