"""Read the settings of a model, config.json, without loading its weights."""

import logging
from pathlib import Path

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, PreTrainedConfig

from linguistic_regions.model.modelfiles import check_folder
from linguistic_regions.runtime.errors import UserError, system_error

log = logging.getLogger(__name__)

# Whatever their config says
CAUSAL = ("gpt_neox", "gpt_neox_japanese", "trocr")
BIDIRECTIONAL = ("cpmant", "xlnet")


def read(path: str | Path, trust_remote_code: bool) -> PreTrainedConfig:
    """Read the config.json of a model.

    Args:
        path: folder of the model.
        trust_remote_code: whether Python code in the folder may run.

    Raises:
        UserError: config.json cannot be read; the model is not a causal language model; or its weights are quantized.
    """
    check_folder(path)
    try:
        found = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=trust_remote_code)
    except Exception as error:  # the library, and the model's own code, raise all kinds
        if "trust_remote_code" in str(error):
            raise UserError(
                f"{path}: the model comes with code: review it, and set model.trust_remote_code: true to run it"
            ) from error
        raise system_error(error) or UserError(unloadable_message(path, error)) from error
    if found.is_encoder_decoder:
        raise UserError(
            f"{path}: a {found.model_type} model is an encoder-decoder, not a causal language model: name one that is"
        )
    parts = (found, found.get_text_config())  # of a model that also reads images, either may have it
    if settings := next((part.quantization_config for part in parts if hasattr(part, "quantization_config")), None):
        method = settings.get("quant_method", "unknown method")
        raise UserError(
            f"{path}: its weights are quantized ({method}), and cannot be trained or set to zero one by one: name the "
            "model in bfloat16 or float32, or a GGUF file, which is dequantized"
        )
    if has_own_code(found) and trust_remote_code:
        log.warning("model.trust_remote_code: running code that comes with %s, with your permissions", path)
    elif type(found) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(f"{path}: a {found.model_type} model is not a causal language model: name one that is")
    elif not is_causal(found):
        raise UserError(sees_future_message(path, found))
    return found


def has_own_code(config: PreTrainedConfig) -> bool:
    """Whether the model comes with Python code."""
    return bool(getattr(config, "auto_map", None))


def is_causal(config: PreTrainedConfig) -> bool:
    """Whether a model of transformers attends to earlier tokens only, as far as its config says.

    For each architecture of transformers, a test compares this with what the model does.
    """
    settings = config.get_text_config()
    if settings.model_type in CAUSAL + BIDIRECTIONAL:
        return settings.model_type in CAUSAL
    says_so = all(getattr(settings, key, True) for key in ("is_decoder", "is_causal", "causal"))
    both_ways = getattr(settings, "use_bidirectional_attention", None) in (True, "all")
    return says_so and not both_ways


def sees_future_message(path: str | Path, config: PreTrainedConfig) -> str:
    """The error message for a model that is not causal."""
    return (
        f"{path}: a {config.model_type} model with this config attends to the tokens that it has to predict, as "
        "encoders do: name a causal language model"
    )


def unloadable_message(path: str | Path, error: Exception) -> str:
    """The error message for a folder from which no model can be loaded."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return (
        f"{path}: no causal language model in safetensors format could be loaded ({reason}): download or convert it "
        "again, or name another model"
    )
