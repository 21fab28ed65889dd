"""Importance of each weight for a language: how much the loss would change if it were zero (paper, section 2)."""

from collections.abc import Iterator, Mapping

import torch
from torch import nn
from transformers import PreTrainedModel

from linguistic_regions.commands import progress
from linguistic_regions.models import autocast
from linguistic_regions.perplexity import next_token_loss
from linguistic_regions.tokens import Blocks

Score = dict[str, torch.Tensor]


def scores(
    model: PreTrainedModel,
    parameters: Mapping[str, nn.Parameter],
    blocks: Blocks,
    milestones: list[int],
    estimator: str = "taylor",
    micro_batch: int = 1,
    precision: str = "fp32",
) -> Iterator[tuple[int, Score]]:
    """The importance of each selectable weight after each milestone of samples, in one pass over the blocks.

    With g_j the gradient of a micro-batch's mean next-token loss and theta_j the weight:

    - "taylor": |mean over samples of g_j| * |theta_j|, the first-order estimate of
      |L(theta) - L(theta with theta_j = 0)| on all samples together;
    - "taylor_abs": mean over micro-batches of |g_j * theta_j|;
    - "magnitude": |theta_j|; the baseline that needs no text.

    Args:
        model: a causal language model; its weights stay as they are.
        parameters: the weights to score; no other gradient is computed.
        blocks: samples of one language, at least as many as the last milestone.
        milestones: numbers of samples, ascending, multiples of `micro_batch`.
        estimator: as above.
        micro_batch: blocks in one backward pass.
        precision: "fp32", "bf16" or "auto"; sums are float32 in any case.

    Yields:
        samples so far and the scores: float32, on the CPU, in the shapes of the parameters.
    """
    if estimator == "magnitude":
        for samples in milestones:
            yield samples, {name: weight.detach().abs().float().cpu() for name, weight in parameters.items()}
        return

    model.eval().requires_grad_(False)
    total = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in parameters.items()}
    hooks = []
    for name, weight in parameters.items():
        weight.requires_grad_(True)
        hooks.append(weight.register_post_accumulate_grad_hook(_fold(total[name], estimator)))
    try:
        for start in progress(range(0, milestones[-1], micro_batch), "importance", unit="batch"):
            ids = torch.tensor(blocks.input_ids[start : start + micro_batch], dtype=torch.long, device=model.device)
            with autocast(precision, model.device):
                loss = next_token_loss(model, ids).mean()
            # taylor sums over samples, so that any batching gives the same score
            (loss * len(ids) if estimator == "taylor" else loss).backward()
            samples = start + len(ids)
            if samples in milestones:
                terms = samples if estimator == "taylor" else samples // micro_batch
                yield (
                    samples,
                    {name: _score(total[name], weight, terms, estimator) for name, weight in parameters.items()},
                )
    finally:
        for hook in hooks:
            hook.remove()


def _fold(total: torch.Tensor, estimator: str):
    """A hook that adds a parameter's gradient to its total as soon as it is there, and frees it."""

    def hook(weight: torch.Tensor) -> None:
        gradient = weight.grad.float()
        total.add_(gradient if estimator == "taylor" else (gradient * weight.detach()).abs_())
        weight.grad = None

    return hook


def _score(total: torch.Tensor, weight: torch.Tensor, terms: int, estimator: str) -> torch.Tensor:
    mean = total / terms
    return (mean.mul_(weight.detach().float()).abs_() if estimator == "taylor" else mean).cpu()
