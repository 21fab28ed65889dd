"""Loading, and which weights count: tied and untied, with and without grouped-query attention, GPT-2's Conv1D."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.model.weights import selectable
from linguistic_regions.runtime.errors import UserError

MATRICES = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
MATRICES += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]


def llama(tied=False, kv_heads=2):
    return from_scratch(30, 3, 16, 4, kv_heads, 24, 8, tied, 0)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_a_llamas_layer_matrices_are_selectable_after_a_round_trip(tmp_path, tied, kv_heads):
    llama(tied, kv_heads).save_pretrained(tmp_path)
    model = loading.load(tmp_path)
    expected = {f"model.layers.{layer}.{matrix}.weight" for layer in range(3) for matrix in MATRICES}
    assert set(selectable(model, [], [])) == expected
    assert model.dtype == torch.float32
    assert selectable(model, [], [])["model.layers.0.self_attn.k_proj.weight"].shape == (4 * kv_heads, 16)


def test_gpt2_has_conv1d_and_fused_matrices():
    model = GPT2LMHeadModel(GPT2Config(vocab_size=30, n_positions=8, n_embd=8, n_layer=2, n_head=2))
    names = selectable(model, [], [])
    assert "transformer.h.1.attn.c_attn.weight" in names
    assert not any("wte" in name or "wpe" in name or "lm_head" in name for name in names)


def test_include_and_exclude_patterns():
    model = llama()
    assert set(selectable(model, ["embed_tokens"], [])) == {"model.embed_tokens.weight"}
    assert len(selectable(model, [], ["mlp", r"layers\.0\."])) == 2 * 4
    with pytest.raises(UserError, match=r"candidates are .*'\^model.layers.\\d\+.mlp.down_proj.weight\$'"):
        selectable(model, ["nothing"], [])


def test_same_seed_same_weights():
    for a, b in zip(llama().parameters(), llama().parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(UserError, match="no causal language model"):
        loading.load(tmp_path)


def test_pickled_weights_are_refused(tmp_path):
    model = llama()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        loading.load(tmp_path)


@pytest.mark.parametrize("load", [loading.load, load_tokenizer])
def test_what_is_no_folder_is_not_looked_up_on_the_hub(load, monkeypatch):
    def asked(*arguments):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.getaddrinfo", asked)
    with pytest.raises(UserError, match="^nosuch: there is no folder of a model: fetch it with fetch_model.py"):
        load("nosuch")
