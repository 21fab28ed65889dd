"""The tokenizer that comes with a model."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from linguistic_regions.runtime.errors import UserError


def load_tokenizer(
    folder: str | Path, trust_remote_code: bool = False, model: str | None = None
) -> PreTrainedTokenizerFast:
    """The tokenizer of a model in a folder, in its fast form.

    Args:
        folder: in Hugging Face format.
        trust_remote_code: whether Python code that comes with it may run.
        model: what errors call it; None: the folder.

    Raises:
        UserError: the model has no tokenizer, or none that the `tokenizers` library can run.
    """
    model = model or str(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        raise UserError(
            f"model.pretrained: {model}: no tokenizer could be loaded ({error}): name a model that has one"
        ) from None
    if not tokenizer.is_fast:
        raise UserError(f"model.pretrained: {model}: its tokenizer has no fast form (tokenizer.json); convert it first")
    return tokenizer
