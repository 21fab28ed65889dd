"""Assign documents to the splits `test`, `valid` and `train`, without duplicates.

The split of a document depends only on the hash of its text, so it does not change when documents or languages are
added. A repeated paragraph is kept only at its first occurrence, in the order test, valid, train. Hence no paragraph is
in two splits, and more training text does not shrink the test split.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, unreadable
from linguistic_regions.text.documents import Document, paragraphs

SPLITS = ("test", "valid", "train")  # a repeated paragraph is kept in the first of these
SCHEMA = pa.schema([("document", pa.string()), ("text", pa.string()), ("source", pa.string())])
ROW_GROUP = 1 << 22  # characters that are held in memory at a time


def limit(
    documents: Iterable[Document], max_documents: int | None = None, max_characters: int | None = None
) -> Iterator[Document]:
    """Yield documents until a limit is reached; the last document is not truncated. `None`: no limit."""
    characters = 0
    for count, document in enumerate(documents, start=1):
        yield document
        characters += len(document.text)
        if count == max_documents or (max_characters is not None and characters >= max_characters):
            return


def assign_split(text: str, test: float, valid: float) -> str:
    """The split of a document: its text's hash, as a number in [0, 1), is compared with the shares of the splits."""
    position = _hash(text) / 2**64
    return "test" if position < test else "valid" if position < test + valid else "train"


def write_splits(
    documents: Iterable[Document], folder: Path, test: float, valid: float, training_files: Iterable[Path] = ()
) -> dict:
    """Write `train.parquet`, `valid.parquet` and `test.parquet` (document, text, source: string) to `folder`.

    The paragraphs of a text are joined by blank lines. The same documents give the same bytes.

    Args:
        documents: the documents of a text.
        folder: created if necessary.
        test: share of the documents for the test split.
        valid: share of the documents for the validation split.
        training_files: documents of another text, in the format written here; their paragraphs are dropped.

    Returns:
        `splits`: for each split the numbers of documents, paragraphs, characters and bytes, and the file's sha256;
        `dropped`: numbers of duplicate documents, repeated paragraphs, and documents without paragraphs.

    Raises:
        UserError: the shares are invalid, or a split has no documents.
    """
    if not (test > 0 and valid > 0 and test + valid < 1):
        raise UserError(f"the shares test {test} and valid {valid} must be above 0, and their sum must be below 1")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".spool-") as spool, ExitStack() as stack:
        spooled = {split: Path(spool) / f"{split}.parquet" for split in SPLITS}
        parts = {split: stack.enter_context(atomic_write(folder / f"{split}.parquet")) for split in SPLITS}
        dropped = _spool(documents, spooled, test, valid)
        counts = _write_unrepeated(spooled, parts, dropped, _paragraph_hashes(training_files))
        total = sum(counts[split]["documents"] for split in SPLITS)
        for split in SPLITS:
            if not counts[split]["documents"]:
                has = f"{total} distinct {'document' if total == 1 else 'documents'}"
                raise UserError(
                    f"no text is left for {split}: the corpus has only {has}; divide it into some fifty, add text, or "
                    "give the split a larger share (corpora.test, corpora.valid)"
                )
            counts[split]["sha256"] = hashlib.sha256(parts[split].read_bytes()).hexdigest()
    return {"splits": counts, "dropped": dict(sorted(dropped.items()))}


def _spool(documents: Iterable[Document], paths: dict[str, Path], test: float, valid: float) -> Counter:
    """Write each distinct document to the file of its split. Memory holds one hash per document."""
    dropped = Counter(duplicate_documents=0, repeated_paragraphs=0, empty_documents=0)
    seen = set()
    with ExitStack() as stack:
        writers = {split: stack.enter_context(_Writer(path)) for split, path in paths.items()}
        for document in documents:
            text = "\n\n".join(paragraphs(document.text))
            if not text:
                dropped["empty_documents"] += 1
            elif (key := _hash(text)) in seen:
                dropped["duplicate_documents"] += 1
            else:
                seen.add(key)
                writers[assign_split(text, test, valid)].write(document._replace(text=text))
    return dropped


def _paragraph_hashes(paths: Iterable[Path]) -> set[int]:
    return {_hash(paragraph) for path in paths for document in Split(path) for paragraph in document.text.split("\n\n")}


def _write_unrepeated(
    sources: dict[str, Path], targets: dict[str, Path], dropped: Counter, seen: set[int]
) -> dict[str, Counter]:
    """Copy the documents without repeated paragraphs and those in `seen`. Memory holds one hash per paragraph."""
    counts = {split: Counter(documents=0, paragraphs=0, characters=0, bytes=0) for split in sources}
    for split, source in sources.items():
        with _Writer(targets[split]) as writer:
            for document in Split(source):
                kept = []
                for paragraph in document.text.split("\n\n"):
                    key = _hash(paragraph)
                    if key not in seen:
                        seen.add(key)
                        kept.append(paragraph)
                    else:
                        dropped["repeated_paragraphs"] += 1
                if not kept:
                    dropped["empty_documents"] += 1
                    continue
                text = "\n\n".join(kept)
                writer.write(document._replace(text=text))
                counts[split].update(
                    documents=1, paragraphs=len(kept), characters=len(text), bytes=len(text.encode("utf-8"))
                )
    return counts


class Split:
    """The documents of a file written by `write_splits`, read as a stream.

    Raises:
        UserError: the file is missing, corrupted or of another kind; raised when it is opened or read.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.file = pq.ParquetFile(path, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, "file of documents", error) from None

    def __len__(self) -> int:
        return self.file.metadata.num_rows

    def __iter__(self) -> Iterator[Document]:
        try:
            for batch in self.file.iter_batches(batch_size=1024):
                yield from map(Document, *(batch[column].to_pylist() for column in SCHEMA.names))
        except (OSError, KeyError, pa.ArrowException) as error:
            raise unreadable(self.path, "file of documents", error) from None


def _hash(text: str) -> int:
    """A 64-bit hash. The probability that any two of ten million texts collide is about 3 in a million."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


class _Writer:
    """Writes documents to a parquet file, one row group at a time."""

    def __init__(self, path: Path):
        self.file = pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True)
        self.rows: list[Document] = []
        self.characters = 0

    def write(self, document: Document) -> None:
        self.rows.append(document)
        self.characters += len(document.text)
        if self.characters >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self.rows, strict=True) if self.rows else [[], [], []]
        self.file.write_table(pa.table([pa.array(column, pa.string()) for column in columns], schema=SCHEMA))
        self.rows, self.characters = [], 0

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *exception: object) -> None:
        self._flush()
        self.file.close()
