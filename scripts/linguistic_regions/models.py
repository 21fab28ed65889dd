"""Language models: loading, a tiny Llama from scratch, and which of their weights regions are cut from."""

import os
import re
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from linguistic_regions.commands import UserError

logging.disable_progress_bar()  # of loading and saving, which a log has no use for


def device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def prepare(threads: int) -> None:
    """Compute on so many CPU threads, and in an order of operations that is the same in every run."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what that takes on a GPU
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # By default that also fills all new memory, a safeguard against reading it unset, for a fifth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False


def has_bfloat16(where: torch.device) -> bool:
    """Whether matrix products in bfloat16 are native there, not emulated."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def mixed_precision(precision: str, where: torch.device) -> bool:
    """Whether to compute in bfloat16 with float32 weights: precision "bf16", or "auto" where it is native."""
    return precision == "bf16" or (precision == "auto" and has_bfloat16(where))


def autocast(precision: str, where: torch.device):
    """A context in which matrix products run in bfloat16 if `mixed_precision` says so."""
    return torch.autocast(where.type, torch.bfloat16) if mixed_precision(precision, where) else nullcontext()


def load(path: str | Path, where: torch.device | None = None) -> PreTrainedModel:
    """A causal language model in float32 from a folder in Hugging Face format: safetensors only, no remote code.

    Raises:
        UserError: the folder holds no such model.
    """
    where = where or device()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            attn_implementation=_attention(where),
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no causal language model in safetensors format could be loaded: {error}") from None
    model.config.use_cache = False
    return model.to(where).eval()


def from_scratch(
    vocabulary: int,
    layers: int,
    width: int,
    heads: int,
    kv_heads: int,
    mlp_width: int,
    context: int,
    tied: bool,
    seed: int,
    where: torch.device | None = None,
) -> LlamaForCausalLM:
    """A Llama with random weights, the same for the same seed.

    Args:
        vocabulary: tokens in the vocabulary; ids 0 and 1 are BOS and EOS.
        layers: decoder layers.
        width: hidden size.
        heads: attention heads.
        kv_heads: key and value heads (fewer than `heads`: grouped-query attention).
        mlp_width: inner width of the gated MLP.
        context: longest input, in tokens.
        tied: whether the head shares the embedding's weights.
        seed: of the initial weights.
        where: its device; None: `device()`.
    """
    where = where or device()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=mlp_width,
        max_position_embeddings=context,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=1,
        use_cache=False,
        attn_implementation=_attention(where),
    )
    return LlamaForCausalLM(config).to(where)


def selectable(model: PreTrainedModel, include: list[str], exclude: list[str]) -> dict[str, nn.Parameter]:
    """The weight matrices that regions are cut from, by parameter name, in the model's order.

    They are the two-dimensional weights of linear modules (GPT-2's Conv1D among them) inside the stack of
    decoder layers: no embedding, no head, no norm, no bias.

    Args:
        model: any Hugging Face causal language model.
        include: if not empty, only names that one of these regular expressions matches (`re.search`) count,
            and then embeddings and head may be among them.
        exclude: names that one of these matches never count.

    Raises:
        UserError: nothing is left.
    """
    stacks = [
        f"{name}."
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == model.config.get_text_config().num_hidden_layers
    ]
    linear = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and name.startswith(tuple(stacks))
    }
    matrices = {name: weight for name, weight in model.named_parameters() if weight.ndim == 2}
    found = {
        name: weight
        for name, weight in matrices.items()
        if (any(re.search(pattern, name) for pattern in include) if include else name in linear)
        and not any(re.search(pattern, name) for pattern in exclude)
    }
    if not found:
        raise UserError(
            "model.include / model.exclude: no weight matrix is selected; candidates are "
            + ", ".join(sorted({re.sub(r"\d+", "N", name) for name in matrices}))
        )
    return found


def _attention(where: torch.device) -> str:
    # On a CPU the fused kernel's backward pass is slower than plain matrix products at short blocks.
    return "sdpa" if where.type == "cuda" else "eager"
