"""A real model's figures against those of others: a published removal, transformers' loss, lm-eval's bits per byte.

The model is the demo's, SmolLM2-135M-Instruct of 4-bit weights; the text is the English of the Debian handbook.
"""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from linguistic_regions.interventions import removed
from linguistic_regions.model import loading
from linguistic_regions.model.loss import block_nll
from linguistic_regions.regions.region import Region
from linguistic_regions.statistics.perplexity import perplexity
from linguistic_regions.text.debian import Debian
from linguistic_regions.text.tokens import BlockTokenizer
from machine import ROOT, require

pytestmark = pytest.mark.slow

MODEL = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["model"]["pretrained"]
LAYERS, ROWS = 30, 576
BATCH_TOKENS = 2048


def fetch(program, *arguments):
    run = subprocess.run([sys.executable, ROOT / "scripts" / program, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo's model, as the workflow fetches it."""
    folder = tmp_path_factory.mktemp("published") / "model"
    fetch("fetch_model.py", "--model", MODEL, "--output", folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return loading.load(folder, torch.device("cpu"))


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """English pages, (id, text)."""
    package = tmp_path_factory.mktemp("published") / "debian-handbook"
    fetch("fetch_package.py", "--package", "debian-handbook", "--output", package)
    return [(document.id, document.text) for document in Debian("en", [package])]


@pytest.fixture(scope="module")
def blocks(folder, documents):
    """Four blocks of 512 tokens, spread over the pages."""
    return BlockTokenizer.load(folder).blocks(documents, 512).evenly_spaced(4)


def row(model, layer, index):
    """The region of one row of a layer's `mlp.down_proj`."""
    name = f"model.layers.{layer}.mlp.down_proj.weight"
    mask = np.zeros(model.get_parameter(name).shape, bool)
    mask[index] = True
    return Region.from_masks({name: mask})


def nll(model, blocks):
    """The summed loss of each block."""
    return block_nll(model, blocks.input_ids, BATCH_TOKENS, "fp32")


def loss(model, blocks):
    """The mean loss of a token."""
    return nll(model, blocks).sum() / blocks.input_ids[:, 1:].size


def test_one_row_carries_the_model(model, blocks):
    """Row 507 of layer 11's `mlp.down_proj` at zero: published is a loss higher by 313 %, of random rows by < 0.1 %.

    The published figure is the base model's on WikiText-2. This is the instruction-tuned one, in 4 bits, on other
    prose, so only the size of it can be the same. These four blocks give 292 %; of 24 blocks of 512 tokens it was
    310 %, of 96 blocks of 128 tokens 282 %. Hence a fifth of the published figure to either side, 250 % to 376 %.
    """
    before = loss(model, blocks)

    def rise(layer, index):
        with removed(model, row(model, layer, index)):
            return loss(model, blocks) / before - 1

    found = rise(11, 507)
    random = np.random.default_rng(0)
    places = random.integers(0, (LAYERS, ROWS), (5, 2)).tolist()
    others = {f"layer {layer}, row {index}": rise(layer, index) for layer, index in places}
    print(
        f"loss {before:.4f}, layer 11, row 507 {found:+.2%},", {key: f"{value:+.4%}" for key, value in others.items()}
    )
    assert found == pytest.approx(3.13, rel=0.2)
    assert [11, 507] not in places
    assert max(map(abs, others.values())) < 0.001


def test_the_loss_is_transformers(model, blocks):
    """The same blocks, in one batch with labels: the same mean loss but for the order of sums in float32."""
    two = blocks.evenly_spaced(2)
    ids = torch.from_numpy(two.input_ids).long()
    with torch.no_grad():
        expected = model(input_ids=ids, labels=ids).loss.item()
    found = loss(model, two)
    print(f"nll {found:.8f}, transformers {expected:.8f}")
    assert found == pytest.approx(expected, rel=1e-6)


def test_bits_per_byte_are_lm_evals(model, folder, documents, tmp_path):
    """lm-eval's rolling bits per byte, from a task of its own, of documents that fit into a window.

    lm-eval puts BOS before a document and predicts no EOS after it. So each document is a block here, cut by the
    workflow's tokenizer with BOS and without EOS. The same tokens are scored then, and all bytes count.
    """
    require(importlib.util.find_spec("lm_eval") is not None, "no lm-eval: pip install -r envs/lm_eval.txt")
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoTokenizer

    texts = [text[:1000] for _, text in documents if len(text) > 1000][:5]
    texts.append("Ein schöner Gruß, дорогие друзья: 人人生而自由。")  # of more bytes than characters

    cutter = BlockTokenizer.load(folder, bos=True)
    cutter.eos = None
    items = []
    for text in texts:
        length = 1 + len(cutter.tokenizer.encode(text, add_special_tokens=False).ids)
        block = cutter.blocks([("document", text)], length)
        assert len(block) == 1 and block.bytes.sum() == len(text.encode())
        items.append({"nll": nll(model, block).item(), "tokens": length - 1, "window": length, "bos": True})
        items[-1] |= {"document": text, "bytes": len(text.encode())}
    ours = perplexity(pd.DataFrame(items)).bits_per_byte

    (tmp_path / "documents.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    task = {
        "task": "documents",
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"test": str(tmp_path / "documents.jsonl")},
            "cache_dir": str(tmp_path / "cache"),
        },
        "output_type": "loglikelihood_rolling",
        "test_split": "test",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [{"metric": "bits_per_byte"}],
    }
    (tmp_path / "documents.yaml").write_text(json.dumps(task))  # JSON is YAML
    lm = HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(folder), batch_size=1, add_bos_token=False)
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    result = simple_evaluate(model=lm, tasks=["documents"], task_manager=manager, bootstrap_iters=0)
    theirs = result["results"]["documents"]["bits_per_byte,none"]
    print(f"bits per byte {ours:.8f}, lm-eval {theirs:.8f}")
    assert ours == pytest.approx(theirs, rel=1e-5)
