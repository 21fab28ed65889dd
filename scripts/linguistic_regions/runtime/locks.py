"""File locks, for folders that only one process may write to. Standard library only."""

import fcntl
import os
import socket
from pathlib import Path
from typing import TextIO

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import remove

LOCK = ".lock"
_held: list[TextIO] = []  # a lock lasts as long as its file is open


def claim(folder: Path) -> None:
    """Lock a folder of a program's own, which it removes at its end with `discard`.

    Raises:
        UserError: another process uses it, or it has files but was never claimed, so they are somebody else's.
    """
    lock = folder / LOCK
    is_foreign = folder.is_dir() and any(folder.iterdir()) and not lock.exists()
    if is_foreign or not folder.name:
        raise UserError(f"{folder}: this folder has other files, and it would be removed: name a new one")
    acquire(lock, str(folder))


def discard(folder: Path) -> None:
    """Remove a claimed folder; the lock last, so that it can be claimed again if this is interrupted."""
    for path in folder.glob("*"):
        if path.name != LOCK:
            remove(path)
    remove(folder)


def acquire(path: str | Path, what: str) -> None:
    """Lock a file until this process ends. On a file system without locks, nothing is done.

    Args:
        path: the lock file, created if necessary; its content names the process that holds the lock.
        what: the resource that is locked, for the error message.

    Raises:
        UserError: another process holds the lock.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise UserError(f"{what}: {holder} is using it: wait until it ends, or stop it") from None
    except OSError:  # the file system has no locks
        return
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    _held.append(file)
