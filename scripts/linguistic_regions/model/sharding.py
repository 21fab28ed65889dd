"""Shard a model over several processes."""

from transformers import PreTrainedModel

from linguistic_regions.model.precision import mixed_precision
from linguistic_regions.model.weights import layers
from linguistic_regions.runtime import distributed


def shard(model: PreTrainedModel, precision: str) -> None:
    """Shard a model over all processes (`accelerate launch`), in place.

    Args:
        model: the complete model, on this process's device.
        precision: "fp32", "bf16" or "auto", as in `mixed_precision`.
    """
    distributed.shard(model, layers(model), mixed_precision(precision, model.device))
