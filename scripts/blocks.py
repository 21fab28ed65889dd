"""Cut one language's documents into blocks of tokens, the samples of every later step (paper, section 2)."""

import logging
from pathlib import Path

import numpy as np

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, OutputFolder, Seed
from linguistic_regions.runtime.progress import progress
from linguistic_regions.text import tokens
from linguistic_regions.text.splits import Split
from linguistic_regions.text.tokens import BlockTokenizer


def main(
    *,
    corpus: Path,
    tokenizer: Path,
    output: OutputFolder,
    block_size: Count = 512,
    bos: bool | None = None,
    train_blocks: Count | None = None,
    seed: Seed = 0,
) -> None:
    """Write the blocks of each split: train.parquet (in random order), valid.parquet and test.parquet.

    Example: .venv/bin/python scripts/blocks.py --corpus results/demo/corpora/ru --tokenizer
    results/demo/models/tokenizer --output tokens/ru

    Args:
        corpus: folder of train.parquet, valid.parquet and test.parquet (columns document, text).
        tokenizer: folder of a tokenizer in Hugging Face format.
        output: folder of the blocks.
        block_size: tokens per block.
        bos: begin each block with BOS; None: if the tokenizer begins a text with BOS.
        train_blocks: maximum number of training blocks, evenly spaced over the text; None: all.
        seed: of the order of the training blocks.
    """
    cutter = BlockTokenizer.load(tokenizer, bos)
    for split in ("train", "valid", "test"):
        blocks = cutter.blocks(_documents(corpus / f"{split}.parquet"), block_size)
        if not len(blocks):
            raise UserError(
                f"{corpus}/{split}.parquet: its text does not fill one block of {block_size} tokens: add text"
            )
        if split == "train":  # shuffled, so that its first N rows are a random sample
            blocks = blocks.evenly_spaced(train_blocks)
            blocks = blocks.take(np.random.default_rng(seed).permutation(len(blocks)))
        tokens.write(blocks, output / f"{split}.parquet")
        size = blocks.bytes.sum(dtype=int)
        logging.info("%s: %d blocks, %.2f bytes per token", split, len(blocks), size / blocks.input_ids.size)


def _documents(path: Path):
    for document in progress(Split(path), path.stem, unit="document"):
        yield document.id, document.text


if __name__ == "__main__":
    run(main)
