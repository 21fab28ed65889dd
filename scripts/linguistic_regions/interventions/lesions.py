"""Lesions: a region set to zero, for good or for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn

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
