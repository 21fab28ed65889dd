"""Errors that a user can fix, as one line: what is wrong, where, and what to do."""

import errno
import os
import re

RESUME_HINT = "finished work is kept, and the same command resumes the run"
SYSTEM_ERRORS = {  # what to do about errors of the operating system
    errno.ENOSPC: f"free some space; {RESUME_HINT}",
    errno.EDQUOT: f"free some space or have the quota raised; {RESUME_HINT}",
    errno.EFBIG: f"raise the limit on the size of files (ulimit -f); {RESUME_HINT}",
    errno.EROFS: f"make it writable, or make results a link to a folder that is; {RESUME_HINT}",
    errno.EACCES: "change its permissions or its owner",
    errno.EPERM: "change its permissions or its owner",
    errno.EEXIST: "name another path",
    errno.ENOTDIR: "name another path",
}
OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory", re.IGNORECASE)  # torch, on a CPU and on a GPU


class UserError(Exception):
    """Mistakes that the user can fix, usually one; each is one line that says what is wrong, where, and what to do."""

    def __str__(self) -> str:
        return "\n".join(self.args)


def system_error(error: Exception, path: object = None) -> UserError | None:
    """Translate an error of the operating system (no space, no memory, no permission); None for any other error.

    Args:
        error: raised by Python, or by a library that passes on an error of the operating system.
        path: the file that was being written, for errors that do not name it.
    """
    if isinstance(error, UserError):
        return None
    number, named = getattr(error, "errno", None), getattr(error, "filename", None)
    if number is None and (match := re.search(r"\(os error (\d+)\)", str(error))):  # libraries written in Rust
        number = int(match[1])
    if number in (errno.EACCES, errno.EPERM) and not named:
        return None  # a network error
    if number in SYSTEM_ERRORS:  # without space, the error may name the source of a copy
        where = named if number in (errno.EACCES, errno.EPERM) else path or named or "a file"
        return UserError(f"{where}: {os.strerror(number)}: {SYSTEM_ERRORS[number]}")
    if isinstance(error, MemoryError) or number == errno.ENOMEM or OUT_OF_MEMORY.search(str(error)):
        reason = str(error).splitlines()[0] if str(error) else "Cannot allocate memory"
        return UserError(
            f"not enough memory: {reason}: lower batch_tokens, set activation_checkpointing or importance.offload, "
            f"or give the job more memory; {RESUME_HINT}"
        )
    return None
