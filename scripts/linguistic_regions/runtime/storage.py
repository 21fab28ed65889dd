"""Files that are either complete or absent."""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from linguistic_regions.runtime.errors import UserError, system_error


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds, remove it otherwise.

    The path may become a file or a folder; the block creates it. The parent folder is created if necessary, and
    temporary files that a killed process left are removed, so only one process at a time may write `path`.

    Raises:
        UserError: there is no space, no permission or no folder to write, or a file would replace a folder.
    """
    path = Path(path)
    if not path.name:
        raise UserError(f"'{path}' is not the path of a new file or folder: name one")
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob(f".{escape(path.name)}.part-*"):
            remove(leftover)
        yield part
        _sync_and_chmod(part)
        if path.is_dir() and not part.is_dir():
            raise UserError(f"{path} is a folder: name a file")
        if part.is_dir() and path.exists():
            remove(path)
        part.replace(path)
    except FileNotFoundError as error:
        if error.filename != str(part):
            raise
        raise UserError(f"{path}: no file can be written there: name another path") from error
    except Exception as error:
        user_error = system_error(error, path)
        if user_error is None:
            raise
        raise user_error from error
    finally:
        remove(part)


def _sync_and_chmod(part: Path) -> None:
    """Flush files to disk, so that a power cut cannot leave an incomplete file, and set their mode by the umask.

    safetensors makes files readable by their owner only, but results are shared.
    """
    umask = os.umask(0)
    os.umask(umask)
    for path in (part, *part.rglob("*")):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666 & ~umask)
            with path.open("rb") as file:
                os.fsync(file.fileno())


def move(source: str | Path, target: str | Path) -> None:
    """Move a file or folder, replacing `target`; on one file system this is a rename."""
    with atomic_write(target) as part:
        shutil.move(source, part)


def remove(path: str | Path) -> None:
    """Remove a file or a folder, if it exists."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):  # unlink(missing_ok=True) fails on a read-only file system
        path.unlink()


def unreadable(path: str | Path, kind: str, reason: object) -> UserError:
    """The error for a file or folder of results that is missing, corrupted, or of another kind.

    Args:
        path: the file or folder.
        kind: what it should be, such as "region".
        reason: an exception, or text.
    """
    if isinstance(reason, OSError) and Path(path).exists() and not os.access(path, os.R_OK):
        return UserError(f"{path} cannot be read: change its permissions")
    if isinstance(reason, FileNotFoundError):
        return UserError(f"{path}: no {kind} is there: run the workflow to make it")
    if isinstance(reason, Exception) and (user_error := system_error(reason, path)):
        return user_error
    return UserError(
        f"{path}: not a readable {kind} ({reason}): check the path; if the file is corrupted, remove it and run the "
        "workflow to make it again"
    )


def read_json(path: str | Path) -> dict:
    """Read a JSON object.

    Raises:
        UserError: the file does not exist, or is not a JSON object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: name the folder of a finished run") from None
    except ValueError as error:  # invalid JSON or UTF-8
        raise unreadable(path, "JSON file", error) from None
    if not isinstance(content, dict):
        raise unreadable(path, "JSON file", "it is not an object")
    return content


def write_csv(path: str | Path, rows: list[dict], columns: Iterable[str] = ()) -> None:
    """Write rows as CSV, with floats in full precision.

    Args:
        path: the file.
        rows: dictionaries with the same keys, which are the columns.
        columns: the columns, for a table without rows.
    """
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0] if rows else columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
