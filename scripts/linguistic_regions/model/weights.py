"""The decoder layers of a model, and its selectable weight matrices."""

import re
from collections.abc import Iterable

from torch import nn
from transformers import (
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D

from linguistic_regions.runtime.errors import UserError


def layers(model: PreTrainedModel) -> nn.ModuleList:
    """The decoder layers of a model's language model.

    Raises:
        UserError: the model is not a stack of layers.
    """
    count = model.config.get_text_config().num_hidden_layers
    for module in model.get_decoder().modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise UserError(f"model: {type(model).__name__} has no stack of {count} decoder layers: name another model")


def enable_activation_checkpointing(model: PreTrainedModel) -> None:
    """Recompute the layers' activations in the backward pass instead of storing them."""
    model.activation_checkpointing_enable()
    for layer in layers(model):
        layer.training = True  # transformers checks this flag of the layer; dropout is in its submodules, and stays off


def selectable(model: PreTrainedModel, include: list[str], exclude: list[str]) -> dict[str, nn.Parameter]:
    """The weight matrices that regions may contain, by parameter name, in the model's order.

    By default these are the two-dimensional weights of the linear modules in the decoder layers, including GPT-2's
    Conv1D; fused query, key and value weights are one matrix. Embeddings, head, norms, biases and image encoders are
    not selectable.

    Args:
        model: a Hugging Face causal language model.
        include: if not empty, the parameters whose names match one of these regular expressions (`re.search`) are
            selectable instead; they may include embeddings, head and experts (three-dimensional).
        exclude: parameters whose names match one of these are not selectable.

    Raises:
        UserError: no parameter is left; or the layers have experts, and both `include` and `exclude` are empty.
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
            f"model.include / model.exclude: no weight matrix is selected; candidates are {_generic_names(candidates)}"
        )
    experts = [name for name, weight in candidates.items() if id(weight) in inside and weight.ndim > 2]
    if experts and not include and not exclude:
        raise UserError(
            f"model.include / model.exclude: {_generic_names(experts)} are not matrices of linear modules; name them "
            f"in model.include (with the others: {_generic_names(found)}), or in model.exclude"
        )
    return found


def _generic_names(names: Iterable[str]) -> str:
    """The distinct parameter names, with N instead of layer numbers."""
    return ", ".join(sorted({re.sub(r"\d+", "N", name) for name in names}))
