"""The decoder layers of a model, and its selectable weight matrices."""

import logging
import re
from collections.abc import Iterable

from torch import nn
from torch.nn.modules.conv import _ConvNd
from transformers import (
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D

from linguistic_regions.runtime.errors import UserError

LINEAR = (nn.Linear, Conv1D)

# Linear modules in the layers that are not matrices of attention, its equivalents or the MLP, by a part of their names.
ROUTERS = r"router|gate|shared_expert_gate"  # which experts process a token, and how much the shared one counts
SELECTORS = r"indexer"  # which tokens attention reads; no gradient passes through that choice
ADDITIONS = r"altup|laurel|per_layer_\w+|\w+_hyper_connection"  # ways around attention and MLP
NORMS_AND_EMBEDDINGS = r"\w*layernorm|\w*embeddings"
CROSS_ATTENTION = r"encoder_attn|cross_?attn|crossattention"  # to an encoder; text alone does not pass through it
AUXILIARY = re.compile(
    rf"\.(?:{'|'.join([ROUTERS, SELECTORS, ADDITIONS, NORMS_AND_EMBEDDINGS, CROSS_ATTENTION])})\.", re.IGNORECASE
)
ELEMENTWISE = re.compile(r"(?:bias|scale|\.A_log|\.D|\.time_mix_\w+)$")  # no matrices, whatever their shape


def decoder(model: PreTrainedModel) -> nn.Module:
    """The language model without its head, and without encoders of images or sound.

    Raises:
        UserError: the model is not a stack of layers.
    """
    # Of ModernBERT, transformers' get_decoder gives the head, because that is what its attribute `decoder` is.
    for module in (model.get_decoder(), model.base_model):
        if _stack(module, _depth(model)) is not None:
            return module
    raise UserError(f"model: {type(model).__name__} has no stack of {_depth(model)} decoder layers: name another model")


def layers(model: PreTrainedModel) -> nn.ModuleList:
    """The decoder layers of a model's language model.

    Raises:
        UserError: the model is not a stack of layers.
    """
    return _stack(decoder(model), _depth(model))


def _depth(model: PreTrainedModel) -> int:
    return model.config.get_text_config().num_hidden_layers


def _stack(module: nn.Module, depth: int) -> nn.ModuleList | None:
    """The first list of `depth` modules with linear ones in them; None if it has one beside it, as in XLM."""
    for parent in module.modules():
        lists = [child for child in parent.children() if isinstance(child, nn.ModuleList) and len(child) == depth]
        if lists := [each for each in lists if any(isinstance(part, LINEAR) for part in each.modules())]:
            return lists[0] if len(lists) == 1 else None
    return None


def enable_activation_checkpointing(model: PreTrainedModel) -> None:
    """Recompute the layers' activations in the backward pass instead of storing them."""
    model.activation_checkpointing_enable()
    for layer in layers(model):
        layer.training = True  # transformers checks this flag of the layer; dropout is in its submodules, and stays off


def selectable(model: PreTrainedModel, include: list[str], exclude: list[str]) -> dict[str, nn.Parameter]:
    """The weight matrices that regions may contain, by parameter name, in the model's order.

    By default these are the weights of the linear modules in the decoder layers, including GPT-2's Conv1D, but for
    those that are `AUXILIARY`, such as routers of experts; fused query, key and value weights are one matrix.
    Embeddings, head, norms, biases, convolutions and image encoders are not selectable.

    Args:
        model: a Hugging Face causal language model.
        include: if not empty, the matrices whose names match one of these regular expressions (`re.search`) are
            selectable instead; they may include embeddings, head, routers and experts (three-dimensional).
        exclude: parameters whose names match one of these are not selectable.

    Raises:
        UserError: no parameter is left; or the layers have experts, and neither `include` nor `exclude` says what to
            do with them.
    """
    linear = _linear(model)
    auxiliary = {name for name, part in linear.items() if AUXILIARY.search(part)}
    candidates = _matrices(model)
    wanted = {name for name in candidates if _matches(name, include)} if include else linear.keys() - auxiliary
    found = {name: weight for name, weight in candidates.items() if name in wanted and not _matches(name, exclude)}
    if not found:
        raise UserError(
            f"model.include / model.exclude: no weight matrix is selected; candidates are {patterns(candidates)}"
        )
    stacks = [name for name in experts(model) if not _matches(name, exclude)]
    if stacks and not include:
        raise UserError(
            "model.include / model.exclude: the layers have stacks of matrices, as experts are: name them in "
            f"model.exclude, {patterns(stacks)}, or in model.include with the others, {patterns([*stacks, *found])}"
        )
    if auxiliary and not include:
        logging.info("not selectable by default: %s (see model.include)", patterns(auxiliary))
    return found


def experts(model: PreTrainedModel) -> list[str]:
    """The parameters of the decoder layers that hold several matrices, as mixtures of experts do."""
    inside, linear = {id(weight) for weight in layers(model).parameters()}, _linear(model)
    others = {name: weight for name, weight in _matrices(model).items() if id(weight) in inside and name not in linear}
    return [name for name, weight in others.items() if weight.ndim > 2 or "experts" in name.split(".")]


def patterns(names: Iterable[str]) -> str:
    """Regular expressions that match these parameters of all layers and no others, as a list in YAML."""
    # A point stands for itself here, because no name has another character where another has a point.
    found = sorted({re.sub(r"\.\d+\.", r".\\d+.", name) for name in names})
    return "[" + ", ".join(f"'^{name}$'" for name in found) + "]"


def _matches(name: str, expressions: Iterable[str]) -> bool:
    return any(re.search(expression, name) for expression in expressions)


def _matrices(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """All matrices of a model and stacks of such, by parameter name, in the model's order."""
    kernels = {id(module.weight) for module in model.modules() if isinstance(module, _ConvNd)}
    return {
        name: weight
        for name, weight in model.named_parameters()
        if weight.ndim > 1 and id(weight) not in kernels and not ELEMENTWISE.search(name)
    }


def _linear(model: PreTrainedModel) -> dict[str, str]:
    """The weights of the linear modules in the decoder layers: by parameter name, the name within the layer."""
    linear = {id(module.weight) for module in layers(model).modules() if isinstance(module, LINEAR)}
    stack = next(name for name, module in model.named_modules() if module is layers(model))
    names = (name for name, weight in model.named_parameters() if id(weight) in linear)
    return {name: re.sub(rf"^{re.escape(stack)}\.\d+", "", name) for name in names}
