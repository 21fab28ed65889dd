"""Training steps with a region frozen, compared with the same steps with nothing frozen."""

from collections.abc import Iterator

import torch
from measurement import Row, medians
from torch.optim import AdamW
from workbench import PRECISION, batch_tokens, description, load_model, on_gpu, region, text, wait

from linguistic_regions.interventions.freezing import Frozen
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.precision import autocast

RATIOS = (0.01, 0.05)
STEPS = 4


def rows() -> Iterator[Row]:
    """Yield a row per ratio: steps of AdamW, or on a GPU of SGD, as AdamW's state does not fit next to a 7B model."""
    model = load_model().train()
    ids = torch.tensor(text(model, batch_tokens() // 64).input_ids, dtype=torch.long, device=model.device)
    ids = ids[: batch_tokens() // ids.shape[1]]
    optimizer = torch.optim.SGD(model.parameters(), 1e-5) if on_gpu() else AdamW(model.parameters(), 1e-5, fused=True)

    def steps(frozen: Frozen | None) -> None:
        for _ in range(STEPS):
            with autocast(PRECISION, model.device):
                loss = next_token_loss(model, ids).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if frozen:
                frozen.restore()
        wait()

    for ratio in RATIOS:
        chosen = region(model, ratio)
        frozen = Frozen(model, chosen)
        with_frozen, without, alone = medians(
            lambda frozen=frozen: steps(frozen), lambda: steps(None), lambda frozen=frozen: wait(frozen.restore())
        )
        yield Row(
            f"training with {ratio:.0%} frozen, {description(model)}",
            f"{with_frozen / STEPS:.4f} s per step",
            f"{without / STEPS:.4f} s per step (nothing frozen)",
            without / with_frozen,
            f"restoring the weights takes {1e3 * alone:.1f} ms, {alone * STEPS / without:.2%} of a step; "
            f"{frozen.nbytes / len(chosen):.1f} bytes per frozen weight",
        )
