"""Matrix products in bfloat16 or float32."""

from contextlib import nullcontext

import torch
from torch import nn
from transformers import (
    PreTrainedModel,
)

from linguistic_regions.model.weights import layers
from linguistic_regions.runtime.compute import has_bfloat16


def mixed_precision(precision: str, where: torch.device) -> bool:
    """Whether to compute in bfloat16 with float32 weights: precision "bf16", or "auto" where it is native."""
    return precision == "bf16" or (precision == "auto" and has_bfloat16(where))


def autocast(precision: str, where: torch.device):
    """A context in which matrix products run in bfloat16 if `mixed_precision` says so."""
    return torch.autocast(where.type, torch.bfloat16) if mixed_precision(precision, where) else nullcontext()


@torch.no_grad()
def cast_once(model: PreTrainedModel, precision: str) -> None:
    """Hold the layers' linear weights in bfloat16 where autocast would cast them at each pass anyway, in place.

    For a model that is only evaluated: results are the same to the bit, and a pass of few tokens is faster.
    """
    if mixed_precision(precision, model.device):
        for module in layers(model).modules():
            if isinstance(module, nn.Linear):
                module.to(torch.bfloat16)
