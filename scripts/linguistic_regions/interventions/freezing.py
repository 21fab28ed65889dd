"""Freezing: weights that keep their bits while the rest is trained."""

from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from linguistic_regions.interventions.snapshot import restore, snapshot
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError


class Frozen:
    """Weights that keep their present bits through training.

    Masking gradients is not enough: weight decay and momentum move a weight without one. So the weights are restored
    after every optimizer step. Takes 8 bytes per frozen weight (of float32), or 5 for each weight of a matrix of which
    more than half is frozen.

    Args:
        model: holds the weights.
        region: which weights to freeze.
        only: freeze all parameters but the region instead. Parameters outside the region's matrices get no
            gradient then, and cost nothing.

    Raises:
        UserError: the region belongs to another model.
    """

    def __init__(self, model: nn.Module, region: Region, only: bool = False):
        self.snapshots = snapshot(model, ~region if only else region)
        if only:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name in region.shapes)

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return sum(part.nbytes for part in self.snapshots)

    def restore(self) -> None:
        """Give the frozen weights their initial bits back."""
        restore(self.snapshots)

    def attach(self, optimizer: Optimizer) -> RemovableHandle:
        """Restore the weights after each step of an optimizer, until `remove()` of the returned handle is called.

        Args:
            optimizer: of torch, or as accelerate wraps it.

        Raises:
            UserError: it is of another kind, such as DeepSpeed's, which steps on copies of the weights.
        """
        optimizer = getattr(optimizer, "optimizer", optimizer)  # accelerate's wrapper has no hooks of its own
        if not isinstance(optimizer, Optimizer):
            raise UserError(
                f"freeze: {type(optimizer).__name__} is no torch.optim.Optimizer, and may step on copies of the "
                "weights: train with an optimizer of torch"
            )
        return optimizer.register_step_post_hook(lambda *_: self.restore())


def freeze(optimizer: Optimizer, model: nn.Module, region: Region) -> RemovableHandle:
    """Keep the region's present bits through every further step of the optimizer.

    Gradients are left alone, so those of frozen weights count where the norm of all gradients is clipped.

    Args:
        optimizer: of torch, or as accelerate wraps it; only its steps are undone.
        model: whose parameters it trains.
        region: which weights to freeze.

    Returns:
        A handle; its `remove()` ends the freezing.

    Raises:
        UserError: the region belongs to another model, or the optimizer is none of torch.
    """
    return Frozen(model, region).attach(optimizer)
