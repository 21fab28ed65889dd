"""Precision of matrix products: bfloat16 or float32."""

from contextlib import nullcontext

import torch
from torch import nn
from transformers import (
    PreTrainedModel,
)

from linguistic_regions.model.weights import layers
from linguistic_regions.runtime.compute import has_bfloat16


def mixed_precision(precision: str, where: torch.device) -> bool:
    """Whether matrix products are computed in bfloat16.

    Args:
        precision: "fp32", "bf16" or "auto" (bf16 if the device supports it natively).
        where: the device.
    """
    return precision == "bf16" or (precision == "auto" and has_bfloat16(where))


def autocast(precision: str, where: torch.device):
    """A context manager that computes matrix products in bfloat16 if `mixed_precision` says so."""
    return torch.autocast(where.type, torch.bfloat16) if mixed_precision(precision, where) else nullcontext()


@torch.no_grad()
def cast_linear_weights(model: PreTrainedModel, precision: str) -> None:
    """Cast the layers' linear weights to bfloat16, in place, if autocast would cast them in each pass.

    For a model that is only evaluated. Results are bit-identical, and passes of few tokens are faster.
    """
    if mixed_precision(precision, model.device):
        for module in layers(model).modules():
            if isinstance(module, nn.Linear):
                module.to(torch.bfloat16)
