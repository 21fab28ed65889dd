"""The settings of a model, config.json: what can be known before its weights are loaded."""

import logging
from pathlib import Path

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, PreTrainedConfig

from linguistic_regions.runtime.errors import UserError, system_error

log = logging.getLogger(__name__)


def read(path: str | Path, trust_remote_code: bool) -> PreTrainedConfig:
    """The settings of a model in a folder, config.json.

    Raises:
        UserError: they cannot be read, or are of no causal language model.
    """
    try:
        found = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=trust_remote_code)
    except Exception as error:  # the library, and the model's own code, raise all kinds
        if "trust_remote_code" in str(error):
            told = f"{path}: the model comes with code: read it, and set model.trust_remote_code: true to have it run"
            raise UserError(told) from error
        raise system_error(error) or UserError(unloadable(path, error)) from error
    if trust_remote_code and getattr(found, "auto_map", None):
        log.warning("model.trust_remote_code: code that comes with %s runs, with your rights", path)
    elif type(found) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(f"{path}: a {found.model_type} model is no causal language model: name one that is")
    return found


def unloadable(path: str | Path, error: Exception) -> str:
    """What to tell of a folder from which a library cannot load a model."""
    return (
        f"{path}: no causal language model in safetensors format could be loaded ({error}): fetch or convert it again, "
        "or name another"
    )
