"""Importance of each weight for a language: how much the loss would change if it were zero (paper, section 2).

Each gradient is added to a float32 sum as soon as the backward pass has computed it, then freed: besides weights,
activations and sums, at most one matrix's gradient is in memory.
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
from linguistic_regions.model.compatibility import check_compatible, check_gradients
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
    """Running sums for each half of the samples, and the scores computed from them.

    All processes must request the same scores in the same order, because each holds only part of the sums.

    Attributes:
        parameters: the weights to score, by name.
        estimator: how importance is estimated.
        replicated: whether every process holds the whole model, so that sums must be added over processes.
        totals: the sums of each half, float32, in the shapes of (this process's shard of) the parameters.
        terms: the number of terms in each half's sums: samples ("taylor") or micro-batches (the others).
    """

    parameters: Mapping[str, nn.Parameter]
    estimator: Estimator
    replicated: bool
    totals: list[dict[str, torch.Tensor]] = field(default_factory=list)
    terms: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of each parameter, sorted by name."""
        return {name: tuple(weight.shape) for name, weight in sorted(self.parameters.items())}

    @torch.no_grad()
    def score(self, name: str, halves: Sequence[int] = (0, 1)) -> np.ndarray:
        """Return the importance of a parameter's weights, float32, in its shape, from the given halves."""
        weight = self.parameters[name]
        value = local_shard(weight).float()
        if self.estimator.name != "magnitude":
            total = sum(self.totals[half][name] for half in halves if half < len(self.totals))
            total = total / sum(self.terms[half] for half in halves)
            total = sum_over_ranks(total) if self.replicated else total
            value = total * value.to(total.device) if self.estimator.name == "taylor" else total
        return gather_full(distribute_like(value.abs(), weight)).cpu().numpy()

    def count(self, start: int, stop: int, half: int) -> None:
        """Count the terms that a pass over samples `start` to `stop` added to a half's sums."""
        self.terms[half] += 1 if self.estimator.by_micro_batch else stop - start

    def agreement(self, ratio: float) -> float:
        """Return the Jaccard index of the two halves' top regions, ranked within each matrix."""
        tops = [selection.select(_Half(self, half), ratio) for half in (0, 1)]
        return tops[0].jaccard(tops[1])


@dataclass(frozen=True)
class _Half:
    """The scores from one half of the samples, as `selection.select` reads them."""

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
    records: list[dict] | None = None,
) -> Iterator[tuple[int, Sums]]:
    """Process the samples once, and yield the sums so far at each milestone and check.

    Args:
        model: a causal language model; its weights do not change.
        parameters: the weights to score; no other gradient is computed.
        blocks: samples of one language, at least as many as the last milestone.
        milestones: numbers of samples, ascending.
        estimator: how importance is estimated. With micro-batches, milestones and checks must be multiples of theirs.
        batch_tokens: tokens per pass and process for "taylor"; it determines the order of summation.
        precision: "fp32", "bf16" or "auto"; sums are always float32.
        checks: numbers of samples, ascending; if given, the two halves of the samples are summed separately.
        offload: keep the sums in CPU memory.
        checkpoints: where to save the sums of an unfinished run; None: not saved.
        records: the caller's results at the stops, saved with the sums; filled from the checkpoint on resuming.

    Raises:
        UserError: the model cannot read the blocks, or no gradient reaches some of the weights.

    Yields:
        The number of samples so far, and the sums, which the next iteration modifies. Stops before the checkpoint that
        the run resumes from are skipped.
    """
    sums = Sums(parameters, estimator, replicated=not is_sharded(model))
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
    reached: set[str] = set()

    @torch.no_grad()
    def accumulate(name: str, weight: nn.Parameter) -> None:
        reached.add(name)
        total, gradient = sums.totals[half][name], local_shard(weight.grad)
        if estimator.by_micro_batch:
            term = gradient.float() * local_shard(weight)
            gradient = term.square_() if estimator.name == "fisher" else term.abs_()
        total.add_(gradient.to(total.device))
        weight.grad = None

    hooks = []
    for name, weight in parameters.items():
        weight.requires_grad_(True)
        hooks.append(weight.register_post_accumulate_grad_hook(lambda weight, name=name: accumulate(name, weight)))
    passes = list(_passes(stops, estimator, batch_tokens // blocks.input_ids.shape[1], halves=len(sums.totals)))
    identity = checkpoints.fingerprint(model, blocks.input_ids, estimator, passes, precision) if checkpoints else ""
    state = _State(sums, checkpoints, identity, passes, [] if records is None else records)
    first, saved = state.restore(), time.monotonic()
    try:
        with deferred_sigterm() as sigterm:
            for index in progress(range(first, len(passes)), "importance", unit="batch"):
                start, stop, half = passes[index]
                _backward(model, blocks.input_ids[start:stop], index, estimator, precision)
                sums.count(start, stop, half)
                if stop in stops:
                    if reached:  # else other processes ran all passes
                        check_gradients(model, parameters, reached)
                    yield stop, sums
                ending, due = broadcast_from_main((bool(sigterm), bool(checkpoints) and checkpoints.due(saved)))
                if checkpoints and (ending or due):
                    state.save(index + 1)
                    saved = time.monotonic()
                if ending:
                    logging.info("importance: stopped by SIGTERM after %d samples", stop)
                    sys.exit(128 + signal.SIGTERM)
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True)
class _State:
    """The state of a run in checkpoints: each process saves its own sums, whether or not the model is sharded."""

    sums: Sums
    checkpoints: Checkpoints | None
    identity: str
    passes: list[tuple[int, int, int]]
    records: list[dict]

    def restore(self) -> int:
        """Restore the latest checkpoint, if any, and return the index of the next pass."""
        distributed = processes()
        part, parts = distributed.process_index, distributed.num_processes
        latest = self.checkpoints.latest(self.identity, parts) if self.checkpoints else None
        if not latest:
            return 0
        step, self.records[:], file = self.checkpoints.load(latest, part, parts)
        for half, totals in enumerate(self.sums.totals):
            for name, total in totals.items():
                total.copy_(file.get_tensor(f"{half}.{name}"))
        for _, (start, stop, half) in zip(range(step), self.passes, strict=False):
            self.sums.count(start, stop, half)
        logging.info("importance: resumed from the checkpoint at pass %d", step)
        return step

    def save(self, step: int) -> None:
        """Save the sums of all passes before `step`."""
        distributed, totals = processes(), self.sums.totals
        part, parts = distributed.process_index, distributed.num_processes
        tensors = {f"{half}.{name}": total for half, sums in enumerate(totals) for name, total in sums.items()}
        self.checkpoints.save(step, tensors, self.records, self.identity, part, parts)


def _passes(stops: Sequence[int], estimator: Estimator, capacity: int, halves: int) -> Iterator[tuple[int, int, int]]:
    """Split the samples into passes (start, stop, half) that end at each stop; each interval is divided evenly.

    Args:
        stops: numbers of samples, ascending.
        estimator: how importance is estimated.
        capacity: blocks per pass of one process, for "taylor".
        halves: 2 to sum two halves of the samples separately, else 1.
    """
    unit = estimator.micro_batch if estimator.by_micro_batch else 1
    size = unit if estimator.by_micro_batch else max(1, capacity) * processes().num_processes
    start = 0
    for stop in stops:
        middle = start + -(-(stop - start) // (halves * unit)) * unit
        for half, (first, last) in enumerate([(start, middle), (middle, stop)][:halves]):
            for place in range(first, last, size):
                yield place, min(place + size, last), half
        start = stop


def _backward(model: PreTrainedModel, rows: np.ndarray, index: int, estimator: Estimator, precision: str) -> None:
    """Run the forward and backward pass number `index` over this process's share of `rows` (blocks).

    "taylor" sums over samples, which may be split between processes in any way. A micro-batch needs one gradient: a
    replicated model computes it in one process; a sharded model splits it, and sums the gradient over all processes.
    """
    state = processes()
    if not estimator.by_micro_batch or is_sharded(model):
        mine = rows[state.process_index :: state.num_processes]
    else:
        mine = rows if index % state.num_processes == state.process_index else rows[:0]
    weight = 1 / len(rows) if estimator.by_micro_batch else 1.0
    if is_sharded(model):
        weight *= state.num_processes  # FSDP averages gradients over processes
        if not len(mine):  # every process must take part in each pass
            mine, weight = rows[:1], 0.0
    if len(mine):
        ids = torch.tensor(mine, dtype=torch.long, device=model.device)
        with autocast(precision, model.device):
            loss = next_token_loss(model, ids).mean(1).sum() * weight
        if not loss.requires_grad:
            check_gradients(model, (), reached=())
        loss.backward()
