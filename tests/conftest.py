"""Tiny models and small real text, made on the spot."""

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock

import blocks
import small_run
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.text import vocabulary
from linguistic_regions.text.tokens import Blocks
from texts import TEXTS


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a small run that went through: results of `SMALL`, until test_workflow changes them.

    The workers of pytest-xdist make it once, and each has a copy.
    """
    base = tmp_path_factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small_run"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            run = small_run.snakemake(small_run.copy_workflow(base / "small_run_in_work"))
            assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
            (base / "small_run_in_work").rename(made)
    return Path(shutil.copytree(made, base / "finished", symlinks=True))


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """A byte-level BPE of 300 entries, trained on `TEXTS`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    vocabulary.train(TEXTS.values(), 300).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_model():
    """A Llama with grouped-query attention, small enough to zero each of its weights in turn."""
    return from_scratch(
        vocabulary=24, layers=2, width=8, heads=4, kv_heads=2, mlp_width=12, context=8, tied=False, seed=0
    ).eval()


@pytest.fixture
def tiny_blocks():
    """Six random blocks of eight tokens, of three documents."""
    ids = np.random.default_rng(0).integers(0, 24, (6, 8)).astype(np.int32)
    return Blocks(ids, ["a", "a", "a", "b", "b", "c"], np.full(6, 20, np.int32), bos=True)


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory, tokenizer_folder):
    """Blocks of 16 tokens in two languages, made by the program from parquet documents."""
    folder = tmp_path_factory.mktemp("run")
    for language in ("en", "ru"):
        for split in ("train", "valid", "test"):
            documents = [f"{language}-{split}-{i}" for i in range(6)]
            table = pa.table({"document": documents, "text": [TEXTS[language]] * 6, "source": ["test"] * 6})
            (folder / "corpora" / language).mkdir(parents=True, exist_ok=True)
            pq.write_table(table, folder / "corpora" / language / f"{split}.parquet")
        blocks.main(
            corpus=folder / "corpora" / language,
            tokenizer=tokenizer_folder,
            output=folder / "tokens" / language,
            block_size=16,
        )
    return folder / "tokens"
