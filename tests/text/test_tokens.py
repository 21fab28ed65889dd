"""Documents to blocks: nothing lost, bytes counted by hand."""

import tracemalloc

import numpy as np
import pytest
from tokenizers import pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import BlockTokenizer
from texts import TEXTS


@pytest.fixture
def cutter(tokenizer_folder):
    return BlockTokenizer.load(tokenizer_folder)


def plain(cutter, documents, block_size):
    """The definition of blocks, token by token; (input_ids, documents, bytes) as lists."""
    stream = []  # a token, its document and the bytes that it covers
    for name, text in documents:
        encoding = cutter.tokenizer.encode(text, add_special_tokens=False)
        ids = encoding.ids if cutter.eos is None else [*encoding.ids, cutter.eos]
        # Text after the last token's end counts with that token.
        ends = [*(end for _, end in encoding.offsets[:-1]), len(text), len(text)][: len(ids)]
        sizes = [len(text[:end].encode()) for end in ends]
        stream += [(token, name, size - before) for token, size, before in zip(ids, sizes, [0, *sizes], strict=False)]
    head = [] if cutter.bos is None else [cutter.bos]
    room = block_size - len(head)
    rows = [stream[start : start + room] for start in range(0, len(stream) - room + 1, room)]
    return (
        [head + [token for token, _, _ in row] for row in rows],
        [row[0][1] for row in rows],
        [sum(size for _, _, size in row) for row in rows],
    )


def random_documents(generator, count):
    """(id, text) of characters of one to four bytes: some texts empty, some of many blocks."""
    letters = list("  etaoin,.éжы日本€🙂\n")
    lengths = generator.choice([0, 1, 5, 40, 400], count)
    return [(f"d{number}", "".join(generator.choice(letters, length))) for number, length in enumerate(lengths)]


@pytest.mark.parametrize("bos", [None, False])
@pytest.mark.parametrize("eos", [True, False])
@pytest.mark.parametrize("spaces", [True, False])
@pytest.mark.parametrize("block_size", [2, 7, 32, 1000])
def test_blocks_are_as_the_plain_definition_says(tokenizer_folder, monkeypatch, bos, eos, spaces, block_size):
    monkeypatch.setattr(tokens, "DOCUMENTS_PER_BATCH", 5)
    monkeypatch.setattr(tokens, "CHARACTERS_PER_BATCH", 500)
    cutter = BlockTokenizer.load(tokenizer_folder, bos)
    cutter.eos = cutter.eos if eos else None
    if not spaces:  # which no token covers then
        steps = [pre_tokenizers.WhitespaceSplit(), cutter.tokenizer.pre_tokenizer]
        cutter.tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    documents = random_documents(np.random.default_rng(block_size), 60)
    blocks = cutter.blocks(iter(documents), block_size)
    input_ids, owners, sizes = plain(cutter, documents, block_size)
    assert len(blocks) > 2
    assert blocks.input_ids.tolist() == input_ids
    assert blocks.documents == owners
    assert blocks.bytes.tolist() == sizes
    assert blocks.input_ids.dtype == blocks.bytes.dtype == np.int32


@pytest.mark.parametrize("documents", [[], [("empty", "")], [("short", "x")]])
def test_too_little_text_gives_no_blocks(cutter, documents):
    assert cutter.blocks(documents, 8).input_ids.shape == (0, 8)


def test_cutting_takes_four_bytes_per_token_and_a_batch_at_a_time(cutter, monkeypatch):
    monkeypatch.setattr(tokens, "CHARACTERS_PER_BATCH", 10_000)
    documents = ((f"d{number}", TEXTS["en"] * 20) for number in range(150))
    tracemalloc.start()
    try:
        blocks = cutter.blocks(documents, 512)
        assert tracemalloc.get_traced_memory()[1] < 5 * blocks.input_ids.size + 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("block_size", [5, 16, 64])
def test_blocks_hold_all_tokens_in_order(cutter, block_size):
    documents = [(code, text * 3) for code, text in TEXTS.items()]
    blocks = cutter.blocks(documents, block_size)
    expected = []
    for _, text in documents:
        expected += [*cutter.tokenizer.encode(text, add_special_tokens=False).ids, cutter.eos]
    room = block_size - 1
    assert blocks.input_ids.dtype == np.int32
    assert (blocks.input_ids[:, 0] == cutter.bos).all()
    assert blocks.input_ids[:, 1:].reshape(-1).tolist() == expected[: len(expected) // room * room]


def test_a_long_document_runs_over_several_blocks(cutter):
    blocks = cutter.blocks([("long", TEXTS["ru"]), ("next", TEXTS["en"])], 16)
    assert blocks.documents.count("long") > 2
    assert blocks.documents[-1] == "next"


@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.parametrize("block_size", [4, 7, 11])
def test_bytes_are_those_of_the_decoded_text(cutter, code, block_size):
    """Byte-level tokens split characters: the blocks' bytes must still add up to the text's."""
    blocks = cutter.blocks([("a", TEXTS[code])], block_size)
    alphabet = {symbol: byte for byte, symbol in bytes_to_unicode().items()}  # of byte-level BPE
    covered = [
        sum(len(bytes(alphabet[symbol] for symbol in cutter.tokenizer.id_to_token(i))) for i in row if i > 1)
        for row in blocks.input_ids.tolist()
    ]
    # At each border a character may straddle: it counts with the block of its first byte.
    assert (np.abs(np.cumsum(blocks.bytes) - np.cumsum(covered)) <= 2).all()
    if code == "en":
        assert blocks.bytes.tolist() == covered


def test_each_document_counts_its_bytes_when_packed(cutter):
    together = cutter.blocks([("a", "день "), ("b", "日"), ("c", "x" * 100)], 8)
    first = cutter.tokenizer.decode(together.input_ids[0, 1:].tolist(), skip_special_tokens=True)
    assert abs(int(together.bytes[0]) - len(first.encode())) <= 3  # a character may straddle the border


def test_tokenizers_without_bos_fill_the_block_with_text(tokenizer_folder):
    plain = BlockTokenizer.load(tokenizer_folder, bos=False)
    blocks = plain.blocks([("a", TEXTS["en"] * 2)], 16)
    assert not blocks.bos
    assert blocks.input_ids[0, 0] != 0


def test_parquet_round_trip(cutter, tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "ROWS_PER_GROUP", 2)
    blocks = cutter.blocks([("a", TEXTS["en"]), ("b", TEXTS["zh"])], 8)
    tokens.write(blocks, tmp_path / "train.parquet")
    again = tokens.read(tmp_path / "train.parquet")
    assert np.array_equal(again.input_ids, blocks.input_ids)
    assert again.documents == blocks.documents
    assert np.array_equal(again.bytes, blocks.bytes)
    assert again.bos is blocks.bos
    assert np.array_equal(tokens.read(tmp_path / "train.parquet", 3).input_ids, blocks.input_ids[:3])


def test_spread_reaches_from_the_first_to_the_last_block(cutter):
    blocks = cutter.blocks([("a", TEXTS["en"] * 5)], 8)
    few = blocks.evenly_spaced(4)
    assert len(few) == 4
    assert np.array_equal(few.input_ids[[0, -1]], blocks.input_ids[[0, -1]])
    assert blocks.evenly_spaced(None) is blocks


def test_token_ids_beyond_uint16_survive(tmp_path):
    ids = np.array([[70_000, 200_000]], np.int32)
    tokens.write(tokens.Blocks(ids, ["a"], np.array([3], np.int32), False), tmp_path / "x.parquet")
    assert tokens.read(tmp_path / "x.parquet").input_ids.tolist() == ids.tolist()


def test_errors_name_the_file(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="broken.parquet"):
        tokens.read(tmp_path / "broken.parquet")
    with pytest.raises(UserError, match="no readable tokenizer"):
        BlockTokenizer.load(tmp_path)


def test_texts_in_blocks_of_different_sizes_are_refused(cutter, tmp_path):
    for text, size in {"en": 8, "zh": 16}.items():
        (tmp_path / text).mkdir()
        tokens.write(cutter.blocks([("a", TEXTS["en"] * 3)], size), tmp_path / text / "test.parquet")
    with pytest.raises(UserError, match="blocks of different sizes .en: 8, zh: 16 tokens"):
        tokens.read_split(tmp_path, ["en", "zh"], "test")
