"""Freezing a region in a transformers Trainer."""

from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback

from linguistic_regions.interventions.freezing import freeze
from linguistic_regions.regions.region import Region, require_region


class FreezeRegion(TrainerCallback):
    """Freezes a region in any Trainer: `Trainer(..., callbacks=[FreezeRegion(region)])`.

    The weights keep their values from the start of training. When training resumes, these come from the checkpoint,
    which has the initial values if the interrupted training froze the same region.

    Args:
        region: the weights to freeze.

    Raises:
        UserError: if it is not a region; at the start of training, if it belongs to another model.
    """

    def __init__(self, region: Region):
        require_region(region)
        self.region = region
        self._handle: RemovableHandle | None = None

    def on_train_begin(self, args, state, control, model: nn.Module, optimizer: Optimizer, **kwargs) -> None:
        self._release()  # after an error, or in the batch size search, training starts again without on_train_end
        self._handle = freeze(optimizer, model, self.region)

    def on_train_end(self, args, state, control, **kwargs) -> None:
        self._release()

    def _release(self) -> None:
        if self._handle:
            self._handle.remove()
            self._handle = None
