"""Language models: loading, a tiny Llama from scratch, and which of their weights regions are cut from."""

import logging
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from linguistic_regions.model import hf_config
from linguistic_regions.runtime import checksums
from linguistic_regions.runtime.compute import device
from linguistic_regions.runtime.distributed import gather_full, processes
from linguistic_regions.runtime.errors import UserError, system_error

log = logging.getLogger(__name__)
transformers_logging.disable_progress_bar()  # of loading and saving, which a log has no use for


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
            attn_implementation=attention(where),
            device_map={"": where},
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise system_error(error) or UserError(hf_config.unloadable(path, error)) from error
    except RuntimeError as error:
        if "mismatch" not in str(error):  # of a GPU or its driver
            raise
        raise UserError(hf_config.unloadable(path, error)) from error
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


def save(model: PreTrainedModel, path: str | Path, dtype: str = "float32") -> None:
    """Write a model in Hugging Face format, sealed, from the main process; one that is spread is put together."""
    weights = {}
    for name, weight in model.named_parameters():
        whole = gather_full(weight.detach()).to("cpu", getattr(torch, dtype))
        if processes().is_main_process:
            weights[name] = whole
    if processes().is_main_process:
        model.config.dtype = getattr(torch, dtype)
        model.save_pretrained(path, state_dict=weights)
        checksums.write_checksums(Path(path))


def attention(where: torch.device) -> str:
    # On a CPU the fused kernel's backward pass is slower than plain matrix products at short blocks.
    return "sdpa" if where.type == "cuda" else "eager"
