"""Documents to blocks: nothing lost, bytes counted by hand."""

import numpy as np
import pytest
from conftest import TEXTS
from transformers.convert_slow_tokenizer import bytes_to_unicode

from linguistic_regions import tokens
from linguistic_regions.commands import UserError
from linguistic_regions.tokens import BlockTokenizer


@pytest.fixture
def cutter(tokenizer_folder):
    return BlockTokenizer.load(tokenizer_folder)


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


def test_parquet_round_trip(cutter, tmp_path):
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
    few = blocks.spread(4)
    assert len(few) == 4
    assert np.array_equal(few.input_ids[[0, -1]], blocks.input_ids[[0, -1]])
    assert blocks.spread(None) is blocks


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
