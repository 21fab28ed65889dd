"""Lesions: set a region to zero, scale it or add noise, permanently or within a block."""

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from torch import nn

from linguistic_regions.interventions.snapshot import Snapshot, SparseSnapshot, restore, snapshot, zero_
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.distributed import gather_full, local_rows
from linguistic_regions.runtime.errors import UserError


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
        UserError: if the region belongs to another model, or the model's dtype is changed inside the block.
    """
    before = snapshot(model, region)
    try:
        zero_(before)
        yield sum(part.nonzero() for part in before)
    finally:
        restore(before)


@contextmanager
def removed_weight(parameter: nn.Parameter, index: int) -> Iterator[None]:
    """Set one weight to zero inside the block; restore it bit for bit afterwards.

    Args:
        parameter: of a model in one process.
        index: flat index of the weight.
    """
    place = torch.tensor([index], device=parameter.device)
    before = [SparseSnapshot(parameter, place, parameter.detach().view(-1)[place])]
    try:
        zero_(before)
        yield
    finally:
        restore(before)


@contextmanager
def scaled(model: nn.Module, region: Region, factor: float) -> Iterator[None]:
    """Multiply the region's weights by a factor inside the block; restore them bit for bit afterwards.

    A factor of 0 sets them to +0.0, regardless of their sign.

    Raises:
        UserError: if the region belongs to another model, or the factor is not finite.
    """
    if not math.isfinite(factor):
        raise UserError(f"scaled: a factor of {factor}: give a finite number")
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


@contextmanager
def noised(model: nn.Module, region: Region, scale: float, seed: int) -> Iterator[None]:
    """Add Gaussian noise to the region's weights inside the block; restore each bit after it.

    The noise is independent from weight to weight, of mean zero. It is the same for the same seed and region, on every
    device and however a model is sharded.

    Args:
        model: the model.
        region: of its weights.
        scale: standard deviation of the noise, in those of all weights of the same matrix.
        seed: of the noise; a matrix's name is part of it.

    Raises:
        UserError: the region belongs to another model, the scale is negative or not finite, or the seed is negative or
            no whole number.
    """
    if not 0 <= scale < math.inf:
        raise UserError(f"noised: a scale of {scale}: give a finite number of at least 0")
    if not isinstance(seed, Integral) or seed < 0:
        raise UserError(f"noised: a seed of {seed!r}: give a whole number of at least 0")
    before = snapshot(model, region)
    try:
        for name, part in zip(region.shapes, before, strict=True):
            part.write(part.values + _noise(part, region, name, scale, seed))
        yield
    finally:
        restore(before)


@torch.no_grad()
def _noise(part: Snapshot, region: Region, name: str, scale: float, seed: int) -> torch.Tensor:
    """The noise of one parameter, in the order and the dtype of the values of its snapshot."""
    deviation = gather_full(part.parameter.detach()).float().std(correction=0).cpu()
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    noise = np.zeros(region.shapes[name], np.float32)
    noise[region.mask(name)] = generator.standard_normal(region.count(name), np.float32)
    noise = torch.from_numpy(noise)[local_rows(part.parameter)].flatten() * (scale * deviation)
    if isinstance(part, SparseSnapshot):
        noise = noise[part.index.long().cpu()]
    return noise.to(part.values.device, part.values.dtype)
