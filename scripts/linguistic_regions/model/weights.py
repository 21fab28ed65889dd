"""The decoder layers of a model, and the weight matrices that regions are cut from."""

import re
from collections.abc import Iterable

from torch import nn
from transformers import (
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D

from linguistic_regions.runtime.errors import UserError


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


def recompute_activations(model: PreTrainedModel) -> None:
    """Keep no activations inside the layers: compute them again in the backward pass (activation checkpointing)."""
    model.activation_checkpointing_enable()
    for layer in layers(model):
        layer.training = True  # transformers asks the layer alone; its dropout, in modules below it, stays off


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
