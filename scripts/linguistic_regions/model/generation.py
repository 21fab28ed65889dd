"""Greedy generation: a prompt is continued with the most likely token at each step."""

from collections.abc import Collection, Sequence
from inspect import signature

import torch
from transformers import PreTrainedModel

from linguistic_regions.model.precision import autocast


@torch.no_grad()
def continue_greedily(
    model: PreTrainedModel, prompt: Sequence[int], length: int, ends: Collection[int], precision: str
) -> tuple[list[int], float]:
    """Continue a prompt with the most likely token at each step; of equally likely ones, that with the lowest id.

    One prompt at a time: rounding depends on what shares a batch, and where two tokens are nearly as likely, so would
    the continuation. Keys and values of earlier tokens are kept, if the model can.

    Args:
        model: a causal language model.
        prompt: token ids.
        length: maximum number of tokens.
        ends: ids of the tokens that end a text; the first of them is the last token of the continuation.
        precision: "fp32", "bf16" or "auto" (bf16 if the device supports it natively).

    Returns:
        The ids of the continuation, and their summed negative log-likelihood, in nats.
    """
    has_cache = "past_key_values" in signature(model.forward).parameters
    unread, cache = list(prompt), {}
    continuation, nll = [], 0.0
    with autocast(precision, model.device):
        for _ in range(length):
            output = model(input_ids=torch.tensor([unread], device=model.device), use_cache=has_cache, **cache)
            logits = output.logits[0, -1].float()
            token = int(logits.argmax())
            nll -= logits.log_softmax(0)[token].item()
            continuation.append(token)
            if token in ends:
                break
            if has_cache:
                unread, cache = [token], {"past_key_values": output.past_key_values}
            else:
                unread.append(token)
    return continuation, nll


def end_tokens(model: PreTrainedModel) -> set[int]:
    """The ids of the tokens that end a text, as the model's settings have them."""
    ends = model.generation_config.eos_token_id if model.generation_config else None
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)
