"""Lesions: set a region to zero or scale it, permanently or within a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from linguistic_regions.interventions.snapshot import restore, snapshot, zero_
from linguistic_regions.regions.region import Region


def zero(model: nn.Module, region: Region) -> None:
    """Set the region's weights to zero, in place.

    Raises:
        UserError: if the region belongs to another model.
    """
    zero_(snapshot(model, region))


@contextmanager
def removed(model: nn.Module, region: Region) -> Iterator[int]:
    """Set the region's weights to zero inside the block; restore them bit for bit afterwards.

    Yields the number of weights that this changed (in this process): those that were not zero before.

    Raises:
        UserError: if the region belongs to another model.
    """
    before = snapshot(model, region)
    try:
        zero_(before)
        yield sum(part.nonzero() for part in before)
    finally:
        restore(before)


@contextmanager
def scaled(model: nn.Module, region: Region, factor: float) -> Iterator[None]:
    """Multiply the region's weights by a factor inside the block; restore them bit for bit afterwards.

    A factor of 0 sets them to +0.0, regardless of their sign.

    Raises:
        UserError: if the region belongs to another model.
    """
    before = snapshot(model, region)
    try:
        if factor:
            for part in before:
                part.write(part.values * factor)
        else:
            zero_(before)
        yield
    finally:
        restore(before)
