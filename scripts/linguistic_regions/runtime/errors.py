"""Errors that a user can fix, each one line: what is wrong, where, and what to do."""

import errno
import os
import re

RESUME_HINT = "what is finished stays, and the same command goes on"


SYSTEM_ERRORS = {  # of the operating system, and what to do
    errno.ENOSPC: f"free some space; {RESUME_HINT}",
    errno.EDQUOT: f"free some space or have the quota raised; {RESUME_HINT}",
    errno.EROFS: f"make it writable, or make results a link to a folder that is; {RESUME_HINT}",
    errno.EACCES: "change its permissions or its owner",
    errno.EPERM: "change its permissions or its owner",
}


OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory", re.IGNORECASE)  # torch, of a CPU and of a GPU


class UserError(Exception):
    """A mistake that the user can mend: its one line says what is wrong, where, and what to do."""


def system_error(error: Exception, path: object = None) -> UserError | None:
    """What the machine refused: space, memory, permission, as a person wants it told; None for any other error.

    Args:
        error: of Python, or of a library that passes the operating system's on.
        path: what was being written, where the error does not know.
    """
    if isinstance(error, UserError):
        return None
    number, named = getattr(error, "errno", None), getattr(error, "filename", None)
    if number is None and (told := re.search(r"\(os error (\d+)\)", str(error))):  # libraries written in Rust
        number = int(told[1])
    if number in (errno.EACCES, errno.EPERM) and not named:
        return None  # no file: a network's
    if number in SYSTEM_ERRORS:  # where there is no space the name may be that of a copy's source
        where = named if number in (errno.EACCES, errno.EPERM) else path or named or "a file"
        return UserError(f"{where}: {os.strerror(number)}: {SYSTEM_ERRORS[number]}")
    if isinstance(error, MemoryError) or number == errno.ENOMEM or OUT_OF_MEMORY.search(str(error)):
        said = str(error).splitlines()[0] if str(error) else "Cannot allocate memory"
        return UserError(
            f"not enough memory: {said}: lower batch_tokens, set activation_checkpointing or importance.offload, "
            f"or give the job more; {RESUME_HINT}"
        )
    return None
