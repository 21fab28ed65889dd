"""Every step on tiny random models of many architectures, as transformers has them."""

import numpy as np
import pytest
import torch
import transformers as hf

from linguistic_regions.importance import accumulation
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.interventions import removed
from linguistic_regions.interventions.freezing import Frozen
from linguistic_regions.model import loading
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.weights import enable_activation_checkpointing, selectable
from linguistic_regions.regions import selection
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.training.loop import Schedule, train

SIZES = {
    "vocab_size": 24, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
}  # fmt: skip
GROUPED = SIZES | {"num_key_value_heads": 2}
VISION = hf.SiglipVisionConfig(  # as many layers as the text has: they must not be mixed up
    hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
)
GATED = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ARCHITECTURES = {
    "llama": (hf.LlamaConfig(**GROUPED), GATED),
    "llama, tied": (hf.LlamaConfig(**GROUPED, tie_word_embeddings=True), GATED),
    "mistral": (hf.MistralConfig(**GROUPED), GATED),
    "qwen2": (hf.Qwen2Config(**GROUPED), GATED),
    "qwen3": (hf.Qwen3Config(**GROUPED, head_dim=4), GATED),
    "gemma2": (hf.Gemma2Config(**GROUPED, head_dim=4), GATED),
    "gemma3, text": (hf.Gemma3TextConfig(**GROUPED, head_dim=4), GATED),
    "gemma3, text and images": (
        hf.Gemma3Config(
            text_config=hf.Gemma3TextConfig(**GROUPED, head_dim=4), vision_config=VISION, mm_tokens_per_image=4
        ),
        GATED,
    ),
    "gpt-neox": (hf.GPTNeoXConfig(**SIZES), ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
    "gpt2": (
        hf.GPT2Config(vocab_size=24, n_positions=16, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=1),
        ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"],
    ),
    "olmo": (hf.OlmoConfig(**SIZES), GATED),
    "olmo2": (hf.Olmo2Config(**SIZES), GATED),
    "phi": (hf.PhiConfig(**SIZES), ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"]),
    "phi3": (hf.Phi3Config(**SIZES), ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
    "falcon": (
        hf.FalconConfig(
            vocab_size=24, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, bos_token_id=0, eos_token_id=1
        ),
        ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    ),
}


@pytest.fixture(params=ARCHITECTURES)
def architecture(request, tmp_path):
    """A model that was saved and loaded, and the matrices that its layers should have."""
    config, matrices = ARCHITECTURES[request.param]
    torch.manual_seed(0)
    hf.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    return loading.load(tmp_path), matrices


def test_every_step(architecture, tiny_blocks):
    model, matrices = architecture
    parameters = selectable(model, [], [])
    assert len(parameters) == 2 * len(matrices)
    for matrix in matrices:
        assert sum(name.endswith(f"{matrix}.weight") for name in parameters) >= 2, matrix
    assert not any(part in name for name in parameters for part in ("vision", "embed", "wte", "head"))

    [(_, sums)] = accumulation.measure(model, parameters, tiny_blocks, [6], Estimator(), 16)
    scores = {name: sums.score(name) for name in sums.shapes}
    assert all(np.isfinite(score).all() and score.max() > 0 for score in scores.values())
    enable_activation_checkpointing(model)
    [(_, again)] = accumulation.measure(model, parameters, tiny_blocks, [6], Estimator(), 16)
    assert all(np.allclose(again.score(name), score, rtol=1e-4, atol=1e-9) for name, score in scores.items())

    region = Region.from_masks({name: score > np.quantile(score, 0.8) for name, score in scores.items()})
    bits = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    ids = torch.from_numpy(tiny_blocks.input_ids).long()
    with torch.no_grad():
        whole = next_token_loss(model.eval(), ids)
        with removed(model, region) as changed:
            assert 0 < changed <= len(region)
            assert not torch.equal(next_token_loss(model, ids), whole)
        assert torch.equal(next_token_loss(model, ids), whole)

    for parameter in (*model.get_decoder().parameters(), *model.get_output_embeddings().parameters()):
        parameter.requires_grad_(True)
    frozen = Frozen(model, region)
    schedule = Schedule(batch_size=2, warmup_steps=1, precision="fp32")
    train(model, tiny_blocks.input_ids, 1e-2, schedule, [], lambda _: [], frozen)
    for name in parameters:
        mask = torch.from_numpy(region.mask(name))
        assert torch.equal(parameters[name][mask], bits[name][mask])
        assert not torch.equal(parameters[name][~mask], bits[name][~mask])


def test_images_are_left_alone(tmp_path, tiny_blocks):
    """What text does not pass through takes no gradient; and the model is saved with it."""
    hf.AutoModelForCausalLM.from_config(ARCHITECTURES["gemma3, text and images"][0]).save_pretrained(tmp_path / "a")
    model = loading.load(tmp_path / "a")
    vision = [weight for name, weight in model.named_parameters() if "vision" in name]
    assert vision and not any(weight.requires_grad for weight in vision)
    train(model, tiny_blocks.input_ids, 1e-2, Schedule(batch_size=2, warmup_steps=1), [], lambda _: [])
    loading.save(model, tmp_path / "b", "bfloat16")
    again = loading.load(tmp_path / "b", dtype="bfloat16")
    assert again.dtype == torch.bfloat16
    for (name, weight), other in zip(model.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(weight.bfloat16(), other), name


def test_experts_must_be_named(tmp_path):
    config = hf.MixtralConfig(**GROUPED, num_local_experts=2)
    model = hf.AutoModelForCausalLM.from_config(config)
    with pytest.raises(
        UserError, match="stacks of matrices, as experts are: name them in model.exclude, .*experts.down_proj"
    ):
        selectable(model, [], [])
    named = selectable(model, ["self_attn", "experts"], [])
    assert len(named) == 2 * (4 + 2)
    assert named["model.layers.0.mlp.experts.down_proj"].ndim == 3
    assert len(selectable(model, [], ["experts"])) == 2 * 4


def test_a_stack_of_experts_is_ranked_as_one_matrix(tiny_blocks):
    """As docs/method.md says: an expert may have more of a region than another."""
    model = hf.AutoModelForCausalLM.from_config(hf.MixtralConfig(**GROUPED, num_local_experts=2)).eval()
    parameters = selectable(model, ["experts"], [])
    [(_, sums)] = accumulation.measure(model, parameters, tiny_blocks, [6], Estimator(), 16)
    scores = {name: sums.score(name) for name in parameters}
    region = selection.select(Flat(scores), ratio=0.1)
    for name, score in scores.items():
        mask = region.mask(name)
        assert mask.shape == score.shape and mask.sum() == int(0.1 * score.size)
        assert score[mask].min() >= score[~mask].max()
    assert any(len(set(region.mask(name).sum((1, 2)))) > 1 for name in scores)


class Flat(dict):
    """Scores as `selection.select` reads them."""

    @property
    def shapes(self):
        return {name: score.shape for name, score in self.items()}

    def __getitem__(self, name):
        return super().__getitem__(name).reshape(-1)


def test_a_model_that_lacks_weights_is_refused(tmp_path):
    model = hf.AutoModelForCausalLM.from_config(ARCHITECTURES["llama"][0])
    weights = {name: weight for name, weight in model.state_dict().items() if "layers.1.mlp" not in name}
    model.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(
        UserError, match=r"3 weights of the model are missing in its files, such as model.layers.1.mlp.down_proj"
    ):
        loading.load(tmp_path)
