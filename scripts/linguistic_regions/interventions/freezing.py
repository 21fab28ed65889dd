"""Freezing: weights that keep their bits while the rest is trained."""

from collections.abc import Mapping

from torch import nn

from linguistic_regions.interventions.held import hold, restore
from linguistic_regions.regions.region import Region


class Frozen:
    """Weights that keep their present bits through training: call `restore()` after every optimizer step.

    Masking gradients is not enough: weight decay and momentum move a weight without one. Takes 8 bytes per frozen
    weight (of float32), or 5 for each weight of a matrix of which more than half is frozen.

    Args:
        region: the weights to freeze.
        parameters: the model's parameters by name.
        only: freeze all parameters but the region instead. Parameters outside the region's matrices get no
            gradient then, and cost nothing.
    """

    def __init__(self, region: Region, parameters: Mapping[str, nn.Parameter], only: bool = False):
        self.held = hold(~region if only else region, parameters)
        if only:
            for name, parameter in parameters.items():
                parameter.requires_grad_(name in region.shapes)

    def restore(self) -> None:
        """Give the frozen weights their initial bits back."""
        restore(self.held)
