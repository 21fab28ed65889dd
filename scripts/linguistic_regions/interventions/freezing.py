"""Freezing: keep weights fixed, bit for bit, while the rest of the model is trained."""

from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from linguistic_regions.interventions.snapshot import restore, snapshot
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError


class Frozen:
    """Weights that keep their current values, bit for bit, during training.

    Masking gradients is not enough, because weight decay and momentum move a weight that has no gradient; so the
    weights are restored after every optimizer step. In float32 this takes 8 bytes per frozen weight, or 5 bytes per
    weight of a matrix that is more than half frozen.

    Args:
        model: the model to be trained.
        region: the weights to freeze.
        only: train only the region, and freeze everything else. Parameters without a mask in the region then get no
            gradient and need no memory.

    Raises:
        UserError: if the region belongs to another model.
    """

    def __init__(self, model: nn.Module, region: Region, only: bool = False):
        self.snapshots = snapshot(model, ~region if only else region)
        if only:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name in region.shapes)

    @property
    def nbytes(self) -> int:
        """Memory used, in bytes."""
        return sum(part.nbytes for part in self.snapshots)

    def restore(self) -> None:
        """Restore the frozen weights, bit for bit."""
        restore(self.snapshots)

    def attach(self, optimizer: Optimizer) -> RemovableHandle:
        """Restore the weights after each step of an optimizer, until `remove()` of the returned handle is called.

        Args:
            optimizer: a torch optimizer, or accelerate's wrapper of one.

        Raises:
            UserError: if it is of another kind, such as DeepSpeed's, which updates copies of the weights, or if it
                trains none of these weights.
        """
        optimizer = getattr(optimizer, "optimizer", optimizer)  # accelerate's wrapper does not support hooks
        if not isinstance(optimizer, Optimizer):
            raise UserError(
                f"freeze: {type(optimizer).__name__} is not a torch.optim.Optimizer and may update copies of the "
                "weights: use a torch optimizer"
            )
        trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        if self.snapshots and trained.isdisjoint(id(part.parameter) for part in self.snapshots):
            raise UserError("freeze: the optimizer trains no parameter of the region: give the optimizer of this model")
        return optimizer.register_step_post_hook(lambda *_: self.restore())


def freeze(optimizer: Optimizer, model: nn.Module, region: Region) -> RemovableHandle:
    """Keep the region's current values, bit for bit, through all later steps of the optimizer.

    Gradients are not changed, so those of frozen weights count towards the norm in gradient clipping.

    Args:
        optimizer: a torch optimizer, or accelerate's wrapper of one; only its own steps are undone.
        model: the model that it trains.
        region: the weights to freeze.

    Returns:
        A handle whose `remove()` ends the freezing.

    Raises:
        UserError: if the region belongs to another model, or the optimizer is not a torch optimizer, or trains none of
            the region's parameters.
    """
    return Frozen(model, region).attach(optimizer)
