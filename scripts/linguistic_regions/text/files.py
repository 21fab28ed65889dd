"""Source `files`: the user's own text, from txt, jsonl and parquet files; txt and jsonl may be gzipped.

A document is a txt file, a line of a jsonl file, or a row of a parquet file. A line break in it ends a paragraph.
"""

import glob
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.documents import Document


class Files:
    """The documents of several files.

    Args:
        patterns: paths or glob patterns (`**` for any depth); files are read in the order of their names.
        column: the field of jsonl, or the column of parquet, that contains the text.

    Raises:
        UserError: no file matches a pattern; a file is of another kind, cannot be read, or has no such column; or none
            has text.
    """

    def __init__(self, patterns: Sequence[str], column: str = "text"):
        self.column = column
        self.paths = matching(patterns)

    def __iter__(self) -> Iterator[Document]:
        is_empty = True
        for path in self.paths:
            name = path.as_posix()
            for number, text in _reader(path)(path, self.column):
                is_empty = is_empty and not text.strip()
                yield Document(name if number is None else f"{name}:{number}", text, name)
        if is_empty:
            where = f"{self.paths[0]}{f' and {len(self.paths) - 1} more' if self.paths[1:] else ''}"
            raise UserError(f"there is no text in {where}: add some, or name another column (corpora.files.column)")

    def origin(self) -> dict:
        return {"files": [{"path": path.as_posix(), "sha256": _sha256(path)} for path in self.paths]}


def matching(patterns: Sequence[str]) -> list[Path]:
    """The files that match one of the glob patterns, in the order of their names.

    Raises:
        UserError: no file matches a pattern, or a file is of a kind that is not read.
    """
    return sorted({path for pattern in patterns for path in _matches(pattern)})


def check_column(path: Path, column: str) -> None:
    """Check that the first document of a jsonl or parquet file has a column; the others are not read.

    Raises:
        UserError: it has not.
    """
    if _reader(path) is not _read_txt:
        next(_reader(path)(path, column), None)


def _matches(pattern: str) -> list[Path]:
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    found = [path for path in map(Path, matches) if path.is_file()]
    if not found:
        raise UserError(f"no file matches '{pattern}': check the path or the pattern")
    for path in found:
        _reader(path)
    return found


def _reader(path: Path) -> Callable[[Path, str], Iterator[tuple[int | None, str]]]:
    readers = {".txt": _read_txt, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if kind not in readers or path.name.endswith(".parquet.gz"):
        raise UserError(
            f"{path} is not a .txt, .txt.gz, .jsonl, .jsonl.gz or .parquet file: convert it or leave it out"
        )
    return readers[kind]


def records(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a jsonl or parquet file, with all that they hold.

    Args:
        path: the file.
        columns: fields or columns that each row must have, with text.

    Raises:
        UserError: the file is of another kind or cannot be read, or a row lacks one of the columns.
    """
    if _reader(path) is _read_txt:
        raise UserError(f"{path} has no columns: give a .jsonl or .parquet file with {', '.join(columns)}")
    kind, rows = ("row", _rows(path)) if path.suffix == ".parquet" else ("line", _objects(path))
    for number, row in rows:
        where = f"{path}, {kind} {number}"
        for column in columns:
            if not isinstance(row, dict) or not row.get(column):
                raise UserError(f"{where} has no '{column}': each has {', '.join(columns)}; add it")
            _check_text(row[column], column, where)
        yield row


def _read_txt(path: Path, column: str) -> Iterator[tuple[None, str]]:
    with _open(path) as file:
        data = _read_checked(file.read, path)
    if b"\0" in data:
        offset = data.index(b"\0")
        raise UserError(f"{path} has a NUL at byte {offset}: remove it; if the file is in UTF-16, convert it to UTF-8")
    yield None, _decode(data, path, 0)


def _read_jsonl(path: Path, column: str) -> Iterator[tuple[int, str]]:
    for number, row in _objects(path):
        where = f"{path}, line {number}"
        if not isinstance(row, dict) or column not in row:
            columns = ", ".join(row) if isinstance(row, dict) else "none"
            raise UserError(f"{where} has no '{column}' (its fields: {columns}): set corpora.files.column")
        yield number, _check_text(row[column], column, where)


def _objects(path: Path) -> Iterator[tuple[int, Any]]:
    """The numbers of the lines of a jsonl file, from 1, and the JSON in them; blank lines are left out."""
    offset = 0
    with _open(path) as file:
        for number, line in enumerate(iter(lambda: _read_checked(file.readline, path), b""), start=1):
            text = _decode(line, path, offset)
            offset += len(line)
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError as error:
                where = f"{path}, line {number}"
                raise UserError(f"{where} is not JSON ({error}): a .jsonl file has one object per line") from None
            yield number, row


def _read_parquet(path: Path, column: str) -> Iterator[tuple[int, str]]:
    for number, row in _rows(path, [column]):
        if column not in row:
            columns = ", ".join(pq.read_schema(path).names)
            raise UserError(f"{path} has no column '{column}' (its columns: {columns}): set corpora.files.column")
        yield number, _check_text(row[column], column, f"{path}, row {number}")


def _rows(path: Path, columns: list[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbers of the rows of a parquet file, from 0, and those of the columns that it has; None: all columns."""
    try:
        batches = pq.ParquetFile(path).iter_batches(1024, columns=columns)
        yield from enumerate(row for batch in batches for row in batch.to_pylist())
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as parquet ({error}): write it again, or leave it out") from None


def _open(path: Path) -> BinaryIO:
    return _read_checked(lambda: gzip.open(path) if path.suffix == ".gz" else path.open("rb"), path)


def _read_checked(action: Callable[[], Any], path: Path) -> Any:
    try:
        return action()
    except (OSError, EOFError, zlib.error) as error:  # no permission, or a corrupted gzip file
        raise UserError(f"{path} cannot be read ({error}): fix it, or leave it out") from None


def _decode(data: bytes, path: Path, offset: int) -> str:
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 at byte {offset + error.start}: convert it to UTF-8") from None


def _check_text(text: object, column: str, where: str) -> str:
    """The text of a field; "" if it is null. JSON may contain lone surrogates, which are not valid text."""
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UserError(f"{where}: '{column}' contains {type(text).__name__}, not text: name another column")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where}: '{column}' contains a lone surrogate at character {error.start}: replace it"
        ) from None
    return text


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
