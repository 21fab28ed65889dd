"""File locks, for folders that only one process may write to. Standard library only."""

import fcntl
import os
import socket
from pathlib import Path
from typing import TextIO

from linguistic_regions.runtime.errors import UserError

_held: list[TextIO] = []  # a lock lasts as long as its file is open


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
