"""What is selected in every causal language model that transformers has, tiny and with random weights.

Some are refused, each in a line. In all others gradients reach what is selected, and it can be removed and restored.
"""

import re

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

import architectures_page
import tiny_models
from linguistic_regions.importance import accumulation, outliers
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.interventions import removed
from linguistic_regions.model import hf_config, loading
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.weights import decoder, selectable
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.checkout import ROOT
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.tokens import Blocks

MESSAGES = {
    "encoder-decoder": "is an encoder-decoder, not a causal language model",
    "not causal": "attends to the tokens that it has to predict, as encoders do",
    "not one stack of layers": "has no stack of .* decoder layers",
    "no gradients": "no gradient reaches any of the selected weights of ReformerModelWithLMHead",
    "short blocks": "no gradient reaches .*compressor.*leave them out",
}
# One of each kind of trouble. The others take a minute in all.
QUICK = {
    "afmoe", "bart", "deepseek_v32", "gemma3n_text", "gpt_oss", "hunyuan_v1_moe", "jetmoe", "llama4", "mamba",
    "modernbert-decoder", "phimoe", "qwen2_moe", "reformer", "roberta-prelayernorm", "xlm", "zamba",
}  # fmt: skip
ALL = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow, id=name) for name in tiny_models.model_types()
]
UNWANTED = re.compile(r"router|gate\.w|layernorm|embed|bias|conv|altup|laurel|indexer|encoder_attn|cross")
BLOCKS = Blocks(
    np.random.default_rng(0).integers(3, tiny_models.VOCABULARY, (4, 16)).astype(np.int32),
    ["a", "a", "b", "b"],
    np.full(4, 20, np.int32),
    bos=True,
)


@pytest.fixture
def build(tmp_path):
    """Saves a tiny model of a type; each of its parameters has a value other than zero, so that gradients flow."""

    def save(model_type):
        config = tiny_models.config(tiny_models.model_types()[model_type])
        config.save_pretrained(tmp_path)
        hf_config.read(tmp_path, trust_remote_code=False)
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for weight in model.parameters():
                if not weight.any():
                    weight.normal_(std=0.02)
        model.save_pretrained(tmp_path)
        return tmp_path

    return save


@pytest.mark.parametrize("model_type", ALL)
def test_an_architecture(model_type, build):
    if reason := tiny_models.REFUSED.get(model_type):
        with pytest.raises(UserError, match=MESSAGES[reason]) as refusal:
            check(loading.load(build(model_type)))
        assert "\n" not in str(refusal.value)
    else:
        check(loading.load(build(model_type)))


def check(model):
    assert not loading.sees_future_tokens(model)
    matrices, stacks = selected(model)
    for name, weight in matrices.items():
        assert weight.ndim == 2 and not {1, tiny_models.EXPERTS, tiny_models.EXPERTS + 1} & set(weight.shape), name
        assert isinstance(model.get_submodule(name.removesuffix(".weight")), nn.Linear | Conv1D), name
        assert not re.search(r"router|layernorm|embed|altup|laurel|indexer|encoder_attn|cross", within_layers(name)), (
            name
        )
    for name, weight in stacks.items():
        assert not UNWANTED.search(within_layers(name)), name
        assert weight.ndim == 3 or "experts" in name

    parameters = matrices | stacks
    [(_, sums)] = accumulation.measure(model, parameters, BLOCKS, [len(BLOCKS)], Estimator(), 64)
    scores = {name: sums.score(name) for name in parameters}
    assert all(score.any() and np.isfinite(score).all() for score in scores.values())

    region = Region.from_masks({name: score > np.quantile(score, 0.8) for name, score in scores.items()})
    bits = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    ids = torch.from_numpy(BLOCKS.input_ids).long()
    with torch.no_grad():
        whole = next_token_loss(model, ids)
        with removed(model, region) as changed:
            assert 0 < changed <= len(region)
            assert not any(weight[torch.from_numpy(region.mask(name))].any() for name, weight in parameters.items())
            assert not torch.equal(next_token_loss(model, ids), whole)
    assert all(torch.equal(weight, bits[name]) for name, weight in model.named_parameters())

    if stacks:
        with pytest.raises(UserError, match=r"not looked for in experts .* out of controls\.regions$"):
            outliers.projections(model)


def selected(model):
    """The matrices that are selected without experts, and the stacks of matrices, as the message names them."""
    try:
        return selectable(model, [], []), {}
    except UserError as error:
        stacks, every = (yaml.safe_load(part) for part in re.findall(r"\[.*?\](?=, or|$)", str(error)))
    with pytest.raises(UserError, match="stacks of matrices"):  # some are left to decide about
        selectable(model, [], stacks[1:])
    matrices = selectable(model, [], stacks)
    both = selectable(model, every, [])
    assert both.keys() - matrices.keys() == selectable(model, stacks, []).keys()
    return matrices, {name: weight for name, weight in both.items() if name not in matrices}


def within_layers(name):
    """A parameter's name after the number of the layer."""
    return re.split(r"\.\d+\.", name, maxsplit=1)[1]


@pytest.mark.parametrize(
    ("model_type", "setting"),
    [
        ("bert", {"is_decoder": False}),
        ("cpmant", {}),
        ("gemma3_text", {"use_bidirectional_attention": True}),
        ("llama", {"is_causal": False}),
        ("xlm", {}),
        ("xlnet", {}),
    ],
)
def test_configs_say_which_are_not_causal(model_type, setting):
    config = tiny_models.config(tiny_models.model_types()[model_type])
    for key, value in setting.items():
        setattr(config, key, value)
    assert not hf_config.is_causal(config)
    assert loading.sees_future_tokens(AutoModelForCausalLM.from_config(config).eval())


def test_what_is_named_exists():
    assert tiny_models.REFUSED.keys() | QUICK <= tiny_models.model_types().keys()


@pytest.mark.slow
def test_the_page_says_which_work():
    assert architectures_page.page() == (ROOT / "docs" / "architectures.md").read_text(encoding="utf-8"), "make docs"


def test_biases_and_convolutions_are_never_selected(build):
    """Not even by a pattern that matches their names, too."""
    experts = selectable(loading.load(build("gpt_oss")), ["experts"], [])
    assert {name.rpartition(".")[2] for name in experts} == {"gate_up_proj", "down_proj"}


def test_convolutions_are_no_matrices(build):
    with pytest.raises(UserError, match="no weight matrix is selected; candidates are"):
        selectable(loading.load(build("mamba")), ["conv"], [])


def test_weights_without_gradients_are_refused(build):
    """The indexer of sparse attention chooses tokens, and nothing flows back through a choice."""
    model = loading.load(build("deepseek_v32"))
    for include, message in ((["indexer"], "any of the selected weights"), (["self_attn"], r"reaches \['.*indexer")):
        with pytest.raises(UserError, match=message):
            list(accumulation.measure(model, selectable(model, include, []), BLOCKS, [4], Estimator(), 64))


def test_routers_can_be_selected(build):
    model = loading.load(build("llama4"))
    assert len(selectable(model, [r"feed_forward\.router"], [])) == 4


def test_the_head_of_modernbert_is_not_its_decoder(build):
    model = loading.load(build("modernbert-decoder"))
    assert decoder(model) is model.base_model
    assert all(weight.requires_grad for weight in model.parameters())
    assert len(outliers.projections(model)) == 4


def test_a_decoder_that_was_cut_out_of_a_translator_is_one(build, tmp_path):
    """It is causal; the attention to the encoder, which it lacks, is not selected."""
    config = tiny_models.config(tiny_models.model_types()["bart"])
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    check(loading.load(tmp_path))
