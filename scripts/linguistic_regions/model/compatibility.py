"""Check that a model can read blocks of tokens, and that gradients reach its weights."""

import logging
from collections.abc import Collection

import numpy as np
from torch import nn
from transformers import PreTrainedModel

from linguistic_regions.model.weights import patterns
from linguistic_regions.runtime.errors import UserError

BLOCK_SIZE = "tokens.block_size"
log = logging.getLogger(__name__)


def check_compatible(
    model: PreTrainedModel, input_ids: np.ndarray, key: str = BLOCK_SIZE, advice: str = "lower it"
) -> None:
    """Check that a model can process these blocks.

    Args:
        model: a causal language model.
        input_ids: int32, shape (blocks, block size).
        key: the key of the config on which their length depends.
        advice: what to do if they are too long.

    Raises:
        UserError: an id exceeds the embedding, or the blocks are longer than the model's maximum input.
    """
    settings = model.config.get_text_config()
    if len(input_ids) and input_ids.max() >= settings.vocab_size:
        raise UserError(
            f"model.pretrained: the tokenizer gives ids up to {input_ids.max()}, but the embedding has "
            f"{settings.vocab_size} rows: use the tokenizer of this model"
        )
    size, longest = input_ids.shape[1], getattr(settings, "max_position_embeddings", None)
    if longest and size > longest and _learned_positions(model, longest):
        raise UserError(f"{key}: {size} tokens exceed the model's maximum input of {longest}: {advice}")
    if longest and size > longest and key == BLOCK_SIZE:  # a pair is longer than the blocks of a tiny model
        log.warning("%s: %d tokens exceed the %d that the model was made for: %s", key, size, longest, advice)


def check_gradients(model: PreTrainedModel, selected: Collection[str], reached: Collection[str]) -> None:
    """Check that gradients reach all weights that are scored: without, all of a parameter's scores would be zero.

    Args:
        model: a causal language model.
        selected: the names of the parameters that are scored.
        reached: the names of those that a backward pass has reached.

    Raises:
        UserError: it has not reached all of them.
    """
    if not reached:
        raise UserError(
            f"model: no gradient reaches any of the selected weights of {type(model).__name__}: select others "
            "(model.include), or name another model"
        )
    if missing := set(selected) - set(reached):
        raise UserError(
            f"model: no gradient reaches {patterns(missing)} of {type(model).__name__}: leave them out "
            "(model.exclude), or name another model"
        )


def _learned_positions(model: PreTrainedModel, longest: int) -> bool:
    """Whether the model has a table of `longest` position embeddings (OPT's has two more rows), not rotary ones."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    return any(
        table.num_embeddings - longest in (0, 2) for table in tables if table is not model.get_input_embeddings()
    )
