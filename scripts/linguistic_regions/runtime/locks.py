"""One process at a time where two would spoil each other's files. Standard library only."""

import fcntl
import os
import socket
from pathlib import Path
from typing import TextIO

from linguistic_regions.runtime.errors import UserError

_held: list[TextIO] = []  # a lock lasts as long as its file is open, and so as long as the process


def acquire(path: str | Path, what: str) -> None:
    """Lock a file until this process ends, however it ends. On a file system without locks nothing is done.

    Args:
        path: made if need be; it says who holds it.
        what: what errors call that which it stands for.

    Raises:
        UserError: another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        raise UserError(f"{what}: {file.read().strip() or 'another process'} is at it: wait, or end it") from None
    except OSError:  # no locks here
        return
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    _held.append(file)
