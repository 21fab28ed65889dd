"""Blocks of tokens: documents are tokenized and cut into rows of equal length, the samples of all later steps.

A block begins with BOS if the tokenizer has one, so that all of its text tokens are predicted. Documents are
concatenated, each followed by EOS, and may span several blocks. Only the last tokens of a split, which do not fill a
block, are dropped. Needs tokenizers, numpy and pyarrow only.

Memory: 4 bytes per token, and about 100 MB for the batch that is being encoded. Time: little more than the tokenizer's
`encode_batch` (benchmarks/tokenizing.py).
"""

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Encoding, Tokenizer

from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, unreadable

# Limits of a batch of documents that are encoded in parallel.
DOCUMENTS_PER_BATCH = 1024
CHARACTERS_PER_BATCH = 1_000_000
ROWS_PER_GROUP = 4096  # of a parquet file; a second copy of the group that is being written is in memory


@dataclass
class Blocks:
    """Blocks of one language and split.

    Attributes:
        input_ids: int32, shape (blocks, block size).
        documents: for each block, the id of the document in which its text begins.
        bytes: int32, shape (blocks,): UTF-8 bytes of text that the block's tokens cover.
        bos: whether each block begins with BOS, which covers no text.
        rows: int, shape (blocks,): each block's row in its file; None: 0, 1, 2, ...
    """

    input_ids: np.ndarray
    documents: list[str]
    bytes: np.ndarray
    bos: bool
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.rows is None:
            self.rows = np.arange(len(self.input_ids))

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def fingerprint(self) -> str:
        """A hash of the blocks (32 hexadecimal digits)."""
        return fingerprint((self.input_ids, self.bytes, self.documents, self.bos))

    def take(self, rows: np.ndarray) -> "Blocks":
        """The blocks at `rows` (int, shape (n,), in any order)."""
        documents = [self.documents[row] for row in rows]
        return Blocks(self.input_ids[rows], documents, self.bytes[rows], self.bos, self.rows[rows])

    def evenly_spaced(self, max_blocks: int | None) -> "Blocks":
        """At most `max_blocks` blocks, evenly spaced over all blocks; None: all."""
        if max_blocks is None or len(self) <= max_blocks:
            return self
        return self.take(np.linspace(0, len(self) - 1, max_blocks).round().astype(int))


@dataclass
class BlockTokenizer:
    """A tokenizer that cuts documents into blocks.

    Attributes:
        tokenizer: the model's tokenizer.
        bos: id of the token at the beginning of each block; None: no token.
        eos: id of the token after each document; None: no token.
    """

    tokenizer: Tokenizer
    bos: int | None
    eos: int | None

    @classmethod
    def load(cls, folder: str | Path, bos: bool | None = None) -> "BlockTokenizer":
        """Read `tokenizer.json` and `tokenizer_config.json` from `folder`.

        Args:
            folder: a tokenizer in Hugging Face format.
            bos: whether blocks begin with BOS; None: if the tokenizer begins a text with BOS.

        Raises:
            UserError: the folder has no tokenizer, or `bos` is true and the tokenizer has no BOS token.
        """
        folder = Path(folder)
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            special = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        except Exception as error:
            raise UserError(
                f"{folder}: no readable tokenizer ({error}): name the folder of the model's tokenizer"
            ) from None
        ids = {}
        for key in ("bos_token", "eos_token"):
            token = special.get(key)
            token = token["content"] if isinstance(token, dict) else token
            ids[key] = None if token is None else tokenizer.token_to_id(token)
        if bos and ids["bos_token"] is None:
            raise UserError(
                f"{folder}: tokens.bos is true, but this tokenizer has no BOS token: set tokens.bos to null"
            )
        if bos is None:
            bos = ids["bos_token"] is not None and tokenizer.encode("").ids[:1] == [ids["bos_token"]]
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, ids["bos_token"] if bos else None, ids["eos_token"])

    def blocks(self, documents: Iterable[tuple[str, str]], block_size: int) -> Blocks:
        """Tokenize documents and cut them into blocks.

        If several tokens share the bytes of a character, all of its bytes are counted for the first one.

        Args:
            documents: (id, text) of each document, read as a stream.
            block_size: tokens per block.

        Returns:
            The blocks, in the order of the documents.
        """
        head = [] if self.bos is None else [self.bos]
        tail = [] if self.eos is None else [self.eos]
        rows, owners, sizes = array("i"), [], array("i")  # concatenated rows, of which the last may be incomplete
        for (name, text), encoding in self._encoded(documents):
            ids = encoding.ids  # a new list at each call
            ids += tail
            start = character = 0  # where the next row continues, in ids and in text
            while start < len(ids):
                if len(rows) % block_size == 0:
                    rows.fromlist(head)
                    owners.append(name)
                    sizes.append(0)
                stop = min(len(ids), start + block_size - len(rows) % block_size)
                rows.fromlist(ids[start:stop])
                # Only the offsets at block boundaries are looked up: a list of all offsets would dominate the time.
                end = len(text) if stop >= len(encoding) else encoding.token_to_chars(stop - 1)[1]
                sizes[-1] += len(text[character:end].encode())
                start, character = stop, max(character, end)
        full = len(rows) // block_size
        ids = np.asarray(rows)[: full * block_size].reshape(full, block_size)
        return Blocks(ids, owners[:full], np.asarray(sizes)[:full], bool(head))

    def _encoded(self, documents: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], Encoding]]:
        for batch in _batches(documents):
            encodings = self.tokenizer.encode_batch([text for _, text in batch], add_special_tokens=False)
            yield from zip(batch, encodings, strict=True)
            del encodings  # free the memory before the next batch is encoded


def _batches(documents: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch, characters = [], 0
    for document in documents:
        batch.append(document)
        characters += len(document[1])
        if len(batch) == DOCUMENTS_PER_BATCH or characters >= CHARACTERS_PER_BATCH:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def write(blocks: Blocks, path: str | Path) -> None:
    """Write blocks as parquet: input_ids fixed_size_list<int32>, document string, bytes int32; metadata: bos."""
    flat = pa.array(blocks.input_ids.reshape(-1), pa.int32())
    table = pa.table(
        {
            "input_ids": pa.FixedSizeListArray.from_arrays(flat, blocks.input_ids.shape[1]),
            "document": pa.array(blocks.documents, pa.string()),
            "bytes": pa.array(blocks.bytes, pa.int32()),
        }
    ).replace_schema_metadata({"bos": json.dumps(blocks.bos)})
    with atomic_write(path) as part:
        pq.write_table(table, part, compression="zstd", row_group_size=ROWS_PER_GROUP, write_page_checksum=True)


def count(path: str | Path) -> int:
    """The number of blocks in a file written by `write`; only the footer is read.

    Raises:
        UserError: the file is missing, corrupted or of another kind.
    """
    try:
        return pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, "file of token blocks", error) from None


def read(path: str | Path, max_blocks: int | None = None) -> Blocks:
    """Read the first `max_blocks` blocks of a file written by `write`; None: all.

    Raises:
        UserError: the file is missing, corrupted or of another kind.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        table = table if max_blocks is None else table.slice(0, max_blocks)
        column = table.column("input_ids").combine_chunks()
        # flatten(), not .values, which would return the whole buffer of a slice
        ids = column.flatten().to_numpy().reshape(len(table), column.type.list_size)
        bos = json.loads(table.schema.metadata[b"bos"])
        return Blocks(ids, table.column("document").to_pylist(), table.column("bytes").to_numpy(), bos)
    except (OSError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise unreadable(path, "file of token blocks", error) from None


def read_split(
    folder: str | Path, texts: Iterable[str], split: str, max_blocks: int | None = None
) -> dict[str, Blocks]:
    """Read blocks of one split of several texts, from `folder`/{text}/{split}.parquet.

    Args:
        folder: the folder.
        texts: names of texts: `ru`, or `ru/quotations` for a further domain.
        split: "train", "valid" or "test".
        max_blocks: at most this many blocks of each text, evenly spaced; None: all.

    Returns:
        The blocks by text.

    Raises:
        UserError: a file is missing, corrupted or of another kind, or the blocks of two texts differ in size.
    """
    found = {text: read(Path(folder) / text / f"{split}.parquet").evenly_spaced(max_blocks) for text in texts}
    sizes = {blocks.input_ids.shape[1]: text for text, blocks in found.items()}
    if len(sizes) > 1:
        each = ", ".join(f"{text}: {size}" for size, text in sizes.items())
        raise UserError(f"{folder}: blocks of different sizes ({each} tokens); make all with one --block-size")
    return found


def labels(text: str, domain: str) -> dict[str, str]:
    """The columns `language` and `domain` of a text; `domain` is the domain of a text whose name does not say one."""
    language, _, further = text.partition("/")
    return {"language": language, "domain": further or domain}
