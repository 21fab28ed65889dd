"""Freezing in a Trainer of transformers."""

from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback

from linguistic_regions.interventions.freezing import freeze
from linguistic_regions.regions.region import Region


class FreezeRegion(TrainerCallback):
    """Keeps a region's bits in any Trainer: `Trainer(..., callbacks=[FreezeRegion(region)])`.

    They are the bits when training begins. If it resumes from a checkpoint, its weights are loaded by then; frozen ones
    were saved with their initial bits, provided that the interrupted training froze the same region.

    Args:
        region: which weights to freeze.

    Raises:
        UserError: when training begins, if the region belongs to another model.
    """

    def __init__(self, region: Region):
        self.region = region
        self._handle: RemovableHandle | None = None

    def on_train_begin(self, args, state, control, model: nn.Module, optimizer: Optimizer, **kwargs) -> None:
        self._release()  # a training that an error ended, and the batch size's search, begin anew without an end
        self._handle = freeze(optimizer, model, self.region)

    def on_train_end(self, args, state, control, **kwargs) -> None:
        self._release()

    def _release(self) -> None:
        if self._handle:
            self._handle.remove()
            self._handle = None
