"""Snapshots: copies of a region's weights, to change the weights and restore them bit for bit.

If a model is sharded over several processes, each process copies its own rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from linguistic_regions.regions.region import Region, require_region
from linguistic_regions.runtime.distributed import local_rows, local_shard
from linguistic_regions.runtime.errors import UserError


@dataclass(frozen=True)
class SparseSnapshot:
    """A copy of at most half of one parameter's weights: 8 bytes per copied weight, in float32.

    Attributes:
        parameter: the parameter, or this process's rows of it.
        index: flat indices of the weights, shape (n,); int32 where that suffices.
        values: their values, shape (n,), in the parameter's dtype.
    """

    parameter: nn.Parameter
    index: torch.Tensor
    values: torch.Tensor

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self.index.nbytes + self.values.nbytes

    def write(self, values: torch.Tensor) -> None:
        """Set the weights to `values`, shape (n,) or (1,)."""
        with _unordered_writes():
            _flat(self.parameter)[self.index.long()] = values

    def nonzero(self) -> int:
        """Return the number of weights that were not zero."""
        return int(torch.count_nonzero(self.values))


@dataclass(frozen=True)
class DenseSnapshot:
    """A copy of more than half of one parameter's weights: 5 bytes per weight of the parameter, in float32.

    Attributes:
        parameter: the parameter, or this process's rows of it.
        mask: the weights that belong to the snapshot, bool, shape (numel,).
        values: the values of all weights, shape (numel,), in the parameter's dtype.
    """

    parameter: nn.Parameter
    mask: torch.Tensor
    values: torch.Tensor

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self.mask.nbytes + self.values.nbytes

    def write(self, values: torch.Tensor) -> None:
        """Set the weights in the mask to `values`, shape (numel,) or (1,)."""
        weights = _flat(self.parameter)
        torch.where(self.mask, values, weights, out=weights)

    def nonzero(self) -> int:
        """Return the number of weights that were not zero."""
        return int(torch.count_nonzero(self.mask & (self.values != 0)))


Snapshot = SparseSnapshot | DenseSnapshot


@contextmanager
def _unordered_writes() -> Iterator[None]:
    """Turn off deterministic mode, which sorts indices on a GPU: they are distinct, so their order does not matter."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


def _flat(parameter: nn.Parameter) -> torch.Tensor:
    """Return a flat view of this process's weights. Do not keep it: training may move them."""
    return local_shard(parameter).detach().view(-1)


def check(model: nn.Module, region: Region) -> None:
    """Check that a region belongs to this model.

    Raises:
        UserError: if it belongs to another model, or one of the two is something else.
    """
    require_region(region)
    if not isinstance(model, nn.Module):
        raise UserError(f"{type(model).__name__} {str(model)[:50]!r} is not a model: give a torch.nn.Module")
    parameters = dict(model.named_parameters())
    for name, shape in region.shapes.items():
        if name not in parameters or tuple(parameters[name].shape) != shape:
            raise UserError(
                f"{region.name} belongs to another model: this one has no {name} of shape {list(shape)}; build the "
                "region from this model's importance scores"
            )


@torch.no_grad()
def snapshot(model: nn.Module, region: Region) -> list[Snapshot]:
    """Copy a region's weights, parameter by parameter.

    Raises:
        UserError: if the region belongs to another model.
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
    """Set the weights to their values in the snapshots.

    Raises:
        UserError: the model has another dtype than before; nothing is restored then.
    """
    for part in snapshots:
        if part.parameter.dtype != part.values.dtype:
            raise UserError(
                f"the model was converted from {part.values.dtype} to {part.parameter.dtype} while a region of it was "
                "changed or frozen, so its weights cannot be restored: load it again, and convert it before"
            )
    for part in snapshots:
        part.write(part.values)


@torch.no_grad()
def zero_(snapshots: list[Snapshot]) -> None:
    """Set the weights to zero, in place."""
    for part in snapshots:
        part.write(torch.zeros_like(part.values[:1]))
