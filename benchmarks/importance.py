"""Importance, compared with a bare forward and backward pass; and the error of bfloat16 sums."""

from collections.abc import Iterator

import numpy as np
import reference
import torch
from measurement import Row, medians
from workbench import (
    MODEL,
    PRECISION,
    batch_tokens,
    description,
    forward_flops,
    load_model,
    on_gpu,
    peak_flops,
    peak_memory,
    text,
    wait,
)

from linguistic_regions.importance.accumulation import measure
from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model.weights import selectable


def rows() -> Iterator[Row]:
    """Yield the throughput of "taylor", and the error of its sums."""
    model = load_model()
    blocks = text(model, 16 if MODEL else 64 if on_gpu() else 32)
    parameters = selectable(model, [], [])
    size = batch_tokens() // blocks.input_ids.shape[1]

    def ours() -> None:
        list(measure(model, parameters, blocks, [len(blocks)], Estimator(), batch_tokens(), PRECISION))
        wait()

    def plain() -> None:
        model.requires_grad_(False)
        for weight in parameters.values():
            weight.requires_grad_(True)
        reference.passes(model, blocks.input_ids, size, PRECISION, list(parameters.values()))
        wait()

    our, bare = medians(ours, plain)
    tokens = blocks.input_ids.size
    matrices = sum(weight.numel() for weight in parameters.values())
    flops = 2 * forward_flops(model, blocks) + 2 * matrices * tokens
    peak = peak_flops()
    yield Row(
        f"importance, {description(model)}",
        f"{tokens / our:,.0f} tokens/s{peak_memory()}",
        f"{tokens / bare:,.0f} tokens/s (bare forward and backward)",
        bare / our,
        f"{flops / our / 1e12:.2f} of {peak / 1e12:.2f} TFLOP/s of a large product: {flops / our / peak:.0%}",
    )
    if not MODEL:
        yield _sums(model.bfloat16(), text(model, 256))


def _sums(model, blocks) -> Row:
    """Compare scores from sums of bfloat16 gradients in float32 and in bfloat16 with sums in float64."""
    parameters = selectable(model, [], [])
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
    sampled = dict(list(parameters.items())[::7])
    totals = {name: {kind: torch.zeros_like(weight, dtype=dtype) for kind, dtype in kinds.items()}
              for name, weight in sampled.items()}  # fmt: skip
    model.requires_grad_(False)
    for weight in sampled.values():
        weight.requires_grad_(True)
    for row in blocks.input_ids:
        ids = torch.tensor(row[None], dtype=torch.long, device=model.device)
        model(input_ids=ids, labels=ids).loss.backward()
        for name, weight in sampled.items():
            for total in totals[name].values():
                total.add_(weight.grad)
            weight.grad = None
    scores = {
        kind: np.concatenate(
            [
                (totals[name][kind].double() * weight.double()).abs().flatten().detach().cpu()
                for name, weight in sampled.items()
            ]
        )
        for kind in kinds
    }
    exact = scores["float64"]
    error = {kind: np.abs(score - exact).mean() / exact.mean() for kind, score in scores.items()}
    core = {kind: set(np.argsort(-score)[: len(exact) // 100]) for kind, score in scores.items()}
    agreement = {kind: len(core[kind] & core["float64"]) / len(core[kind] | core["float64"]) for kind in kinds}
    return Row(
        f"error of the sum of {len(blocks)} bfloat16 gradients (mean, relative to the mean score)",
        f"{error['float32']:.1e} (float32)",
        f"{error['bfloat16']:.1e} (bfloat16)",
        error["bfloat16"] / error["float32"],
        f"Jaccard index of the top 1 % with float64's: {agreement['float32']:.4f} and {agreement['bfloat16']:.4f}",
    )
