"""The exact change of the loss when a single weight is set to zero, which scores of importance estimate.

It is computed in float64. Most single weights change the loss by less than the rounding errors of a pass in float32.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from linguistic_regions.interventions.lesions import removed_weight
from linguistic_regions.model.compatibility import check_compatible
from linguistic_regions.model.float64 import Float64
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.weights import layers
from linguistic_regions.runtime.progress import progress

NUDGE = 1e-7  # relative: float32 would round it, and its square is far below the changes of the loss


@torch.no_grad()
def changes(
    model: PreTrainedModel, input_ids: np.ndarray, weights: Sequence[tuple[nn.Parameter, int]], batch_tokens: int
) -> tuple[np.ndarray, float]:
    """The change of the mean loss per token when each weight alone is set to zero.

    Args:
        model: a causal language model, in one process; afterwards each bit is as before.
        input_ids: blocks, int32, shape (blocks, block size).
        weights: parameters of the model, each with the flat index of a weight.
        batch_tokens: tokens in one forward pass.

    Returns:
        The loss without the weight minus that of the intact model, in nats per token, float64, shape (weights,); and
        the numerical floor of these changes, in the same unit, from `rounding`.

    Raises:
        UserError: the model cannot read the blocks.
    """
    check_compatible(model, input_ids)
    # Reversed, so that a weight that several layers share gets the number of the first.
    layer_of = {id(weight): at for at, layer in reversed([*enumerate(layers(model))]) for weight in layer.parameters()}
    batch = max(1, batch_tokens // input_ids.shape[1])
    totals, floor = np.zeros(len(weights)), 0.0
    for start in range(0, len(input_ids), batch):
        ids = torch.tensor(input_ids[start : start + batch], dtype=torch.long, device=model.device)
        intact, losses_from = _watched(model, ids)
        floor = max(floor, rounding(model, ids, intact))
        for number, (parameter, index) in enumerate(progress(weights, "single weights", unit="weight")):
            with removed_weight(parameter, index):
                losses = losses_from(layer_of.get(id(parameter), 0))
            totals[number] += (losses - intact).sum().item()
    return totals / (input_ids.shape[0] * (input_ids.shape[1] - 1)), floor


@torch.no_grad()
def rounding(model: PreTrainedModel, ids: torch.Tensor, intact: torch.Tensor) -> float:
    """The rounding error of a token's loss, root mean square over tokens, in nats.

    The embeddings are nudged, relatively by plus and by minus `NUDGE` times random signs. But for rounding, the mean of
    the two losses is the intact one, up to the square of the nudge.

    Args:
        model: a causal language model.
        ids: int64, shape (blocks, block size).
        intact: its losses, float64, shape (blocks, block size - 1).
    """
    embedding = model.get_input_embeddings()
    signs = 2 * torch.randint(2, embedding.weight.shape[1:], generator=torch.Generator().manual_seed(0)) - 1
    nudges = NUDGE * signs.to(model.device, torch.float64)
    nudged = []
    for factor in (1 + nudges, 1 - nudges):
        hook = embedding.register_forward_hook(lambda *call, by=factor: call[-1] * by)
        nudged.append(_losses(model, ids))
        hook.remove()
    return (sum(nudged) / 2 - intact).square().mean().sqrt().item()


def _losses(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    with Float64():
        return next_token_loss(model, ids)


def _watched(model: PreTrainedModel, ids: torch.Tensor) -> tuple[torch.Tensor, Callable[[int], torch.Tensor]]:
    """The losses of the intact model, and a function that gives those of a model that is changed in one layer.

    The layers below that one return what they returned in the intact model, which saves half of the time.
    """
    stack, outputs = layers(model), []
    hooks = [layer.register_forward_hook(lambda *call: outputs.append(call[-1])) for layer in stack]
    intact = _losses(model, ids)
    for hook in hooks:
        hook.remove()

    def losses_from(changed: int) -> torch.Tensor:
        below = stack[:changed]
        for layer, output in zip(below, outputs, strict=False):
            layer.forward = lambda *_, output=output, **__: output
        try:
            return _losses(model, ids)
        finally:
            for layer in below:
                del layer.forward

    return intact, losses_from
