"""Pretrain a Llama from scratch on all languages."""

import logging
import math
import shutil
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from linguistic_regions.model.loss import block_nll
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.runtime import checksums, programs
from linguistic_regions.runtime.checkpoints import Checkpoints, claim
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.locks import discard
from linguistic_regions.runtime.options import Count, Folder, NewFolder, NonNegative, Positive, Seed, Share, Threads
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.text import tokens
from linguistic_regions.training.loop import Schedule, train

VALID_BLOCKS = 16  # per language, for the perplexity in the log


def main(
    *,
    tokens_folder: Folder,
    languages: tuple[str, ...],
    tokenizer: Folder,
    output: NewFolder,
    schedule: Annotated[Schedule, tyro.conf.arg(name="")],
    checkpoints: Path,
    samples: Count,
    learning_rate: Positive = 3e-3,
    layers: Count = 4,
    width: Count = 128,
    heads: Count = 4,
    kv_heads: Count = 4,
    mlp_width: Count = 344,
    tied: bool = False,
    balance: Share = 0.3,
    checkpoint_minutes: NonNegative = 10.0,
    seed: Seed = 0,
    threads: Threads = 1,
) -> None:
    """Pretrain a Llama on blocks of all languages and write it in Hugging Face format.

    Example: .venv/bin/python scripts/pretrain.py --tokens-folder results/tiny/tokens --languages en ru --tokenizer
    results/tiny/models/tokenizer --samples 6400 --output model --checkpoints state

    Args:
        tokens_folder: folder of the blocks, {language}/{train,valid}.parquet.
        languages: the languages.
        tokenizer: folder of the tokenizer, which is copied to `output`.
        output: folder of the model.
        schedule: how to train.
        checkpoints: folder of the checkpoints.
        samples: blocks to train on; the blocks of a language are repeated when they run out.
        learning_rate: peak learning rate.
        layers: decoder layers.
        width: hidden size.
        heads: attention heads.
        kv_heads: key and value heads.
        mlp_width: inner width of the MLP.
        tied: whether the head shares the embedding's weights.
        balance: a language with n blocks is drawn in proportion to n to this power (1: as in the text, 0: uniformly).
        checkpoint_minutes: time between two checkpoints.
        seed: of the weights and of the order of the samples.
        threads: CPU threads.
    """
    if width % heads or heads % kv_heads or width // heads % 2:
        raise UserError(
            f"--width {width} --heads {heads} --kv-heads {kv_heads}: width must be an even multiple of heads, and "
            "heads a multiple of kv-heads"
        )
    if samples < schedule.batch_size:
        raise UserError(f"--samples: {samples} are fewer than one batch (--batch-size {schedule.batch_size}): add some")
    configure(threads)
    claim(checkpoints)
    texts = tokens.read_split(tokens_folder, languages, "train")
    rows = mix([blocks.input_ids for blocks in texts.values()], samples, balance, seed)
    vocabulary = tokens.BlockTokenizer.load(tokenizer).tokenizer.get_vocab_size()
    model = from_scratch(vocabulary, layers, width, heads, kv_heads, mlp_width, rows.shape[1], tied, seed)
    logging.info("%d parameters, %d samples of %d tokens", model.num_parameters(), *rows.shape)
    state = Checkpoints(checkpoints, checkpoint_minutes, dependencies=(programs.fingerprint("pretrain"),))
    train(model, rows, learning_rate, schedule, [], lambda _: [], checkpoints=state, description="pretraining")
    for language, blocks in tokens.read_split(tokens_folder, languages, "valid", VALID_BLOCKS).items():
        nll = block_nll(model, blocks.input_ids, schedule.batch_tokens, schedule.precision)
        mean = nll.sum() / (len(blocks) * (blocks.input_ids.shape[1] - 1))
        logging.info("%s: validation perplexity %.2f", language, math.exp(mean))
    with atomic_write(output) as part:
        model.save_pretrained(part)
        shutil.copytree(tokenizer, part, dirs_exist_ok=True)
        checksums.write_checksums(part)
    discard(checkpoints)


def mix(languages: list[np.ndarray], samples: int, balance: float, seed: int) -> np.ndarray:
    """Draw rows from several languages. The rows of each language are shuffled in every pass over them.

    Args:
        languages: the rows of each language, int32, shape (blocks, block size).
        samples: number of rows to draw.
        balance: languages are drawn in proportion to their number of rows to this power.
        seed: random seed.

    Returns:
        int32, shape (samples, block size).
    """
    generator = np.random.default_rng(seed)
    share = np.array([len(rows) for rows in languages], float) ** balance
    drawn = generator.choice(len(languages), samples, p=share / share.sum())
    mixed = np.empty((samples, languages[0].shape[1]), np.int32)
    for index, rows in enumerate(languages):
        positions = np.flatnonzero(drawn == index)
        passes = [generator.permutation(len(rows)) for _ in range(-(-len(positions) // len(rows)))]
        if passes:
            mixed[positions] = rows[np.concatenate(passes)[: len(positions)]]
    return mixed


if __name__ == "__main__":
    run(main)
