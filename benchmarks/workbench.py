"""Model, region and text of the benchmarks.

The model is read from a folder (with passes of the demo's size), or is a Llama with random weights, which has the shape
of LLaMA-2-7B on a GPU and is small on a CPU. The text is random.
"""

import os
from pathlib import Path

import numpy as np
import torch
from measurement import seconds
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from linguistic_regions.model import loading, naming
from linguistic_regions.model.precision import mixed_precision
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.compute import device
from linguistic_regions.text.tokens import Blocks

PRECISION = "auto"
MODEL = os.environ.get("BENCHMARK_MODEL")  # model folder, from --model


def on_gpu() -> bool:
    """Whether there is a GPU."""
    return device().type == "cuda"


def load_model() -> PreTrainedModel:
    """Load the model of the folder, or create a Llama with random weights.

    The Llama has 32 layers of width 4096 in bfloat16 on a GPU, and 4 layers of width 512 in float32 on a CPU.
    """
    if MODEL:
        return loading.load(MODEL)
    width, mlp, layers, heads, vocabulary = (4096, 11008, 32, 32, 32000) if on_gpu() else (512, 1376, 4, 8, 8192)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=mlp, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=2048, use_cache=False,
        attn_implementation="sdpa" if on_gpu() else "eager",
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device()):
        model = LlamaForCausalLM(config)
    return model.to(torch.bfloat16 if on_gpu() else torch.float32).eval()


def text(model: PreTrainedModel, count: int) -> Blocks:
    """Return `count` blocks of random tokens: 64 tokens (as in the demo) for a model folder, 512 on a GPU, else 128."""
    size = 64 if MODEL else 512 if on_gpu() else 128
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, (count, size)).astype(np.int32)
    return Blocks(ids, [str(block) for block in range(count)], np.full(count, 2 * size, np.int32), bos=True)


def batch_tokens() -> int:
    """Return the number of tokens per pass."""
    return 256 if MODEL else 4096 if on_gpu() else 2048


def description(model: PreTrainedModel) -> str:
    """Describe the model in a few words."""
    kind = naming.run_model_name(None, Path(MODEL)) if MODEL else "Llama"
    return f"{kind} with {model.num_parameters() / 1e6:,.0f} M parameters, {device().type}"


def region(model: PreTrainedModel, ratio: float) -> Region:
    """Return a random region of the model's matrices with about this share of the weights."""
    generator = np.random.default_rng(0)
    shapes = {name: tuple(weight.shape) for name, weight in selectable(model, [], []).items()}
    return Region.from_masks({name: generator.random(shape, np.float32) < ratio for name, shape in shapes.items()})


def forward_flops(model: PreTrainedModel, blocks: Blocks) -> float:
    """Return the FLOPs of a forward pass over all blocks: 2 per weight and token, and those of attention.

    The embedding is excluded, unless the head shares it.
    """
    config, size = model.config, blocks.input_ids.shape[1]
    embedding = 0 if config.tie_word_embeddings else config.vocab_size * config.hidden_size
    weights = model.num_parameters() - embedding
    return blocks.input_ids.size * (2 * weights + 4 * size * config.hidden_size * config.num_hidden_layers)


def peak_flops() -> float:
    """Measure the FLOP/s of a large matrix product in the benchmarks' precision, as the limit of this machine."""
    size = 8192 if on_gpu() else 2048
    dtype = torch.bfloat16 if mixed_precision(PRECISION, device()) else torch.float32
    square = torch.randn(size, size, device=device(), dtype=dtype)
    return 2 * size**3 / min(seconds(lambda: wait(square @ square)) for _ in range(10))


def wait(value=None):
    """Wait for the GPU, if there is one, and return `value`."""
    if on_gpu():
        torch.cuda.synchronize()
    return value


def peak_memory() -> str:
    """Describe the peak GPU memory so far; empty on a CPU."""
    return f", peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if on_gpu() else ""
