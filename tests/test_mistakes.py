"""What people give that is wrong: each program names it in one line, with what to do, and ends with exit code 1.

Mistakes in the config are in test_config.py, those about a hub in test_hub.py, about containers in test_containers.py.
"""

import errno
import gzip
import importlib
import json
import os
import ssl
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from texts import TEXTS
from transformers import GPT2Config, GPT2LMHeadModel

from linguistic_regions import commands, models, preflight, tensorfile
from linguistic_regions.commands import UserError
from linguistic_regions.regions import Region
from linguistic_regions.tokens import Blocks, BlockTokenizer, write

MATRIX = "model.layers.0.mlp.up_proj.weight"


def end_of(monkeypatch, program, *words):
    """Run a program of scripts/ in this process: the one line with which it ends, for Python with exit code 1."""
    monkeypatch.setattr(sys, "argv", [f"{program}.py", *map(str, words)])
    module = importlib.import_module(program)
    with pytest.raises(SystemExit) as ended:
        commands.run(module.build if program == "region" else module.main)
    assert isinstance(ended.value.code, str), "it ended well, or with help"
    assert "\n" not in ended.value.code
    return ended.value.code


# Text


def documents(folder, texts, name="x.jsonl"):
    (folder / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")


def raw(name, content):
    return lambda folder: (folder / name).write_bytes(content)


SENTENCE = b'{"text": "A sentence."}\n'
TEXT = {
    "an empty file": (raw("x.txt", b""), "no text is left for test: the corpus has 0 distinct documents"),
    "white space alone": (raw("x.txt", b" \n\t\n"), "no text is left for test: the corpus has 0 distinct documents"),
    "too little for each split": (raw("x.txt", b"One document."), "the corpus has 1 distinct documents only; add text"),
    "the same text again and again": (raw("x.jsonl", SENTENCE * 50), "the corpus has 1 distinct documents only"),
    "Latin-1": (raw("x.txt", "Grüße".encode("latin-1")), "x.txt is not UTF-8 at byte 2: convert it to UTF-8"),
    "UTF-16": (raw("x.txt", "text".encode("utf-16-le")), "x.txt has a NUL at byte 1, it is no UTF-8 text"),
    "NUL bytes": (raw("x.txt", b"text\0text"), "x.txt has a NUL at byte 4"),
    "a line that is no JSON": (raw("x.jsonl", SENTENCE + b"no\n"), "x.jsonl, line 2 is not JSON"),
    "a line cut short": (raw("x.jsonl", SENTENCE + SENTENCE[:-5]), "x.jsonl, line 2 is not JSON"),
    "no such field": (raw("x.jsonl", b'{"body": "a"}\n'), "line 1 has no 'text' (there are: body): set the column"),
    "a field that is no text": (raw("x.jsonl", b'{"text": 7}\n'), "line 1: 'text' holds int, no text"),
    "half a character": (raw("x.jsonl", b'{"text": "\\ud800"}\n'), "holds a lone surrogate at character 0"),
    "a damaged archive": (raw("x.txt.gz", gzip.compress(b"text")[:-9]), "x.txt.gz cannot be read ("),
    "no archive": (raw("x.txt.gz", b"text"), "x.txt.gz cannot be read (Not a gzipped file"),
    "no parquet": (raw("x.parquet", b"text"), "x.parquet cannot be read as parquet"),
    "a parquet without the column": (
        lambda folder: pq.write_table(pa.table({"body": ["a"]}), folder / "x.parquet"),
        "x.parquet has no column 'text' (there are: body): set the column of the text",
    ),
    "a kind of file that is not read": (raw("x.pdf", b"%PDF"), "x.pdf is none of .txt, .txt.gz, .jsonl, .jsonl.gz"),
    "no file": (lambda folder: None, "no file matches"),
}


@pytest.mark.parametrize("name", TEXT)
def test_text(name, tmp_path, monkeypatch):
    make, message = TEXT[name]
    (tmp_path / "given").mkdir()
    make(tmp_path / "given")
    told = ("--language", "en", "--source", "files", "--paths", tmp_path / "given/x*", "--output", tmp_path / "made")
    assert message in end_of(monkeypatch, "corpus", *told)
    assert not list((tmp_path / "made").glob("*")), "half a corpus"


def test_text_that_is_odd_but_right(tmp_path, monkeypatch, tokenizer_folder):
    """One enormous line, right-to-left script, combining marks, four-byte characters: nothing is lost or changed."""
    odd = ["שלום עולם " * 3, "مَرْحَبًا بِالْعَالَمِ " * 3, "e\u0301a\u0308o\u0302 " * 9, "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩\u200d👩\u200d👧 " * 4]
    rows = [f"{number} {text}".strip() for number in range(60) for text in odd] + ["word " * 400_000 + "end"]
    documents(tmp_path, rows)
    told = ("--language", "he", "--source", "files", "--paths", tmp_path / "x.jsonl", "--output", tmp_path / "made")
    monkeypatch.setattr(sys, "argv", ["corpus.py", *map(str, told)])
    commands.run(importlib.import_module("corpus").main)
    kept = [
        text for split in (tmp_path / "made").glob("*.parquet") for text in pq.read_table(split)["text"].to_pylist()
    ]
    assert sorted(kept) == sorted(rows)
    cutter = BlockTokenizer.load(tokenizer_folder)
    blocks = cutter.blocks([("x", text) for text in odd], 8)
    decoded = cutter.tokenizer.decode([token for row in blocks.input_ids for token in row], skip_special_tokens=True)
    whole = decoded.rstrip("\ufffd")  # the last block may end within a character
    assert "".join(odd).startswith(whole) and len(whole) > 0.95 * len("".join(odd))


def test_a_vocabulary_beyond_65535_works(tmp_path):
    model = models.from_scratch(70_000, 1, 8, 2, 2, 8, 8, True, 0)
    blocks = Blocks(np.array([[0, 69_999, 65_536, 5, 6, 7, 8, 9]], np.int32), ["a"], np.array([20], np.int32), True)
    write(blocks, tmp_path / "x.parquet")
    from linguistic_regions import perplexity, tokens

    again = tokens.read(tmp_path / "x.parquet")
    assert again.input_ids.tolist() == blocks.input_ids.tolist()
    assert perplexity.evaluate(model, again, 64, "fp32").ppl == pytest.approx(70_000, rel=0.1)


# Tokens, models, regions


@pytest.fixture
def base(tmp_path, tokenizer_folder):
    """A tiny model with its tokenizer."""
    folder = tmp_path / "base"
    models.from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def cut(path, keep=0.7):
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


def flip(path, column=0):
    """Damage one byte in the middle of a parquet column's first page."""
    pages = pq.read_metadata(path).row_group(0).column(column)
    data = bytearray(path.read_bytes())
    data[(pages.dictionary_page_offset + pages.data_page_offset) // 2] ^= 255
    path.write_bytes(bytes(data))


def pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def nan(weights):
    weights[MATRIX][0, 0] = float("nan")


SHORT = GPT2Config(vocab_size=300, n_positions=12, n_embd=8, n_layer=1, n_head=2)
MODEL = {
    "a folder that is no model": (lambda base: (base / "config.json").unlink(), "no causal language model"),
    "no config that can be read": (lambda base: cut(base / "config.json"), "no causal language model"),
    "weights cut short": (lambda base: cut(base / "model.safetensors"), "no causal language model"),
    "no weights": (lambda base: (base / "model.safetensors").unlink(), "no causal language model"),
    "pickled weights": (pickled, "no causal language model"),
    "a weight is missing": (
        lambda base: edit_weights(base, lambda weights: weights.pop(MATRIX)),
        f"1 weights of the model are not in its files, {MATRIX} among them",
    ),
    "a weight of another shape": (
        lambda base: edit_weights(base, lambda weights: weights.update({MATRIX: torch.zeros(3, 3)})),
        "no causal language model",
    ),
    "NaN weights": (lambda base: edit_weights(base, nan), f"{MATRIX} holds NaN or infinite weights: remove the"),
    "a tokenizer larger than the embedding": (
        lambda base: models.from_scratch(200, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(base),
        "and the embedding has 200 rows: tokenizer and model do not belong together",
    ),
    "blocks longer than the model reads": (
        lambda base: GPT2LMHeadModel(SHORT).save_pretrained(base),
        "tokens.block_size: the model reads 12 tokens at most, not 16; lower it",
    ),
}


@pytest.mark.parametrize("name", MODEL)
def test_model(name, base, token_folder, tmp_path, monkeypatch):
    break_it, message = MODEL[name]
    break_it(base)
    told = ("--model", base, "--tokens-folder", token_folder, "--languages", "en", "--milestones", 4)
    made = ("--output", tmp_path / "scores", "--stability", tmp_path / "stability.csv", "--checkpoints", tmp_path / "c")
    assert message in end_of(monkeypatch, "importance", *told, *made)
    told = ("--model", base, "--tokens-folder", token_folder, "--languages", "en", "--base", "True")
    assert message in end_of(monkeypatch, "removal", *told, "--output", tmp_path / "removal.csv")
    assert not (tmp_path / "scores").exists() and not (tmp_path / "removal.csv").exists()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (pickled, "it has no config.json with weights in safetensors format; pickled weights are not loaded"),
        (lambda base: (base / "config.json").unlink(), "it has no config.json with weights in safetensors format"),
    ],
)
def test_model_to_start_from(break_it, message, base, tmp_path, monkeypatch):
    break_it(base)
    assert message in end_of(monkeypatch, "fetch_model", "--model", base, "--output", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def without_tokenizer(base):
    for path in base.glob("tokenizer*"):
        path.unlink()


@pytest.mark.parametrize("break_it", [without_tokenizer, lambda base: cut(base / "tokenizer.json")])
def test_tokenizer(break_it, base, token_folder, tmp_path, monkeypatch):
    break_it(base)
    assert "no tokenizer could be loaded" in end_of(
        monkeypatch, "tokenizer", "--model", base, "--output", tmp_path / "tokenizer"
    )
    told = ("--corpus", token_folder.parent / "corpora/en", "--tokenizer", base, "--output", tmp_path / "tokens")
    assert "no readable tokenizer" in end_of(monkeypatch, "blocks", *told)
    assert not (tmp_path / "tokenizer").exists() and not (tmp_path / "tokens").exists()


@pytest.fixture
def corpus(tmp_path):
    """A corpus of one language."""
    folder = tmp_path / "corpus"
    documents(tmp_path, [f"{number} {TEXTS['en']}" for number in range(60)])
    importlib.import_module("corpus").main(
        language="en", source="files", paths=(str(tmp_path / "x.jsonl"),), output=folder, test=0.2, valid=0.2
    )
    return folder


CORPUS = {
    "cut short": (lambda corpus: cut(corpus / "train.parquet"), (), "train.parquet: not a readable file of documents"),
    "one byte damaged": (
        lambda corpus: flip(corpus / "train.parquet", 1),
        (),
        "train.parquet: not a readable file of documents",
    ),
    "deleted": (
        lambda corpus: (corpus / "valid.parquet").unlink(),
        (),
        "valid.parquet: no file of documents is",
    ),
    "another file": (
        lambda corpus: pq.write_table(pa.table({"text": ["a"]}), corpus / "train.parquet"),
        (),
        "train.parquet: not a readable file of documents",
    ),
    "less than a block": (lambda corpus: None, ("--block-size", 9999), "does not fill one block of 9999 tokens"),
}


@pytest.mark.parametrize("name", CORPUS)
def test_corpus(name, corpus, tokenizer_folder, tmp_path, monkeypatch):
    break_it, options, message = CORPUS[name]
    break_it(corpus)
    told = ("--corpus", corpus, "--tokenizer", tokenizer_folder, "--output", tmp_path / "tokens", *options)
    assert message in end_of(monkeypatch, "blocks", *told)


@pytest.mark.parametrize("break_it", [cut, flip])
def test_blocks_that_are_damaged(break_it, base, token_folder, tmp_path, monkeypatch):
    folder = tmp_path / "tokens/en"
    folder.mkdir(parents=True)
    for path in (token_folder / "en").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    break_it(folder / "test.parquet")
    told = ("--model", base, "--tokens-folder", tmp_path / "tokens", "--languages", "en", "--base", "True")
    message = end_of(monkeypatch, "removal", *told, "--output", tmp_path / "removal.csv")
    assert "en/test.parquet: not a readable file of token blocks" in message
    assert message.endswith("remove it, and the workflow makes it again")


def test_more_samples_than_there_are_blocks(token_folder, tmp_path, monkeypatch):
    wanted = {"importance.samples": {"en": 2, "ru": 5000}, "freezing.milestones": {"en": 4000}}
    told = ("--tokens-folder", token_folder, "--languages", "en", "ru", "--wanted-json", json.dumps(wanted))
    message = end_of(monkeypatch, "samples", *told, "--output", tmp_path / "samples.csv")
    assert "config: importance.samples asks for 5000 of the" in message and "training blocks of ru" in message
    assert "freezing.milestones asks for 4000" in message and not (tmp_path / "samples.csv").exists()


def region(path, shape=(8, 8), name=MATRIX):
    Region.from_masks({name: np.ones(shape, bool)}).save(path)


def another_count(path, shape=(8, 8), count=3):
    metadata = {"shapes": json.dumps({MATRIX: shape}), "counts": json.dumps({MATRIX: count})}
    with tensorfile.create(path, {MATRIX: (8,)}, "uint8", metadata) as file:
        file.write(MATRIX, np.packbits(np.ones((8, 8), bool)))


def another_shape(path):
    another_count(path, (8, 80), 64)


REGION = {
    "of another model": (lambda path: region(path, (8, 9)), "r.safetensors is of another model: this one has no"),
    "of other layers": (
        lambda path: region(path, name="h.7.weight"),
        "is of another model: this one has no h.7.weight",
    ),
    "cut short": (lambda path: (region(path), cut(path, 0.9)), "r.safetensors: not a readable region"),
    "no region": (lambda path: save_file({"a": torch.zeros(1)}, path), "r.safetensors: not a readable region"),
    "not there": (lambda path: None, "r.safetensors: no region is there: run the workflow, and it makes it"),
    "of other counts than it states": (another_count, "its masks do not hold the counts that it states"),
    "of other shapes than it states": (another_shape, "its masks are not of the shapes that it states"),
}


@pytest.mark.parametrize("name", REGION)
def test_region(name, base, token_folder, tmp_path, monkeypatch):
    make, message = REGION[name]
    make(tmp_path / "r.safetensors")
    told = (
        "--model",
        base,
        "--tokens-folder",
        token_folder,
        "--languages",
        "en",
        "--regions",
        tmp_path / "r.safetensors",
    )
    assert message in end_of(monkeypatch, "removal", *told, "--output", tmp_path / "removal.csv")
    assert not (tmp_path / "removal.csv").exists()
    told = ("--model", base, "--tokens-folder", token_folder, "--languages", "en", "--learning-rates", 1e-3)
    arm = ("--milestones", 0, 4, "--batch-size", 4, "--arms", "core_frozen", "--top", tmp_path / "r.safetensors")
    made = ("--table", tmp_path / "x.csv", "--checkpoints", tmp_path / "checkpoints")
    assert message in end_of(monkeypatch, "further_pretrain", *told, *arm, *made)
    assert not (tmp_path / "x.csv").exists()


def scores(folder, values, shape=(8, 8)):
    folder.mkdir(parents=True)
    with tensorfile.create(folder / "importance.safetensors", {MATRIX: shape}, "float32", {}) as file:
        file.write(MATRIX, np.full(shape, values, np.float32))


SCORES = {
    "NaN": (lambda folder: scores(folder, np.nan), f"{MATRIX} holds NaN or infinite scores"),
    "of another model": (lambda folder: scores(folder, 1, (4, 8)), "its tensors differ from those of"),
    "cut short": (
        lambda folder: (scores(folder, 1), cut(folder / "importance.safetensors")),
        "not a readable folder of importance scores",
    ),
    "not there": (lambda folder: None, "not a readable folder of importance scores"),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores(name, tmp_path, monkeypatch):
    make, message = SCORES[name]
    scores(tmp_path / "importance/en/8", 1.0)
    make(tmp_path / "importance/ru/8")
    recipe = json.dumps({"mine": {"select": "top", "ratio": 0.1, "scores": ["en/8", "ru/8"]}})
    told = ("--recipes-json", recipe, "--importance", tmp_path / "importance", "--output", tmp_path / "regions")
    assert message in end_of(monkeypatch, "region", *told, "--origin-json", "{}")
    assert not list((tmp_path / "regions").glob("*"))


def test_a_loss_that_turns_nan(base, token_folder, tmp_path, monkeypatch):
    told = ("--model", base, "--tokens-folder", token_folder, "--languages", "en", "--learning-rates", 1e30)
    made = ("--table", tmp_path / "x.csv", "--checkpoints", tmp_path / "checkpoints", "--output", tmp_path / "models")
    message = end_of(monkeypatch, "further_pretrain", *told, "--milestones", 0, 12, "--batch-size", 4, *made)
    assert "is no number; lower the learning rate" in message
    assert not (tmp_path / "x.csv").exists() and not (tmp_path / "models").exists()


# The machine


@pytest.mark.parametrize("ask", [lambda: np.empty(10**15), lambda: torch.empty(10**15)], ids=["numpy", "torch"])
def test_not_enough_memory(ask, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x.py"])

    def main() -> None:
        ask()

    with pytest.raises(
        SystemExit, match="x.py: error: not enough memory: .*: lower batch_tokens, set activation_check"
    ):
        commands.run(main)


def test_what_is_no_refusal_of_the_machine():
    assert commands.refusal(UserError("not enough memory")) is None
    assert commands.refusal(ssl.SSLCertVerificationError(1, "certificate verify failed")) is None
    assert commands.refusal(ValueError("wrong")) is None
    assert "not enough memory" in str(commands.refusal(OSError(errno.ENOMEM, "Cannot allocate memory")))
    denied = PermissionError(errno.EACCES, "Permission denied", "notes.txt")
    assert str(commands.refusal(denied)).startswith("notes.txt: Permission denied: change its permissions")


def test_files_from_the_future_get_the_present_time(tmp_path, caplog):
    before = time.time()
    for number, name in enumerate(("input", "output", "old")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (before + 3600 * (1 - number),) * 2)
    preflight.mend_times(tmp_path)
    times = [(tmp_path / name).stat().st_mtime for name in ("input", "output", "old")]
    assert before <= times[0] <= time.time()
    assert times[1:] == [before, before - 3600]
    assert "1 files seemed to come from the future" in caplog.text


def test_a_link_to_nowhere(tmp_path):
    (tmp_path / "results").symlink_to(tmp_path / "scratch")
    with pytest.raises(UserError, match="results: is a link to .*scratch, which is not there: make that folder"):
        preflight.check_place([], tmp_path / "results/demo")


def test_not_enough_space_or_memory_is_seen_before_the_first_job(tmp_path, caplog):
    def jobs(**needs):
        return [preflight.Needs("importance", **{"disk_mb": 1, "mem_mb": 1, "gpu": 0} | needs)] * 3

    preflight.check_place(jobs(), tmp_path / "not/there/yet")
    preflight.check_machine(jobs())
    assert not caplog.text
    with pytest.raises(UserError, match="are free, a job of importance writes .* GiB: free some space"):
        preflight.check_place(jobs(disk_mb=10**12), tmp_path)
    free = preflight.shutil.disk_usage(tmp_path).free // 2**20
    preflight.check_place(jobs(disk_mb=free // 2), tmp_path)
    preflight.check_machine(jobs(mem_mb=10**9))
    assert "the jobs write up to" in caplog.text and "a job of importance takes up to" in caplog.text


def test_a_gpu_where_there_is_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match="importance: gpu: the job wants 1 and sees 0: set gpu: null for the CPU"):
        preflight.check_machine([preflight.Needs("importance", 1, 1, 1)])
