"""Files that are either whole or absent."""

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
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    Works for a file and for a folder (which the block makes itself). The parent folder is made if need be, and what a
    process that was killed left of the same file is removed: one process at a time writes it.

    Raises:
        UserError: there is no space, or the place cannot be written to.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{escape(path.name)}.part-*"):
            remove(left)
        yield part
        _settle(part)
        if part.is_dir() and path.exists():
            remove(path)
        part.replace(path)
    except Exception as error:
        told = system_error(error, path)
        if told is None:
            raise
        raise told from error
    finally:
        remove(part)


def _settle(part: Path) -> None:
    """Bring files to the disk before they get their name, in case the power fails, and open them to all.

    They get the mode that the umask wants: safetensors writes for the owner alone, and results are shared.
    """
    umask = os.umask(0)
    os.umask(umask)
    for path in (part, *part.rglob("*")):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666 & ~umask)
            with path.open("rb") as file:
                os.fsync(file.fileno())


def move(source: str | Path, target: str | Path) -> None:
    """Put a file or folder in another place, in the stead of what is there; at once where both are on one disk."""
    with atomic_write(target) as part:
        shutil.move(source, part)


def remove(path: str | Path) -> None:
    """Remove a file or a folder, if it is there."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):  # where nothing can be written, even the removal of nothing is refused
        path.unlink()


def unreadable(path: str | Path, kind: str, reason: object) -> UserError:
    """What to tell of a file or folder of results that is not there, damaged or something else than its name says."""
    if isinstance(reason, FileNotFoundError):
        return UserError(f"{path}: no {kind} is there: run the workflow, and it makes it")
    if isinstance(reason, Exception) and (told := system_error(reason, path)):
        return told
    return UserError(
        f"{path}: not a readable {kind} ({reason}): if it was made as one, remove it, and the workflow makes it again"
    )


def read_json(path: str | Path) -> dict:
    """Read a JSON object.

    Raises:
        UserError: the file is not there, or holds something else.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is not there: is its folder that of a finished run?") from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise unreadable(path, "JSON file", error) from None
    if not isinstance(content, dict):
        raise unreadable(path, "JSON file", "it holds no object")
    return content


def write_csv(path: str | Path, rows: list[dict], columns: Iterable[str] = ()) -> None:
    """Write rows that share their keys as CSV; floats in full precision. `columns` name them if there is no row."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0] if rows else columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
