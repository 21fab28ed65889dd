"""Reference implementations for the benchmarks: short and obvious, not optimized for memory or speed."""

import random

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.functional import cross_entropy

from linguistic_regions.model.precision import autocast


def summed(files: list, name: str) -> torch.Tensor:
    """Return the float32 sum of one matrix's scores in several files, flat."""
    total = None
    for file in files:
        with safe_open(file, "pt") as opened:
            scores = opened.get_tensor(name).flatten()
        total = scores if total is None else total + scores
    return total


def cut(total: torch.Tensor, ratio: float, seed: int) -> dict[str, np.ndarray]:
    """Return top, bottom and random regions of one matrix (flat), as boolean masks.

    `random` uses another generator than the library: it selects as many weights, but not the same ones.
    """
    count = int(ratio * total.numel())
    chosen = {
        "top": torch.topk(total, count).indices.numpy(),
        "bottom": torch.topk(total, count, largest=False).indices.numpy(),
        "random": random.Random(seed).sample(range(total.numel()), count),
    }
    masks = {kind: np.zeros(total.numel(), bool) for kind in chosen}
    for kind, indices in chosen.items():
        masks[kind][indices] = True
    return masks


def passes(model, blocks: np.ndarray, size: int, precision: str, weights: list = ()) -> None:
    """Run forward passes over all blocks; with `weights`, backward passes too, whose gradients are discarded.

    Args:
        model: a causal language model.
        blocks: int32, shape (blocks, block size).
        size: blocks per pass.
        precision: "fp32", "bf16" or "auto".
        weights: the parameters that require gradients.
    """
    with torch.set_grad_enabled(bool(weights)):
        for start in range(0, len(blocks), size):
            ids = torch.tensor(blocks[start : start + size], dtype=torch.long, device=model.device)
            with autocast(precision, model.device):
                logits = model(input_ids=ids).logits
                loss = cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten()) if weights else None
            if weights:
                loss.backward()
            for weight in weights:
                weight.grad = None
