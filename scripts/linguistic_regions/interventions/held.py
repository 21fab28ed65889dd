"""Holding weights: a region removed for a while, or frozen bit for bit while the rest is trained.

Of a model that is spread over several processes, each process holds its own rows.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.distributed import local_rows, local_shard
from linguistic_regions.runtime.errors import UserError


@dataclass(frozen=True)
class Few:
    """Few weights of one parameter, with the values that they had: 8 bytes for each, of float32.

    Attributes:
        parameter: of which this process holds all weights or some rows.
        index: which of them, flat; int32 where that suffices.
        values: what they were.
    """

    parameter: nn.Parameter
    index: torch.Tensor
    values: torch.Tensor

    def put(self, values: torch.Tensor | float) -> None:
        """Set the weights to these values."""
        with _in_any_order():
            _flat(self.parameter)[self.index.long()] = values

    def nonzero(self) -> int:
        """How many of the values are not zero."""
        return int(torch.count_nonzero(self.values))


@dataclass(frozen=True)
class Most:
    """Most weights of one parameter, with the values that it had: 5 bytes for each weight of the parameter.

    Attributes:
        parameter: of which this process holds all weights or some rows.
        mask: which of them, bool, shape (numel,).
        values: of the whole parameter, flat.
    """

    parameter: nn.Parameter
    mask: torch.Tensor
    values: torch.Tensor

    def put(self, values: torch.Tensor | float) -> None:
        """Set the weights to these values."""
        weights = _flat(self.parameter)
        torch.where(self.mask, values, weights, out=weights)

    def nonzero(self) -> int:
        """How many of the values are not zero."""
        return int(torch.count_nonzero(self.mask & (self.values != 0)))


@contextmanager
def _in_any_order() -> Iterator[None]:
    """Places differ, so that any order of writing gives the same: on a GPU torch would sort them first."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=True)


def _flat(parameter: nn.Parameter) -> torch.Tensor:
    """The weights that this process holds, a view. Asked for anew each time: training may move them."""
    return local_shard(parameter).detach().view(-1)


def check(region: Region, parameters: Mapping[str, nn.Parameter]) -> None:
    """See that a region is one of these parameters' model.

    Raises:
        UserError: it is of another model.
    """
    for name, shape in region.shapes.items():
        if name not in parameters or tuple(parameters[name].shape) != shape:
            raise UserError(
                f"{region.name} is of another model: this one has no {name} of shape {list(shape)}; build it from the "
                "importance of this model's weights"
            )


@torch.no_grad()
def hold(region: Region, parameters: Mapping[str, nn.Parameter]) -> list[Few | Most]:
    """Take note of a region's weights and their values, parameter by parameter.

    Raises:
        UserError: the region is of another model.
    """
    check(region, parameters)
    held = []
    for name in region.shapes:
        weights = _flat(parameters[name])
        mask = torch.from_numpy(region.mask(name)[local_rows(parameters[name])].reshape(-1)).to(weights.device)
        index = mask.nonzero().flatten()
        if len(index) > len(mask) / 2:
            held.append(Most(parameters[name], mask, weights.clone()))
        else:
            held.append(Few(parameters[name], index.int() if len(mask) < 2**31 else index, weights[index]))
    return held


@torch.no_grad()
def restore(held: list[Few | Most]) -> None:
    """Give weights the values back that they had when they were held."""
    for part in held:
        part.put(part.values)


@torch.no_grad()
def clear(held: list[Few | Most]) -> None:
    """Set weights to zero."""
    for part in held:
        part.put(torch.zeros_like(part.values[:1]))
