"""Snapshots: a region's weights with the values they have now, to be written over and restored bit for bit.

If a model is sharded over several processes, each process keeps its own rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.distributed import local_rows, local_shard
from linguistic_regions.runtime.errors import UserError


@dataclass(frozen=True)
class SparseSnapshot:
    """At most half of one parameter's weights: 8 bytes for each, in float32.

    Attributes:
        parameter: of which this process holds all weights, or some rows.
        index: which of them, flat, shape (n,); int32 where that suffices.
        values: what they were, shape (n,), in the parameter's dtype.
    """

    parameter: nn.Parameter
    index: torch.Tensor
    values: torch.Tensor

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self.index.nbytes + self.values.nbytes

    def write(self, values: torch.Tensor) -> None:
        """Set the weights to these values, shape (n,) or (1,)."""
        with _unordered_writes():
            _flat(self.parameter)[self.index.long()] = values

    def nonzero(self) -> int:
        """How many of the values are not zero."""
        return int(torch.count_nonzero(self.values))


@dataclass(frozen=True)
class DenseSnapshot:
    """More than half of one parameter's weights: 5 bytes for each weight of the parameter, in float32.

    Attributes:
        parameter: of which this process holds all weights, or some rows.
        mask: which of them, bool, shape (numel,).
        values: of the whole parameter, shape (numel,), in its dtype.
    """

    parameter: nn.Parameter
    mask: torch.Tensor
    values: torch.Tensor

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self.mask.nbytes + self.values.nbytes

    def write(self, values: torch.Tensor) -> None:
        """Set the weights to these values, shape (numel,) or (1,); of the former only those in the mask count."""
        weights = _flat(self.parameter)
        torch.where(self.mask, values, weights, out=weights)

    def nonzero(self) -> int:
        """How many of the values are not zero."""
        return int(torch.count_nonzero(self.mask & (self.values != 0)))


Snapshot = SparseSnapshot | DenseSnapshot


@contextmanager
def _unordered_writes() -> Iterator[None]:
    """No index comes twice, so the order of writing does not matter: a GPU need not sort them, as torch would."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


def _flat(parameter: nn.Parameter) -> torch.Tensor:
    """The weights that this process holds, a view. Not kept: training may move them."""
    return local_shard(parameter).detach().view(-1)


def check(model: nn.Module, region: Region) -> None:
    """Check that a region belongs to this model.

    Raises:
        UserError: it belongs to another model.
    """
    parameters = dict(model.named_parameters())
    for name, shape in region.shapes.items():
        if name not in parameters or tuple(parameters[name].shape) != shape:
            raise UserError(
                f"{region.name} is of another model: this one has no {name} of shape {list(shape)}; build it from the "
                "importance of this model's weights"
            )


@torch.no_grad()
def snapshot(model: nn.Module, region: Region) -> list[Snapshot]:
    """Copy a region's weights, parameter by parameter.

    Raises:
        UserError: the region belongs to another model.
    """
    check(model, region)
    parameters = dict(model.named_parameters())
    return [_snapshot(parameters[name], region.mask(name)) for name in region.shapes]


def _snapshot(parameter: nn.Parameter, mask: np.ndarray) -> Snapshot:
    weights = _flat(parameter)
    mask = mask[local_rows(parameter)].reshape(-1)
    index = np.flatnonzero(mask)
    if len(index) > len(mask) / 2:
        return DenseSnapshot(parameter, torch.from_numpy(mask).to(weights.device), weights.clone())
    if len(mask) < 2**31:
        index = index.astype(np.int32)
    index = torch.from_numpy(index).to(weights.device)
    return SparseSnapshot(parameter, index, weights[index])


@torch.no_grad()
def restore(snapshots: list[Snapshot]) -> None:
    """Set the weights to the values they had in the snapshots."""
    for part in snapshots:
        part.write(part.values)


@torch.no_grad()
def zero_(snapshots: list[Snapshot]) -> None:
    """Set the weights to zero, in place."""
    for part in snapshots:
        part.write(torch.zeros_like(part.values[:1]))
