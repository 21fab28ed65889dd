"""Whether a model can read given blocks of tokens."""

import numpy as np
from torch import nn
from transformers import (
    PreTrainedModel,
)

from linguistic_regions.runtime.errors import UserError


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
