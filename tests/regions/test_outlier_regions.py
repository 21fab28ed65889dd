"""Named dimensions, rows and weights against masks made by hand; layouts of many architectures."""

import json

import numpy as np
import pytest
import torch
import transformers as hf

import region as program
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions import outliers, residual
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError

LLAMA = {
    "model.layers.0.self_attn.q_proj.weight": (8, 8),
    "model.layers.0.self_attn.k_proj.weight": (4, 8),
    "model.layers.0.self_attn.o_proj.weight": (8, 8),
    "model.layers.0.mlp.up_proj.weight": (12, 8),
    "model.layers.0.mlp.down_proj.weight": (8, 12),
}
SIZES = {"vocab_size": 24, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 4}
GPT = {"vocab_size": 24, "n_embd": 8, "n_layer": 1, "n_head": 2}
CONFIGS = {
    "llama": hf.LlamaConfig(**SIZES),
    "qwen3": hf.Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=4),
    "gemma2": hf.Gemma2Config(**SIZES, num_key_value_heads=2, head_dim=4),
    "gpt-neox": hf.GPTNeoXConfig(**SIZES),
    "gpt2": hf.GPT2Config(**GPT),
    "gpt-bigcode": hf.GPTBigCodeConfig(**GPT),
    "phi": hf.PhiConfig(**SIZES),
    "phi3": hf.Phi3Config(**SIZES, pad_token_id=0),
    "opt": hf.OPTConfig(
        vocab_size=24, hidden_size=8, ffn_dim=12, num_hidden_layers=1, num_attention_heads=2, word_embed_proj_dim=8
    ),
    "bloom": hf.BloomConfig(vocab_size=24, hidden_size=8, n_layer=1, n_head=2),
    "starcoder2": hf.Starcoder2Config(**SIZES, num_key_value_heads=2),
}


def region(shapes=LLAMA):
    return Region.from_masks({name: np.zeros(shape, bool) for name, shape in shapes.items()})


def test_a_dimension_is_what_reads_and_writes_it():
    made = outliers.dimensions(region(), [5, 2])
    for name, shape in LLAMA.items():
        expected = np.zeros(shape, bool)
        if "o_proj" in name or "down_proj" in name:
            expected[[2, 5], :] = True
        else:
            expected[:, [2, 5]] = True
        assert np.array_equal(made.mask(name), expected), name


@pytest.mark.parametrize("name", CONFIGS)
def test_the_axis_is_that_of_the_residual_stream(name):
    """Zeroed along a dimension, a layer is deaf and dumb in it, whatever its architecture and layout.

    A matrix that reads is fed with an input of that dimension alone, and gives nothing; one that writes is fed with
    anything, and gives nothing in that dimension. What is a Linear and what a Conv1D torch decides here.
    """
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(CONFIGS[name]).requires_grad_(False)
    matrices = selectable(model, [], [])
    shapes = {key: tuple(weight.shape) for key, weight in matrices.items()}
    made = outliers.dimensions(region(shapes), [3])
    assert residual.width(shapes) == 8
    for key in shapes:
        module = model.get_submodule(key.removesuffix(".weight"))
        module.weight[torch.from_numpy(made.mask(key))] = 0
        if module.bias is not None:
            module.bias.zero_()
        inner = module.in_features if isinstance(module, torch.nn.Linear) else module.weight.shape[0]
        if residual.ends_in(key.removesuffix(".weight"), residual.READS):
            assert inner == 8
            assert not module(torch.eye(8)[3][None]).any(), key
            assert all(module(torch.eye(8)[other][None]).any() for other in (0, 7)), key
        else:
            assert (module(torch.ones(1, inner)) == 0)[0].nonzero().flatten().tolist() == [3], key


def test_embeddings_have_their_dimensions_in_columns_in_either_layout():
    conv = {"h.0.attn.c_attn.weight": (8, 24), "h.0.attn.c_proj.weight": (8, 8), "lm_head.weight": (30, 8)}
    assert list(residual.residual_axes(conv).values()) == [0, 1, 1]
    assert list(residual.residual_axes({**LLAMA, "model.embed_tokens.weight": (30, 8)}).values()) == [1, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ({"layers.0.mixer.in_proj.weight": (8, 8)}, "it is not known whether this matrix"),
        ({"layers.0.mlp.experts.down_proj": (4, 8, 12)}, "no matrix"),
        ({"h.0.attn.c_proj.weight": (8, 8)}, "cannot be told from"),
        (LLAMA | {"model.layers.1.mlp.up_proj.weight": (12, 9)}, "share no hidden size"),
        (LLAMA, "no hidden dimension 8: they are 0 to 7"),
    ],
)
def test_what_cannot_be_decided_is_an_error(shapes, told):
    with pytest.raises(UserError, match=told):
        outliers.dimensions(region(shapes), [8])


def test_entries_are_rows_columns_or_weights():
    up, down = "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight"
    wanted = [
        {"matrix": down, "row": 5, "column": None},
        {"matrix": down, "row": 1, "column": 11},
        {"matrix": up, "row": None, "column": 0},
    ]
    made = outliers.entries(region(), wanted)
    assert {name: count for name, count in made.counts.items() if count} == {up: 12, down: 13}
    assert made.mask(down)[5].all() and made.mask(down)[1, 11] and made.mask(up)[:, 0].all()
    for change, told in (
        ({"matrix": "lm_head.weight"}, "has no matrix lm_head.weight"),
        ({"row": 8}, "no row 8: they are 0 to 7"),
        ({"column": -1}, "no column -1: they are 0 to 11"),
    ):
        with pytest.raises(UserError, match=told):
            outliers.entries(region(), [wanted[0] | change])


def test_the_program_builds_outliers_by_recipe(tmp_path):
    down = "model.layers.0.mlp.down_proj.weight"
    found = {
        "dimensions": [{"dimension": 5, "ratio": 2000.0}],
        "rows": [{"matrix": down, "row": 5, "column": None, "ratio": 200.0}],
        "weights": [{"matrix": down, "row": 5, "column": 7}],
    }
    (tmp_path / "outliers.json").write_text(json.dumps(found))
    region().save(tmp_path / "any.safetensors")

    def built(**options):
        output = tmp_path / f"{len(list(tmp_path.iterdir()))}.safetensors"
        program.build(like=(tmp_path / "any.safetensors",), output=output, **options)
        return Region.load(output)

    listed = {kind: built(select="outliers", outliers=tmp_path / "outliers.json", kind=kind) for kind in found}
    named = {
        "dimensions": built(select="dimension", dimension=5),
        "rows": built(select="entries", matrix=down, row=5),
        "weights": built(select="entries", matrix=down, row=5, column=7),
    }
    assert [len(made) for made in listed.values()] == [8 + 4 + 8 + 12 + 12, 12, 1]
    assert all(listed[kind].fingerprint == named[kind].fingerprint for kind in found)
    (tmp_path / "outliers.json").write_text('{"rows": [{"matrix": 3}]}')
    for options, told in (
        ({"outliers": tmp_path / "outliers.json", "kind": "rows"}, "outliers.json: not a readable file of outliers"),
        ({"outliers": tmp_path / "other.json", "kind": "rows"}, "other.json does not exist"),
        ({"outliers": tmp_path / "outliers.json"}, "needs --kind"),
    ):
        with pytest.raises(UserError, match=told):
            built(select="outliers", **options)
