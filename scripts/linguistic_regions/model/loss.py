"""The loss of a causal language model, token by token."""

import torch
from torch.nn.functional import cross_entropy, pad
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

IGNORED = -100


LOGITS_AT_ONCE = 1 << 26  # 256 MiB in float32


LOGITS_IN_CACHE = 1 << 20  # of a CPU, which takes a third of the time so


def next_token_loss(model: PreTrainedModel, input_ids: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each next token in nats, float32, shape (blocks, block size - 1).

    No more than `LOGITS_AT_ONCE` logits are float32 at a time: for a vocabulary of 256 000 those of 4 096 tokens would
    take 4 GB. With gradients, those of a part are computed again in the backward pass.
    """
    logits = model(input_ids=input_ids).logits.flatten(0, 1)
    # The last position has no next token. It is ignored, not cut off: that would copy all logits.
    targets = pad(input_ids[:, 1:], (0, 1), value=IGNORED).flatten()
    in_cache = logits.device.type == "cpu" and not logits.requires_grad
    rows = max(1, (LOGITS_IN_CACHE if in_cache else LOGITS_AT_ONCE) // logits.shape[1])
    if rows >= len(logits):
        losses = _token_losses(logits, targets)
    else:
        parts = zip(logits.split(rows), targets.split(rows), strict=True)
        losses = torch.cat([checkpoint(_token_losses, *part, use_reentrant=False) for part in parts])
    return losses.view(input_ids.shape)[:, :-1]


def _token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="none")
