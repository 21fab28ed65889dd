"""Share documents out to `test`, `valid` and `train`, without duplicates.

The hash of a document's text alone decides on its split: adding documents, or a language, moves none. A paragraph that
occurs again is dropped everywhere but in its first place, in the order test, valid, train: so no paragraph is in two
splits, and more training text does not shrink the test split.
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

SPLITS = ("test", "valid", "train")  # in the order in which a repeated paragraph finds its place
SCHEMA = pa.schema([("document", pa.string()), ("text", pa.string()), ("source", pa.string())])
ROW_GROUP = 1 << 22  # characters: what is held in memory at a time


def bounded(
    documents: Iterable[Document], max_documents: int | None = None, max_characters: int | None = None
) -> Iterator[Document]:
    """Stop after the document that reaches a bound; no document is cut. `None`: no bound."""
    characters = 0
    for count, document in enumerate(documents, start=1):
        yield document
        characters += len(document.text)
        if count == max_documents or (max_characters is not None and characters >= max_characters):
            return


def split_of(text: str, test: float, valid: float) -> str:
    """Name the split of a document: where its text's hash, read as a number in [0, 1), falls."""
    position = _hash(text) / 2**64
    return "test" if position < test else "valid" if position < test + valid else "train"


def write_splits(
    documents: Iterable[Document], folder: Path, test: float, valid: float, trained: Iterable[Path] = ()
) -> dict:
    """Write `train.parquet`, `valid.parquet` and `test.parquet` (document, text, source: string) into `folder`.

    The paragraphs of a text are joined by blank lines. The same documents give the same bytes. A paragraph of the
    files `trained`, of another text, is dropped as a repeated one is.

    Returns:
        `splits`: documents, paragraphs, characters, bytes and the file's sha256 of each split; `dropped`: duplicate
        documents, repeated paragraphs, and documents that had no paragraph (left).

    Raises:
        UserError: there is no document, or none is left for one of the splits.
    """
    if not (test > 0 and valid > 0 and test + valid < 1):
        raise UserError(f"the shares test {test} and valid {valid} must be above 0, and their sum below 1")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".spool-") as spool, ExitStack() as stack:
        spooled = {split: Path(spool) / f"{split}.parquet" for split in SPLITS}
        parts = {split: stack.enter_context(atomic_write(folder / f"{split}.parquet")) for split in SPLITS}
        dropped = _spool(documents, spooled, test, valid)
        counts = _write_unrepeated(spooled, parts, dropped, _paragraph_hashes(trained))
        total = sum(counts[split]["documents"] for split in SPLITS)
        for split in SPLITS:
            if not counts[split]["documents"]:
                raise UserError(
                    f"no text is left for {split}: the corpus has {total} distinct documents only; "
                    "add text, cut it into more documents, or give the split a larger share"
                )
            counts[split]["sha256"] = hashlib.sha256(parts[split].read_bytes()).hexdigest()
    return {"splits": counts, "dropped": dict(sorted(dropped.items()))}


def _spool(documents: Iterable[Document], paths: dict[str, Path], test: float, valid: float) -> Counter:
    """Write each distinct document to its split's file; memory holds one hash a document."""
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
                writers[split_of(text, test, valid)].write(document._replace(text=text))
    return dropped


def _paragraph_hashes(paths: Iterable[Path]) -> set[int]:
    return {_hash(paragraph) for path in paths for document in Split(path) for paragraph in document.text.split("\n\n")}


def _write_unrepeated(
    sources: dict[str, Path], targets: dict[str, Path], dropped: Counter, seen: set[int]
) -> dict[str, Counter]:
    """Copy the documents without the paragraphs `seen` or that stood before; memory holds one hash a paragraph."""
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
    """The documents of a file that `write_splits` wrote, read as a stream.

    Raises:
        UserError: the file is damaged or holds something else; seen where it is opened, or where it is read.
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
    """64 bits: among ten million texts two collide with a chance of some 3 in a million."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


class _Writer:
    """Documents to a parquet file, a row group at a time."""

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
