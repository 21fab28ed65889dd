"""Load the tokenizer of a model."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from linguistic_regions.model.modelfiles import check_folder
from linguistic_regions.runtime.errors import UserError


def load_tokenizer(
    folder: str | Path, trust_remote_code: bool = False, model: str | None = None
) -> PreTrainedTokenizerFast:
    """Load the fast tokenizer of a model.

    Args:
        folder: the model's folder, in Hugging Face format.
        trust_remote_code: whether Python code in the folder may run.
        model: the name of the model in error messages; None: the folder.

    Raises:
        UserError: the model has no tokenizer, or no fast tokenizer (`tokenizer.json`).
    """
    model = model or str(folder)
    check_folder(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        raise UserError(
            f"model.pretrained: {model}: no tokenizer could be loaded ({error}): name a model that has one"
        ) from None
    if not tokenizer.is_fast:
        raise UserError(
            f"model.pretrained: {model}: it has no fast tokenizer (tokenizer.json): convert its tokenizer first"
        )
    return tokenizer
