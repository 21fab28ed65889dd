"""Load and save causal language models."""

import logging
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from linguistic_regions.model import hf_config
from linguistic_regions.model.weights import decoder
from linguistic_regions.runtime import checksums
from linguistic_regions.runtime.compute import device
from linguistic_regions.runtime.distributed import gather_full, processes
from linguistic_regions.runtime.errors import UserError, system_error

log = logging.getLogger(__name__)
transformers_logging.disable_progress_bar()  # of loading and saving


def load(
    path: str | Path,
    where: torch.device | None = None,
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> PreTrainedModel:
    """Load a causal language model with safetensors weights, in evaluation mode.

    In a multimodal model, such as Gemma 3, only the decoder and the head require gradients.

    Args:
        path: folder in Hugging Face format.
        where: device of the model; None: `device()`.
        dtype: of the weights, "float32" or "bfloat16".
        trust_remote_code: run Python code in the folder, for a model that transformers does not support.

    Raises:
        UserError: the folder has no such model, weights are missing, NaN or infinite, files are corrupted, or the model
            is not causal.
    """
    where = where or device()
    checksums.verify_checksums(Path(path), "model")
    config = hf_config.read(path, trust_remote_code)
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            path,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            attn_implementation=attention_implementation(where),
            device_map={"": where},
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise system_error(error) or UserError(hf_config.unloadable_message(path, error)) from error
    except RuntimeError as error:
        if "mismatch" not in str(error):  # an error of the GPU or its driver
            raise
        reason = ValueError("its weights have other shapes than its config.json says")
        raise UserError(hf_config.unloadable_message(path, reason)) from error
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"{path}: {len(missing)} weights of the model are missing in its files, such as {missing[0]}: remove the "
            "folder and download the model again, or name another model"
        )
    if unused := sorted(found["unexpected_keys"]):
        log.warning("%s: %d weights of its files are not used, such as %s", path, len(unused), unused[0])
    for name, weight in model.named_parameters():
        if weight.numel() and not all(end.isfinite() for end in weight.aminmax()):  # both are NaN if any weight is NaN
            raise UserError(
                f"{path}: {name} has NaN or infinite weights: remove the folder and run the workflow to make it again; "
                "if the model was trained in this run, lower the learning rate"
            )
    model.eval()
    model.config.use_cache = False
    if hf_config.has_own_code(config) and sees_future_tokens(model):  # its config may say anything
        raise UserError(hf_config.sees_future_message(path, config))
    model.base_model.requires_grad_(False)
    for part in (decoder(model), model.get_output_embeddings()):
        part.requires_grad_(True)
    return model


@torch.no_grad()
def sees_future_tokens(model: PreTrainedModel) -> bool:
    """Whether changing the last token changes earlier logits by more than rounding errors."""
    size = model.config.get_text_config().vocab_size
    # the first ids may be padding, which nothing attends to
    ids = (torch.arange(8, device=model.device) + size // 2) % size
    other = torch.cat([ids[:-1], (ids[-1:] + 1) % size])
    one, two = (model(input_ids=row[None]).logits[0, :-1].float() for row in (ids, other))
    return bool((one - two).abs().max() > 100 * torch.finfo(model.dtype).eps * one.abs().max())


def save(model: PreTrainedModel, path: str | Path, dtype: str = "float32") -> None:
    """Write a model in Hugging Face format, with checksums, from the main process. All processes must call this.

    Args:
        model: a model, sharded or not.
        path: folder to write.
        dtype: of the saved weights, "float32" or "bfloat16".
    """
    weights = {}
    for name, weight in model.named_parameters():
        whole = gather_full(weight.detach()).to("cpu", getattr(torch, dtype))
        if processes().is_main_process:
            weights[name] = whole
    if processes().is_main_process:
        model.config.dtype = getattr(torch, dtype)
        model.save_pretrained(path, state_dict=weights)
        checksums.write_checksums(Path(path))


def attention_implementation(where: torch.device) -> str:
    """The value of transformers' `attn_implementation` for a device."""
    # On a CPU, the backward pass of the fused kernel is slower than matrix products for short blocks.
    return "sdpa" if where.type == "cuda" else "eager"
