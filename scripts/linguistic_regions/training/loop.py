"""Train a language model with accelerate: AdamW, cosine schedule with warm-up, checkpoints, milestones.

The order of the samples and the learning rate depend only on the step, so that a run resumed from a checkpoint gives
the same result as an uninterrupted one. Several processes share the samples of each step.
"""

import logging
import math
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from accelerate import Accelerator
from safetensors import safe_open
from torch.optim import AdamW
from torch.utils.data import DataLoader, TensorDataset
from transformers import PreTrainedModel

from linguistic_regions.interventions.freezing import Frozen
from linguistic_regions.model.compatibility import check_compatible
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.precision import autocast
from linguistic_regions.model.weights import enable_activation_checkpointing
from linguistic_regions.runtime.checkpoints import Checkpoints, deferred_sigterm
from linguistic_regions.runtime.distributed import (
    broadcast_from_main,
    distribute_like,
    gather_full,
    is_sharded,
    local_shard,
    processes,
)
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, NonNegative, Number, Positive, Share
from linguistic_regions.runtime.progress import progress


@dataclass(frozen=True)
class Schedule:
    """How a model is trained.

    Attributes:
        batch_size: samples (blocks) per optimizer step.
        warmup_steps: optimizer steps of linear warm-up, before the learning rate decays to zero along a half cosine.
        weight_decay: weight decay of AdamW, on weight matrices (not on norms and biases).
        betas: the two decay rates of AdamW.
        max_grad_norm: norm to which gradients are clipped.
        batch_tokens: tokens per forward and backward pass; gradients of larger batches are accumulated.
        precision: "fp32", "bf16" or "auto" (bf16 matrix products where the device supports them); weights are float32.
        activation_checkpointing: recompute activations in the backward pass: less memory, a third more time.
    """

    batch_size: Count = 16
    warmup_steps: Number = 100
    weight_decay: NonNegative = 0.001
    betas: tuple[Share, Share] = (0.9, 0.95)
    max_grad_norm: Positive = 1.0
    batch_tokens: Count = 8192
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    activation_checkpointing: bool = False


def train(
    model: PreTrainedModel,
    rows: np.ndarray,
    learning_rate: float,
    schedule: Schedule,
    milestones: list[int],
    at_milestone: Callable[[int], list[dict]],
    frozen: Frozen | None = None,
    checkpoints: Checkpoints | None = None,
    description: str = "training",
) -> list[dict]:
    """Train `model` in place on `rows`, in order.

    Args:
        model: a causal language model with float32 weights.
        rows: samples, int32, shape (samples, block size); an incomplete last batch is dropped.
        learning_rate: peak learning rate.
        schedule: how to train.
        milestones: numbers of samples at which `at_milestone(samples)` is called; 0 is before training.
        at_milestone: returns rows of results; called with the model in evaluation mode.
        frozen: weights to keep fixed.
        checkpoints: where to save the state of an unfinished run; None: not saved.
        description: label of the progress bar and of log messages.

    Returns:
        The rows of all milestones.

    Raises:
        UserError: if the loss becomes NaN or infinite, the model cannot process the rows, or a milestone is not a
            multiple of the batch size or exceeds the rows.
    """
    steps = len(rows) // schedule.batch_size
    for samples in milestones:
        if samples % schedule.batch_size or samples > steps * schedule.batch_size:
            raise UserError(
                f"milestones: {samples} is not a multiple of batch_size ({schedule.batch_size}) of at most "
                f"{steps * schedule.batch_size}"
            )
    check_compatible(model, rows)
    if schedule.activation_checkpointing:
        enable_activation_checkpointing(model)
    state = processes()
    micro_batch, accumulation = _micro_batches(schedule, rows.shape[1], state.num_processes)
    # `autocast` below sets the precision: accelerate's mixed precision would convert all logits to float32 at once.
    accelerator = Accelerator(
        cpu=model.device.type == "cpu", mixed_precision="no", gradient_accumulation_steps=accumulation
    )
    optimizer = _optimizer(model, learning_rate, schedule)
    if frozen:
        frozen.attach(optimizer)
    batches = DataLoader(TensorDataset(torch.from_numpy(rows[: steps * schedule.batch_size])), micro_batch)

    results, step = [], 0
    part, parts = (state.process_index, state.num_processes) if is_sharded(model) else (0, 1)
    identity = checkpoints.fingerprint(model, rows, learning_rate, schedule, milestones) if checkpoints else ""
    if checkpoints and (latest := checkpoints.latest(identity, parts)):
        step, results, file = checkpoints.load(latest, part, parts)
        _restore(file, model, optimizer)
        del file
        logging.info("%s: resumed from the checkpoint at step %d", description, step)
    elif 0 in milestones:
        results += _milestone(model, at_milestone, 0)
    state.wait_for_everyone()
    if is_sharded(model):  # FSDP already averages its gradients over processes
        wrapped, (optimizer, batches) = model, accelerator.prepare(optimizer, batches)
    else:
        wrapped, optimizer, batches = accelerator.prepare(model, optimizer, batches)
    wrapped.train()
    saved = time.monotonic()
    bar = progress(range(step * accumulation, steps * accumulation), description, unit="batch")
    remaining = accelerator.skip_first_batches(batches, step * accumulation)
    with deferred_sigterm() as sigterm:
        for _, (ids,) in zip(bar, remaining, strict=True):
            torch.manual_seed(step)  # so that dropout, too, depends only on the step
            with accelerator.accumulate(wrapped):
                with autocast(schedule.precision, model.device):
                    loss = next_token_loss(wrapped, ids.long()).mean()
                accelerator.backward(loss)
                if not accelerator.sync_gradients:
                    continue
                norm = gather_full(accelerator.clip_grad_norm_(wrapped.parameters(), schedule.max_grad_norm))
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * warm_cosine(step, schedule.warmup_steps, steps)
                optimizer.step()
                optimizer.zero_grad()
            step += 1
            if not math.isfinite(norm):
                raise UserError(
                    f"{description}: loss ({loss.item():.3g}) or gradient norm ({norm:.3g}) is not finite at step "
                    f"{step}; lower the learning rate"
                )
            if step * schedule.batch_size in milestones:
                bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
                results += _milestone(model, at_milestone, step * schedule.batch_size)
            ending, due = broadcast_from_main((bool(sigterm), bool(checkpoints) and checkpoints.due(saved)))
            if checkpoints and step < steps and (ending or due):
                if state.is_main_process or parts > 1:
                    checkpoints.save(step, _state(model, optimizer), results, identity, part, parts)
                saved = time.monotonic()
            if ending:
                logging.info("%s: stopped by SIGTERM at step %d", description, step)
                sys.exit(128 + signal.SIGTERM)
    return results


def _milestone(model: PreTrainedModel, at_milestone: Callable[[int], list[dict]], samples: int) -> list[dict]:
    model.eval()
    rows = at_milestone(samples)
    model.train()
    return rows


def _optimizer(model: PreTrainedModel, learning_rate: float, schedule: Schedule) -> AdamW:
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [weight for weight in trained if weight.ndim < 2], "weight_decay": 0.0},
    ]
    return AdamW([group for group in groups if group["params"]], learning_rate, schedule.betas, fused=True)


def _micro_batches(schedule: Schedule, block_size: int, processes: int = 1) -> tuple[int, int]:
    """Return the samples per pass of a process, and its passes per step: the fewest that `batch_tokens` allows.

    Raises:
        UserError: if the batch cannot be divided evenly among the processes.
    """
    share = schedule.batch_size // processes
    if schedule.batch_size % processes:
        raise UserError(
            f"training.batch_size: {schedule.batch_size} samples cannot be divided evenly among {processes} processes"
        )
    for passes in range(1, share + 1):
        size = share // passes
        if share % passes == 0 and size * block_size <= schedule.batch_tokens:
            return size, passes
    return 1, share


def warm_cosine(step: int, warmup: int, steps: int) -> float:
    """Return the learning rate of a step (counted from 0), as a fraction of its peak."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _state(model, optimizer) -> dict[str, torch.Tensor]:
    tensors = {f"model.{name}": local_shard(weight.detach()) for name, weight in model.named_parameters()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": local_shard(value) for key, value in state.items()}
    return tensors


@torch.no_grad()
def _restore(file: safe_open, model, optimizer) -> None:
    for name, weight in model.named_parameters():
        local_shard(weight).copy_(file.get_tensor(f"model.{name}"))
    trained = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict] = {}
    for key in file.keys():  # noqa: SIM118 (safe_open is not a mapping)
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            value = file.get_tensor(key)
            part = value if name == "step" else distribute_like(value, trained[int(index)])
            state.setdefault(int(index), {})[name] = part
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
