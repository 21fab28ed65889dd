"""Importance of each weight for a language: how much the loss would change if it were zero (paper, section 2).

Gradients are folded into a float32 sum as soon as the backward pass has one, and freed: beside weights, activations and
sums there is never more than one matrix's gradient.
"""

import logging
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from linguistic_regions.importance.estimators import Estimator
from linguistic_regions.model.compatibility import check_compatible
from linguistic_regions.model.loss import next_token_loss
from linguistic_regions.model.precision import autocast
from linguistic_regions.regions import selection
from linguistic_regions.runtime.checkpoints import Checkpoints, deferred_sigterm
from linguistic_regions.runtime.distributed import (
    broadcast_from_main,
    distribute_like,
    gather_full,
    is_sharded,
    local_shard,
    processes,
    sum_over_ranks,
)
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.tensorfile import Shape
from linguistic_regions.text.tokens import Blocks


@dataclass
class Sums:
    """What has been summed so far, for each half of the samples, and the scores that follow.

    In several processes all must ask for the same scores in the same order: each has only a part of the sums.

    Attributes:
        parameters: the weights that are scored, by name.
        estimator: what importance means.
        shared: the model is whole in each process, so that sums must be added up over them.
        totals: for each half the sums, float32, in the shapes of (this process's part of) the parameters.
        terms: for each half how many terms were summed: samples ("taylor") or micro-batches ("taylor_abs").
    """

    parameters: Mapping[str, nn.Parameter]
    estimator: Estimator
    shared: bool
    totals: list[dict[str, torch.Tensor]] = field(default_factory=list)
    terms: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of each parameter, by name in ascending order."""
        return {name: tuple(weight.shape) for name, weight in sorted(self.parameters.items())}

    @torch.no_grad()
    def score(self, name: str, halves: Sequence[int] = (0, 1)) -> np.ndarray:
        """The importance of one parameter's weights, float32, in its shape, from all samples or from one half."""
        weight = self.parameters[name]
        value = local_shard(weight).float()
        if self.estimator.name != "magnitude":
            total = sum(self.totals[half][name] for half in halves if half < len(self.totals))
            total = total / sum(self.terms[half] for half in halves)
            total = sum_over_ranks(total) if self.shared else total
            value = total * value.to(total.device) if self.estimator.name == "taylor" else total
        return gather_full(distribute_like(value.abs(), weight)).cpu().numpy()

    def count(self, start: int, stop: int, half: int) -> None:
        """Note that a pass over these samples was folded into a half's sum."""
        self.terms[half] += stop - start if self.estimator.name == "taylor" else 1

    def agreement(self, ratio: float) -> float:
        """Jaccard index of the top regions (within each matrix) that the two halves of the samples give."""
        tops = [selection.select(_Half(self, half), ratio) for half in (0, 1)]
        return tops[0].jaccard(tops[1])


@dataclass(frozen=True)
class _Half:
    """The scores from one half of the samples, as regions are selected from."""

    sums: Sums
    half: int

    @property
    def shapes(self) -> dict[str, Shape]:
        return self.sums.shapes

    def __getitem__(self, name: str) -> np.ndarray:
        return self.sums.score(name, (self.half,)).reshape(-1)


def measure(
    model: PreTrainedModel,
    parameters: Mapping[str, nn.Parameter],
    blocks: Blocks,
    milestones: Sequence[int],
    estimator: Estimator,
    batch_tokens: int,
    precision: str = "fp32",
    checks: Sequence[int] = (),
    offload: bool = False,
    checkpoints: Checkpoints | None = None,
    noted: list[dict] | None = None,
) -> Iterator[tuple[int, Sums]]:
    """Go through the samples once, and stop at each milestone and check to give the sums so far.

    Args:
        model: a causal language model; its weights stay as they are.
        parameters: the weights to score; no other gradient is computed.
        blocks: samples of one language, at least as many as the last milestone.
        milestones: numbers of samples, ascending.
        estimator: what importance means. For "taylor_abs" milestones and checks are multiples of its micro-batch.
        batch_tokens: tokens in one pass of "taylor", of each process; another number sums in another order.
        precision: "fp32", "bf16" or "auto"; sums are float32 in any case.
        checks: numbers of samples, ascending; if there are any, the two halves of the samples are summed apart.
        offload: hold the sums in RAM.
        checkpoints: where to keep the sums of a run that may be killed; None: nowhere.
        noted: what the caller notes at the stops; it is kept with the sums, and filled with what was.

    Yields:
        samples so far, and the sums, which the next step goes on to change; nothing for the stops before a checkpoint
        from which it goes on.
    """
    sums = Sums(parameters, estimator, shared=not is_sharded(model))
    stops = sorted({*milestones, *checks})
    if estimator.name == "magnitude":
        yield from ((samples, sums) for samples in stops)
        return

    check_compatible(model, blocks.input_ids)
    model.requires_grad_(False)
    for _ in range(2 if checks else 1):
        sums.totals.append(
            {
                name: torch.zeros_like(local_shard(weight), dtype=torch.float32, device="cpu" if offload else None)
                for name, weight in parameters.items()
            }
        )
    half = 0

    @torch.no_grad()
    def fold(name: str, weight: nn.Parameter) -> None:
        total, gradient = sums.totals[half][name], local_shard(weight.grad)
        if estimator.name == "taylor_abs":
            gradient = (gradient.float() * local_shard(weight)).abs_()
        total.add_(gradient.to(total.device))
        weight.grad = None

    hooks = []
    for name, weight in parameters.items():
        weight.requires_grad_(True)
        hooks.append(weight.register_post_accumulate_grad_hook(lambda weight, name=name: fold(name, weight)))
    work = list(_passes(stops, estimator, batch_tokens // blocks.input_ids.shape[1], halves=len(sums.totals)))
    this = checkpoints.fingerprint(model, blocks.input_ids, estimator, work, precision) if checkpoints else ""
    kept = _Kept(sums, checkpoints, this, work, [] if noted is None else noted)
    first, saved = kept.restore(), time.monotonic()
    try:
        with deferred_sigterm() as sigterm:
            for index in progress(range(first, len(work)), "importance", unit="batch"):
                start, stop, half = work[index]
                _backward(model, blocks.input_ids[start:stop], index, estimator, precision)
                sums.count(start, stop, half)
                if stop in stops:
                    yield stop, sums
                ending, due = broadcast_from_main((bool(sigterm), bool(checkpoints) and checkpoints.due(saved)))
                if checkpoints and (ending or due):
                    kept.save(index + 1)
                    saved = time.monotonic()
                if ending:
                    logging.info("importance: ended by SIGTERM after %d samples", stop)
                    sys.exit(128 + signal.SIGTERM)
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True)
class _Kept:
    """The sums in checkpoints: in several processes each has its own part of them, be the model whole or spread."""

    sums: Sums
    checkpoints: Checkpoints | None
    identity: str
    work: list[tuple[int, int, int]]
    noted: list[dict]

    def restore(self) -> int:
        """Take up the sums of the latest checkpoint; the number of the pass that comes next."""
        state = processes()
        part, parts = state.process_index, state.num_processes
        latest = self.checkpoints.latest(self.identity, parts) if self.checkpoints else None
        if not latest:
            return 0
        step, self.noted[:], file = self.checkpoints.load(latest, part, parts)
        for half, totals in enumerate(self.sums.totals):
            for name, total in totals.items():
                total.copy_(file.get_tensor(f"{half}.{name}"))
        for _, (start, stop, half) in zip(range(step), self.work, strict=False):
            self.sums.count(start, stop, half)
        logging.info("importance: going on from pass %d", step)
        return step

    def save(self, step: int) -> None:
        """Write the sums before this pass."""
        state, totals = processes(), self.sums.totals
        tensors = {f"{half}.{name}": total for half, part in enumerate(totals) for name, total in part.items()}
        self.checkpoints.save(step, tensors, self.noted, self.identity, state.process_index, state.num_processes)


def _passes(stops: Sequence[int], estimator: Estimator, fitting: int, halves: int) -> Iterator[tuple[int, int, int]]:
    """Cut the samples into passes (start, stop, half) that end at each stop, with as many of each half in between."""
    unit = estimator.micro_batch if estimator.name == "taylor_abs" else 1
    size = unit if estimator.name == "taylor_abs" else max(1, fitting) * processes().num_processes
    start = 0
    for stop in stops:
        middle = start + -(-(stop - start) // (halves * unit)) * unit
        for half, (first, last) in enumerate([(start, middle), (middle, stop)][:halves]):
            for place in range(first, last, size):
                yield place, min(place + size, last), half
        start = stop


def _backward(model: PreTrainedModel, rows: np.ndarray, index: int, estimator: Estimator, precision: str) -> None:
    """One pass over this process's share of `rows` (blocks); `index` numbers the passes.

    "taylor" sums over samples, which may be shared out at will. A micro-batch of "taylor_abs" is one gradient: where
    each process has a whole model it goes to one of them, and is shared out where the gradient is summed over all.
    """
    state = processes()
    if estimator.name == "taylor" or is_sharded(model):
        mine = rows[state.process_index :: state.num_processes]
    else:
        mine = rows if index % state.num_processes == state.process_index else rows[:0]
    weight = 1.0 if estimator.name == "taylor" else 1 / len(rows)
    if is_sharded(model):
        weight *= state.num_processes  # FSDP takes the mean over processes
        if not len(mine):  # all must take part in each pass
            mine, weight = rows[:1], 0.0
    if len(mine):
        ids = torch.tensor(mine, dtype=torch.long, device=model.device)
        with autocast(precision, model.device):
            loss = next_token_loss(model, ids).mean(1).sum() * weight
        loss.backward()
