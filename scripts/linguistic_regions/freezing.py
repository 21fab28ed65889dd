"""Holding weights: a region removed for a while, or frozen bit for bit while the rest is trained."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from linguistic_regions.commands import UserError
from linguistic_regions.regions import Region


def indices(region: Region, parameters: Mapping[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    """Flat indices of a region's weights, int64, per parameter and on its device.

    Raises:
        UserError: the region is of another model.
    """
    found = {}
    for name, shape in region.shapes.items():
        if name not in parameters or tuple(parameters[name].shape) != shape:
            raise UserError(f"the region is of another model: this one has no {name} of shape {list(shape)}")
        flat = torch.from_numpy(region.mask(name).reshape(-1)).nonzero().flatten()
        found[name] = flat.to(parameters[name].device)
    return found


@torch.no_grad()
def remove(region: Region, parameters: Mapping[str, nn.Parameter]) -> None:
    """Set the region's weights to zero, in place."""
    for name, index in indices(region, parameters).items():
        parameters[name].view(-1)[index] = 0


@contextmanager
def removed(region: Region, parameters: Mapping[str, nn.Parameter]) -> Iterator[int]:
    """Set the region's weights to zero inside the block; restore each bit after it.

    Yields the number of weights that were not zero before and are now.
    """
    held, changed = {}, 0
    with torch.no_grad():
        for name, index in indices(region, parameters).items():
            flat = parameters[name].view(-1)
            held[name] = (index, flat[index])
            changed += int(torch.count_nonzero(flat[index]))
            flat[index] = 0
    try:
        yield changed
    finally:
        with torch.no_grad():
            for name, (index, values) in held.items():
                parameters[name].view(-1)[index] = values


class Frozen:
    """Weights that keep their present bits through training: call `restore()` after every optimizer step.

    Masking gradients is not enough: weight decay and momentum move a weight without one.

    Args:
        region: the weights to freeze.
        parameters: the model's parameters by name.
        only: freeze all parameters but the region instead. Parameters outside the region's matrices get no
            gradient then, and cost nothing.
    """

    def __init__(self, region: Region, parameters: Mapping[str, nn.Parameter], only: bool = False):
        self.parameters = {name: parameters[name] for name in region.shapes if name in parameters}
        self.only = only
        self.index = indices(region, parameters)
        if only:
            for name, parameter in parameters.items():
                parameter.requires_grad_(name in self.index)
            self.values = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        else:
            self.values = {name: weight.detach().view(-1)[self.index[name]] for name, weight in self.parameters.items()}

    @torch.no_grad()
    def restore(self) -> None:
        """Give the frozen weights their initial bits back."""
        for name, index in self.index.items():
            flat = self.parameters[name].view(-1)
            if self.only:
                trained = flat[index]
                flat.copy_(self.values[name].view(-1))
                flat[index] = trained
            else:
                flat[index] = self.values[name]
