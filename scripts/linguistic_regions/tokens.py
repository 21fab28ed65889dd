"""Documents to blocks: fixed-length rows of token ids, the samples of every later step.

A block begins with the tokenizer's BOS token where it has one, so that each of its text tokens is predicted.
Documents follow one another, each closed by EOS; a long one runs over several blocks, and nothing is thrown
away but the last tokens of a split that do not fill a block. Needs tokenizers, numpy and pyarrow only.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Encoding, Tokenizer

from linguistic_regions.commands import UserError
from linguistic_regions.storage import whole

DOCUMENTS_PER_BATCH = 256  # encoded together, in parallel


@dataclass
class Blocks:
    """Blocks of one language and split.

    Attributes:
        input_ids: int32, shape (blocks, block size).
        documents: for each block the id of the document in which its text begins.
        bytes: int32, shape (blocks,): UTF-8 bytes of text that the block's tokens cover.
        bos: whether each block begins with a BOS token, which covers no text.
    """

    input_ids: np.ndarray
    documents: list[str]
    bytes: np.ndarray
    bos: bool

    def __len__(self) -> int:
        return len(self.input_ids)

    def take(self, rows: np.ndarray) -> "Blocks":
        """The blocks at `rows` (int, any order)."""
        return Blocks(self.input_ids[rows], [self.documents[row] for row in rows], self.bytes[rows], self.bos)

    def spread(self, most: int | None) -> "Blocks":
        """At most `most` blocks, evenly spread over all of them and so over the documents."""
        if most is None or len(self) <= most:
            return self
        return self.take(np.linspace(0, len(self) - 1, most).round().astype(int))


@dataclass
class BlockTokenizer:
    """A model's own tokenizer and the tokens that frame its text; `bos` and `eos` are ids, or None."""

    tokenizer: Tokenizer
    bos: int | None
    eos: int | None

    @classmethod
    def load(cls, folder: str | Path, bos: bool | None = None) -> "BlockTokenizer":
        """Read `tokenizer.json` and `tokenizer_config.json` from `folder`.

        Args:
            folder: a tokenizer in Hugging Face format.
            bos: begin blocks with BOS; None: as the tokenizer itself begins a text.

        Raises:
            UserError: no tokenizer there, or `bos` asked for from a tokenizer that has none.
        """
        folder = Path(folder)
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            special = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        except Exception as error:
            raise UserError(f"{folder}: no readable tokenizer ({error}); give the model's own folder") from None
        ids = {}
        for key in ("bos_token", "eos_token"):
            token = special.get(key)
            token = token["content"] if isinstance(token, dict) else token
            ids[key] = None if token is None else tokenizer.token_to_id(token)
        if bos and ids["bos_token"] is None:
            raise UserError(f"{folder}: tokens.bos is true, but this tokenizer has no BOS token; set it to null")
        if bos is None:
            bos = ids["bos_token"] is not None and tokenizer.encode("").ids[:1] == [ids["bos_token"]]
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, ids["bos_token"] if bos else None, ids["eos_token"])

    def blocks(self, documents: Iterable[tuple[str, str]], block_size: int) -> Blocks:
        """Cut documents, given as (id, text), into blocks of `block_size` tokens in their order."""
        head = [] if self.bos is None else [self.bos]
        room = block_size - len(head)
        rows, owners, sizes = [], [], []
        row, owner, size = [], "", 0
        for name, ids, ends in self._encoded(documents):
            start = covered = 0
            while start < len(ids):
                if not row:
                    owner = name
                stop = min(len(ids), start + room - len(row))
                row.extend(ids[start:stop])
                end = ends(stop)
                size += end - covered
                start, covered = stop, end
                if len(row) == room:
                    rows.append(head + row)
                    owners.append(owner)
                    sizes.append(size)
                    row, size = [], 0
        ids = np.array(rows, dtype=np.int32).reshape(len(rows), block_size)
        return Blocks(ids, owners, np.array(sizes, dtype=np.int32), bool(head))

    def _encoded(self, documents: Iterable[tuple[str, str]]) -> Iterator[tuple]:
        documents = iter(documents)
        while batch := list(islice(documents, DOCUMENTS_PER_BATCH)):
            encodings = self.tokenizer.encode_batch([text for _, text in batch], add_special_tokens=False)
            for (name, text), encoding in zip(batch, encodings, strict=True):
                ids = encoding.ids if self.eos is None else [*encoding.ids, self.eos]
                yield name, ids, _byte_ends(text, encoding)


def _byte_ends(text: str, encoding: Encoding):
    """A function of a token count: how many bytes of `text` the first so many tokens cover.

    A character whose bytes are shared by several tokens counts with the first of them. Only the tokens at
    block borders are looked up: a list of all offsets would cost more than the encoding itself.
    """
    characters = size = 0  # up to the last border asked for; borders ascend

    def ends(tokens: int) -> int:
        nonlocal characters, size
        stop = len(text) if tokens >= len(encoding) else encoding.token_to_chars(tokens - 1)[1]
        if stop > characters:
            size += len(text[characters:stop].encode())
            characters = stop
        return size

    return ends


def write(blocks: Blocks, path: str | Path) -> None:
    """Write blocks to parquet: input_ids fixed_size_list<int32>, document string, bytes int32; metadata bos."""
    flat = pa.array(blocks.input_ids.reshape(-1), pa.int32())
    table = pa.table(
        {
            "input_ids": pa.FixedSizeListArray.from_arrays(flat, blocks.input_ids.shape[1]),
            "document": pa.array(blocks.documents, pa.string()),
            "bytes": pa.array(blocks.bytes, pa.int32()),
        }
    ).replace_schema_metadata({"bos": json.dumps(blocks.bos)})
    with whole(path) as part:
        pq.write_table(table, part, compression="zstd")


def read(path: str | Path, most: int | None = None) -> Blocks:
    """Read blocks that `write` wrote, the first `most` of them if given.

    Raises:
        UserError: the file is missing, damaged or holds something else.
    """
    try:
        table = pq.read_table(path)
        table = table if most is None else table.slice(0, most)
        column = table.column("input_ids").combine_chunks()
        # flatten(), not .values: a slice keeps its parent's whole buffer
        ids = column.flatten().to_numpy().reshape(len(table), column.type.list_size)
        bos = json.loads(table.schema.metadata[b"bos"])
        return Blocks(ids, table.column("document").to_pylist(), table.column("bytes").to_numpy(), bos)
    except (OSError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path}: not a readable file of token blocks ({error}); delete it and run again") from None


def read_split(folder: str | Path, languages: Iterable[str], split: str, most: int | None = None) -> dict[str, Blocks]:
    """Blocks of one split of several languages, from `folder`/{language}/{split}.parquet: at most `most`, spread."""
    return {language: read(Path(folder) / language / f"{split}.parquet").spread(most) for language in languages}
