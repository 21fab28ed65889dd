"""Language models: loading, a tiny Llama from scratch, and which of their weights regions are cut from."""

import logging
import os
import re
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from linguistic_regions import checksums, distributed, modelsettings
from linguistic_regions.commands import UserError, refusal
from linguistic_regions.distributed import full, processes

log = logging.getLogger(__name__)
transformers_logging.disable_progress_bar()  # of loading and saving, which a log has no use for


def device() -> torch.device:
    """The process's own GPU if there is one, else the CPU."""
    return processes().device


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


def load(
    path: str | Path,
    where: torch.device | None = None,
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> PreTrainedModel:
    """A causal language model from a folder in Hugging Face format: safetensors only.

    Of a model that reads more than text (Gemma 3's images), what text does not pass through takes no gradient.

    Args:
        path: the folder.
        where: its device; None: `device()`.
        dtype: of the weights, "float32" or "bfloat16".
        trust_remote_code: run the Python code that lies beside the weights, for a model that transformers does not
            know.

    Raises:
        UserError: the folder holds no such model, not all of its weights, some that are no numbers, or other files
            than were written there.
    """
    where = where or device()
    checksums.check_seal(Path(path), "model")
    config = modelsettings.read(path, trust_remote_code)
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            path,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            attn_implementation=_attention(where),
            device_map={"": where},
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise refusal(error) or UserError(modelsettings.unloadable(path, error)) from error
    except RuntimeError as error:
        if "mismatch" not in str(error):  # of a GPU or its driver
            raise
        raise UserError(modelsettings.unloadable(path, error)) from error
    if missing := sorted(found["missing_keys"]):
        told = f"{len(missing)} weights of the model are not in its files, {missing[0]} among them"
        raise UserError(f"{path}: {told}: remove the folder and fetch the model again, or name another")
    if unused := sorted(found["unexpected_keys"]):
        log.warning("%s: %d weights of its files are not used, %s among them", path, len(unused), unused[0])
    for name, weight in model.named_parameters():
        if weight.numel() and not all(end.isfinite() for end in weight.aminmax()):  # both are NaN where any weight is
            raise UserError(
                f"{path}: {name} holds NaN or infinite weights: remove the folder, and it is made again; if it was "
                "trained here, lower the learning rate"
            )
    model.eval()
    if _sees_ahead(model):
        raise UserError(
            f"{path}: {type(model).__name__} sees the tokens that it is to predict, as encoders do: name a causal "
            "language model"
        )
    model.config.use_cache = False
    model.requires_grad_(False)
    for part in (model.get_decoder(), model.get_output_embeddings()):
        part.requires_grad_(True)
    return model


@torch.no_grad()
def _sees_ahead(model: PreTrainedModel) -> bool:
    """Whether another last token changes what the model says before it, beyond what rounding may."""
    size = model.config.get_text_config().vocab_size
    ids = torch.arange(8, device=model.device) % size
    other = torch.cat([ids[:-1], (ids[-1:] + 1) % size])
    one, two = (model(input_ids=row[None]).logits[0, :-1].float() for row in (ids, other))
    return bool((one - two).abs().max() > 100 * torch.finfo(model.dtype).eps * one.abs().max())


def check_fit(model: PreTrainedModel, input_ids: np.ndarray) -> None:
    """See that a model can read these blocks.

    Args:
        model: a causal language model.
        input_ids: int32, shape (blocks, block size).

    Raises:
        UserError: there are ids that its embedding has no row for, or the blocks are longer than it can read.
    """
    settings = model.config.get_text_config()
    if len(input_ids) and input_ids.max() >= settings.vocab_size:
        raise UserError(
            f"model.pretrained: the tokenizer gives ids up to {input_ids.max()}, and the embedding has "
            f"{settings.vocab_size} rows: tokenizer and model do not belong together"
        )
    size, longest = input_ids.shape[1], getattr(settings, "max_position_embeddings", None)
    if longest and size > longest and _learned_positions(model, longest):
        raise UserError(f"tokens.block_size: the model reads {longest} tokens at most, not {size}; lower it")


def _learned_positions(model: PreTrainedModel, longest: int) -> bool:
    """Whether positions are a table of so many rows (OPT has two more), which rotary ones are not."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    return any(
        table.num_embeddings - longest in (0, 2) for table in tables if table is not model.get_input_embeddings()
    )


def save(model: PreTrainedModel, path: str | Path, dtype: str = "float32") -> None:
    """Write a model in Hugging Face format, sealed, from the main process; one that is spread is put together."""
    weights = {}
    for name, weight in model.named_parameters():
        whole = full(weight.detach()).to("cpu", getattr(torch, dtype))
        if processes().is_main_process:
            weights[name] = whole
    if processes().is_main_process:
        model.config.dtype = getattr(torch, dtype)
        model.save_pretrained(path, state_dict=weights)
        checksums.seal(Path(path))


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


def layers(model: PreTrainedModel) -> nn.ModuleList:
    """The stack of decoder layers that text passes through.

    Raises:
        UserError: there is none, as in a model that is no stack of layers.
    """
    count = model.config.get_text_config().num_hidden_layers
    for module in model.get_decoder().modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise UserError(f"model: {type(model).__name__} has no stack of {count} decoder layers; it cannot be used here")


def shard(model: PreTrainedModel, precision: str) -> None:
    """Spread a model over all processes (`accelerate launch`), in place; "bf16" or "auto" as in `mixed_precision`."""
    distributed.shard(model, layers(model), mixed_precision(precision, model.device))


def recompute_activations(model: PreTrainedModel) -> None:
    """Keep no activations inside the layers: compute them again in the backward pass (activation checkpointing)."""
    model.activation_checkpointing_enable()
    for layer in layers(model):
        layer.training = True  # transformers asks the layer alone; its dropout, in modules below it, stays off


@torch.no_grad()
def cast_once(model: PreTrainedModel, precision: str) -> None:
    """Hold the layers' linear weights in bfloat16 where autocast would cast them at each pass anyway, in place.

    For a model that is only evaluated: results are the same to the bit, and a pass of few tokens is faster.
    """
    if mixed_precision(precision, model.device):
        for module in layers(model).modules():
            if isinstance(module, nn.Linear):
                module.to(torch.bfloat16)


def selectable(model: PreTrainedModel, include: list[str], exclude: list[str]) -> dict[str, nn.Parameter]:
    """The weight matrices that regions are cut from, by parameter name, in the model's order.

    They are the two-dimensional weights of linear modules (GPT-2's Conv1D among them; fused query, key and value
    are one matrix) inside the stack of decoder layers: no embedding, no head, no norm, no bias, no image tower.

    Args:
        model: any Hugging Face causal language model.
        include: if not empty, only names that one of these regular expressions matches (`re.search`) count,
            and then embeddings, head and experts (three-dimensional) may be among them.
        exclude: names that one of these matches never count.

    Raises:
        UserError: nothing is left; or the layers hold experts, and neither pattern says what shall become of them.
    """
    candidates = {name: weight for name, weight in model.named_parameters() if weight.ndim > 1}
    inside = {id(weight) for weight in layers(model).parameters()}
    linear = {id(module.weight) for module in layers(model).modules() if isinstance(module, (nn.Linear, Conv1D))}
    found = {
        name: weight
        for name, weight in candidates.items()
        if (any(re.search(pattern, name) for pattern in include) if include else id(weight) in linear)
        and not any(re.search(pattern, name) for pattern in exclude)
    }
    if not found:
        raise UserError(
            f"model.include / model.exclude: no weight matrix is selected; candidates are {_kinds(candidates)}"
        )
    experts = [name for name, weight in candidates.items() if id(weight) in inside and weight.ndim > 2]
    if experts and not include and not exclude:
        raise UserError(
            f"model.include / model.exclude: {_kinds(experts)} are no matrices of linear modules; name them in "
            f"model.include (with the others: {_kinds(found)}), or in model.exclude"
        )
    return found


def _kinds(names: Iterable[str]) -> str:
    """Parameter names with N for each layer's number."""
    return ", ".join(sorted({re.sub(r"\d+", "N", name) for name in names}))


def _attention(where: torch.device) -> str:
    # On a CPU the fused kernel's backward pass is slower than plain matrix products at short blocks.
    return "sdpa" if where.type == "cuda" else "eager"
