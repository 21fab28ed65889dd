"""Models, tokens, regions and scores that are wrong: each program names it in one line and ends with exit code 1."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    SiglipVisionConfig,
    T5Config,
)

from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import checksums, tensorfile
from mistakes import cut, end_of, flip, rot

MATRIX = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def base(tmp_path, tokenizer_folder):
    """A tiny model with its tokenizer."""
    folder = tmp_path / "base"
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def quantized(base):
    settings = json.loads((base / "config.json").read_text())
    settings["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (base / "config.json").write_text(json.dumps(settings))


def nan(weights):
    weights[MATRIX][0, 0] = float("nan")


SHORT = GPT2Config(vocab_size=300, n_positions=12, n_embd=8, n_layer=1, n_head=2)
ENCODER = BertConfig(vocab_size=300, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
BART = BartConfig(d_model=8, encoder_layers=1, decoder_layers=1, vocab_size=300)
MODEL = {
    "a folder that is no model": (lambda base: (base / "config.json").unlink(), "no causal language model"),
    "no config that can be read": (lambda base: cut(base / "config.json"), "no causal language model"),
    "weights cut short": (lambda base: cut(base / "model.safetensors"), "no causal language model"),
    "no weights": (lambda base: (base / "model.safetensors").unlink(), "no causal language model"),
    "pickled weights": (pickled, "no causal language model"),
    "a weight is missing": (
        lambda base: edit_weights(base, lambda weights: weights.pop(MATRIX)),
        f"1 weights of the model are missing in its files, such as {MATRIX}",
    ),
    "a weight of another shape": (
        lambda base: edit_weights(base, lambda weights: weights.update({MATRIX: torch.zeros(3, 3)})),
        "no causal language model",
    ),
    "a bit of the weights that rotted": (
        lambda base: (checksums.write_checksums(base), rot(base / "model.safetensors", -5)),
        "base: not a readable model (model.safetensors is corrupted: its checksum differs): check the path",
    ),
    "NaN weights": (lambda base: edit_weights(base, nan), f"{MATRIX} has NaN or infinite weights: remove the"),
    "a tokenizer larger than the embedding": (
        lambda base: from_scratch(200, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(base),
        "but the embedding has 200 rows: use the tokenizer of this model",
    ),
    "an encoder": (
        lambda base: BertForMaskedLM(ENCODER).save_pretrained(base),
        "a bert model with this config attends to the tokens that it has to predict, as encoders do: name a causal",
    ),
    "a translator": (
        lambda base: T5Config(d_model=8, num_layers=1, vocab_size=300).save_pretrained(base),
        "a t5 model is an encoder-decoder, not a causal language model: name one that is",
    ),
    "a translator whose decoder is a language model of its own": (
        lambda base: BART.save_pretrained(base),
        "a bart model is an encoder-decoder, not a causal language model: name one that is",
    ),
    "a model of images": (
        lambda base: SiglipVisionConfig().save_pretrained(base),
        "a siglip_vision_model model is not a causal language model: name one that is",
    ),
    "quantized weights": (
        quantized,
        "its weights are quantized (gptq), and cannot be trained or set to zero one by one: name the model in bfloat16",
    ),
    "blocks longer than the model reads": (
        lambda base: GPT2LMHeadModel(SHORT).save_pretrained(base),
        "tokens.block_size: 16 tokens exceed the model's maximum input of 12: lower it",
    ),
}


@pytest.mark.parametrize("name", MODEL)
def test_model(name, base, token_folder, tmp_path, monkeypatch):
    break_it, message = MODEL[name]
    break_it(base)
    told = ("--model", base, "--samples", token_folder / "en/train.parquet", "--language", "en", "--milestones", 4)
    made = ("--output", tmp_path / "scores", "--stability", tmp_path / "stability.csv", "--checkpoints", tmp_path / "c")
    assert message in end_of(monkeypatch, "score", *told, *made)
    assert message in end_of(monkeypatch, *evaluation(base, token_folder, tmp_path))
    assert not (tmp_path / "scores").exists() and not (tmp_path / "evaluations").exists()


def evaluation(base, token_folder, folder, *conditions):
    """The words of a command: evaluate a model on English; the intact one, if no other conditions are given."""
    measured = ("--perplexity.tokens-folder", token_folder, "--perplexity.texts", "en")
    made = ("--output", folder / "evaluations", "--name", "x", "--checkpoints", folder / "c")
    return "evaluate", "--model", base, *measured, *made, *(conditions or ("--intact", "True"))


def training(base, token_folder, folder):
    """The words of a command: train a model further on English."""
    told = ("--model", base, "--samples", token_folder / "en/train.parquet", "--language", "en", "--batch-size", 4)
    measured = ("--perplexity.tokens-folder", token_folder, "--perplexity.texts", "en")
    made = ("--evidence", folder / "x.parquet", "--checkpoints", folder / "c", "--output", folder / "trained")
    return "continue_pretraining", *told, *measured, *made


def without_a_shard(base):
    (base / "model.safetensors").unlink()
    from_scratch(300, 1, 8, 2, 2, 8, 16, False, 0).save_pretrained(base, max_shard_size="20KB")
    sorted(base.glob("model-*.safetensors"))[-1].unlink()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (pickled, "it has no weights in safetensors format; pickled weights are not loaded: convert them"),
        (lambda base: (base / "config.json").unlink(), "it has no config.json: name a model in Hugging Face format"),
        (lambda base: (base / "adapter_config.json").touch(), "it is an adapter: merge it into its model"),
        (lambda base: cut(base / "model.safetensors", 0.001), "model.safetensors cannot be read"),
        (without_a_shard, "model-00002-of-00002.safetensors cannot be read"),
        (
            lambda base: T5Config(d_model=8, num_layers=1, vocab_size=300).save_pretrained(base),
            "base: a t5 model is an encoder-decoder, not a causal language model",
        ),
        (
            lambda base: ENCODER.save_pretrained(base),
            "a bert model with this config attends to the tokens that it has to predict, as encoders do",
        ),
        (quantized, "its weights are quantized (gptq)"),
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


@pytest.mark.parametrize("break_it", [cut, flip])
def test_blocks_that_are_damaged(break_it, base, token_folder, tmp_path, monkeypatch):
    folder = tmp_path / "tokens/en"
    folder.mkdir(parents=True)
    for path in (token_folder / "en").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    break_it(folder / "test.parquet")
    message = end_of(monkeypatch, *evaluation(base, tmp_path / "tokens", tmp_path))
    assert "en/test.parquet: not a readable file of token blocks" in message
    assert message.endswith("remove it and run the workflow to make it again")


def test_more_samples_than_there_are_blocks(token_folder, tmp_path, monkeypatch):
    wanted = {"importance.samples": {"en": 2, "ru": 5000}, "freezing.milestones": {"en": 4000}}
    told = ("--tokens-folder", token_folder, "--languages", "en", "ru", "--required-json", json.dumps(wanted))
    message = end_of(monkeypatch, "samples", *told, "--output", tmp_path / "samples.csv")
    assert "config: importance.samples requires 5000 training blocks of ru" in message and "which has" in message
    assert "freezing.milestones requires 4000" in message and not (tmp_path / "samples.csv").exists()


def region(path, shape=(8, 8), name=MATRIX):
    Region.from_masks({name: np.ones(shape, bool)}).save(path)


def another_count(path, shape=(8, 8), count=3):
    metadata = {"shapes": json.dumps({MATRIX: shape}), "counts": json.dumps({MATRIX: count})}
    with tensorfile.create(path, {MATRIX: (8,)}, "uint8", metadata) as file:
        file.write(MATRIX, np.packbits(np.ones((8, 8), bool)))


def another_shape(path):
    another_count(path, (8, 80), 64)


REGION = {
    "of another model": (lambda path: region(path, (8, 9)), "r.safetensors belongs to another model: this one has no"),
    "of other layers": (
        lambda path: region(path, name="h.7.weight"),
        "belongs to another model: this one has no h.7.weight",
    ),
    "cut short": (lambda path: (region(path), cut(path, 0.9)), "r.safetensors: not a readable region"),
    "no region": (lambda path: save_file({"a": torch.zeros(1)}, path), "r.safetensors: not a readable region"),
    "not there": (lambda path: None, "r.safetensors: no region is there: run the workflow to make it"),
    "a bit that moved": (
        lambda path: (Region.from_masks({MATRIX: np.eye(8) > 0}).save(path), rot(path, -1), rot(path, -2)),
        "r.safetensors: not a readable region (a checksum differs)",
    ),
    "of other counts than it states": (another_count, "its masks do not have the recorded numbers of weights"),
    "of other shapes than it states": (another_shape, "its masks do not have the recorded shapes"),
}


@pytest.mark.parametrize("name", REGION)
def test_region(name, base, token_folder, tmp_path, monkeypatch):
    make, message = REGION[name]
    make(tmp_path / "r.safetensors")
    removed = ("--regions", tmp_path / "r.safetensors")
    assert message in end_of(monkeypatch, *evaluation(base, token_folder, tmp_path, *removed))
    assert not (tmp_path / "evaluations").exists()
    rate = ("--learning-rate", 1e-3, "--milestones", 0, 4)
    for role in ("--zero", "--freeze", "--train-only"):
        arm = (role, tmp_path / "r.safetensors")
        assert message in end_of(monkeypatch, *training(base, token_folder, tmp_path), *rate, *arm)
    assert not (tmp_path / "x.parquet").exists() and not (tmp_path / "trained").exists()


def test_a_region_of_another_model_is_named_before_the_first_is_measured(base, token_folder, tmp_path, monkeypatch):
    region(tmp_path / "a.safetensors")
    region(tmp_path / "b.safetensors", (8, 9))
    removed = ("--regions", tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert "b.safetensors belongs to another model" in end_of(
        monkeypatch, *evaluation(base, token_folder, tmp_path, *removed)
    )
    assert not list((tmp_path / "c").glob("*.parquet"))


def scores(folder, values, shape=(8, 8)):
    folder.mkdir(parents=True)
    with tensorfile.create(folder / "importance.safetensors", {MATRIX: shape}, "float32", {}) as file:
        file.write(MATRIX, np.full(shape, values, np.float32))


SCORES = {
    "a bit that rotted": (
        lambda folder: (scores(folder, 1), rot(folder / "importance.safetensors", -5)),
        "ru/8: not a readable folder of importance scores (a checksum differs)",
    ),
    "NaN": (lambda folder: scores(folder, np.nan), f"{MATRIX} has NaN or infinite scores"),
    "weights of a model": (lambda folder: scores(folder, -2), f"{MATRIX} has negative values, so no importance scores"),
    "of another model": (lambda folder: scores(folder, 1, (4, 8)), "names or shapes of its tensors differ from"),
    "cut short": (
        lambda folder: (scores(folder, 1), cut(folder / "importance.safetensors")),
        "not a readable folder of importance scores",
    ),
    "not there": (lambda folder: None, "not a readable folder of importance scores"),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores(name, tmp_path, monkeypatch):
    make, message = SCORES[name]
    folders = [tmp_path / f"importance/{language}/8" for language in ("en", "ru")]
    scores(folders[0], 1.0)
    make(folders[1])
    told = ("--select", "top", "--ratio", 0.1, "--scores", *folders, "--output", tmp_path / "regions/mine.safetensors")
    assert message in end_of(monkeypatch, "region", *told)
    assert not list(tmp_path.glob("regions/*"))


def test_a_loss_that_turns_nan(base, token_folder, tmp_path, monkeypatch):
    rate = ("--learning-rate", 1e30, "--milestones", 0, 12)
    message = end_of(monkeypatch, *training(base, token_folder, tmp_path), *rate)
    assert "; lower the learning rate" in message
    assert not (tmp_path / "x.parquet").exists() and not (tmp_path / "trained").exists()
