"""Lesions: a region set to zero or scaled, for good or for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

from linguistic_regions.interventions.held import clear, hold, restore
from linguistic_regions.regions.region import Region


def zero(region: Region, parameters: Mapping[str, nn.Parameter]) -> None:
    """Set the region's weights to zero, in place."""
    clear(hold(region, parameters))


@contextmanager
def removed(region: Region, parameters: Mapping[str, nn.Parameter]) -> Iterator[int]:
    """Set the region's weights to zero inside the block; restore each bit after it.

    Yields the number of weights that were not zero before and are now (in this process).
    """
    held = hold(region, parameters)
    clear(held)
    try:
        yield sum(part.nonzero() for part in held)
    finally:
        restore(held)


@contextmanager
def scaled(model: PreTrainedModel, region: Region, factor: float) -> Iterator[None]:
    """Multiply the region's weights by a factor inside the block; restore each bit after it.

    A factor of 0 sets them to +0.0, whatever their sign.
    """
    held = hold(region, dict(model.named_parameters()))
    if factor:
        for part in held:
            part.put(part.values * factor)
    else:
        clear(held)
    try:
        yield
    finally:
        restore(held)
