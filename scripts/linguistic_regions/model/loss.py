"""The loss of a causal language model, per token and per block."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy, pad
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from linguistic_regions.model.compatibility import check_compatible
from linguistic_regions.model.precision import autocast
from linguistic_regions.runtime.distributed import gather_in_order, rank_share

IGNORED = -100
LOGITS_AT_ONCE = 1 << 26  # 256 MiB in float32
LOGITS_IN_CACHE = 1 << 20  # fit in a CPU's cache, which takes a third of the time


def next_token_loss(model: PreTrainedModel, input_ids: torch.Tensor) -> torch.Tensor:
    """The negative log-likelihood of each next token.

    A part of the logits is converted to float32 at a time. If gradients are needed, it is recomputed in the backward
    pass.

    Args:
        model: a causal language model.
        input_ids: int64, shape (blocks, block size).

    Returns:
        float32, shape (blocks, block size - 1), in nats.
    """
    logits = model(input_ids=input_ids).logits.flatten(0, 1)
    # The last position has no next token. It is ignored, because slicing it off would copy all logits.
    targets = pad(input_ids[:, 1:], (0, 1), value=IGNORED).flatten()
    rows = rows_at_once(logits)
    if rows >= len(logits):
        losses = token_losses(logits, targets)
    else:
        parts = zip(logits.split(rows), targets.split(rows), strict=True)
        losses = torch.cat([checkpoint(token_losses, *part, use_reentrant=False) for part in parts])
    return losses.view(input_ids.shape)[:, :-1]


def rows_at_once(logits: torch.Tensor) -> int:
    """How many rows of logits, shape (rows, vocabulary), are converted to float32 at a time.

    They have at most `LOGITS_AT_ONCE` logits: with a vocabulary of 256 000, those of 4 096 tokens would take 4 GB.
    """
    in_cache = logits.device.type == "cpu" and not logits.requires_grad
    return max(1, (LOGITS_IN_CACHE if in_cache else LOGITS_AT_ONCE) // logits.shape[1])


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The negative log-likelihood of a token in each row of logits.

    Args:
        logits: shape (rows, vocabulary).
        targets: token ids, int64, shape (rows,); `IGNORED`: 0.

    Returns:
        float32, shape (rows,), in nats.
    """
    return cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="none")


@torch.no_grad()  # not inference_mode, after which a sharded model could not be trained
def block_nll(model: PreTrainedModel, input_ids: np.ndarray, batch_tokens: int, precision: str) -> np.ndarray:
    """The summed negative log-likelihood of each block.

    Args:
        model: a causal language model.
        input_ids: blocks of tokens to predict, int32, shape (blocks, block size).
        batch_tokens: tokens per forward pass.
        precision: "fp32", "bf16" or "auto" (bf16 if the device supports it natively).

    Returns:
        float64, shape (blocks,), in nats.

    Raises:
        UserError: the model cannot process the blocks.
    """
    check_compatible(model, input_ids)
    batch = max(1, batch_tokens // input_ids.shape[1])
    mine = rank_share(len(input_ids))
    sums = []
    was_training = model.training
    model.eval()
    with autocast(precision, model.device):
        for start in range(0, len(mine), batch):
            rows = input_ids[mine[start : start + batch]]
            ids = torch.tensor(rows, dtype=torch.long, device=model.device)
            sums.append(next_token_loss(model, ids).double().sum(1))
    model.train(was_training)
    return gather_in_order(torch.cat(sums), len(input_ids)).cpu().numpy()
