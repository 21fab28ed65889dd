"""How likely a model finds each of several continuations of a text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from transformers import PreTrainedModel

from linguistic_regions.model.compatibility import check_compatible
from linguistic_regions.model.loss import rows_at_once, token_losses
from linguistic_regions.model.precision import autocast
from linguistic_regions.runtime.distributed import gather_in_order, rank_share

PADDING = 0  # any token: nothing that is measured can see it


@dataclass(frozen=True)
class Question:
    """A text and its possible continuations.

    Attributes:
        context: token ids of the text, at least one.
        options: token ids of each continuation.
    """

    context: Sequence[int]
    options: Sequence[Sequence[int]]


@dataclass(frozen=True)
class _Option:
    """Where in a row an option's tokens are predicted: `tokens`, from the position `start` on.

    `number` counts the options of all questions.
    """

    number: int
    start: int
    tokens: Sequence[int]


@dataclass(frozen=True)
class _Row:
    """Token ids that the model reads, and the options that they predict."""

    ids: tuple[int, ...]
    options: list[_Option]


@torch.no_grad()  # not inference_mode, after which a sharded model could not be trained
def log_probabilities(
    model: PreTrainedModel, questions: Sequence[Question], batch_tokens: int, precision: str
) -> list[np.ndarray]:
    """The summed log-probability of each option's tokens after its context.

    What the model reads for an option, its context and all of its tokens but the last, may be the beginning of what it
    reads for another. It is then read once: options of one token share one row. Rows are sorted by length and padded at
    the end. There is no mask, because in a causal model no position sees what comes later. Only positions that predict
    an option go through the head.

    Args:
        model: a causal language model.
        questions: in any order.
        batch_tokens: tokens per forward pass.
        precision: "fp32", "bf16" or "auto" (bf16 if the device supports it natively).

    Returns:
        For each question float64, shape (options,), in nats.

    Raises:
        UserError: the model cannot read a question.
    """
    batches = _batches(_rows(questions), batch_tokens)
    padded = [_padded(batch) for batch in batches]
    for ids in padded:
        check_compatible(model, ids, "probes", "use shorter sentences, or fewer fillers (probes.prompted)")
    numbers = [[option.number for row in batch for option in row.options] for batch in batches]
    mine = rank_share(len(batches))
    measured = np.zeros((len(mine), max(map(len, numbers))))  # batches differ in how many options they have
    was_training = model.training
    model.eval()
    with autocast(precision, model.device):
        for values, batch in zip(measured, mine, strict=True):
            values[: len(numbers[batch])] = _measure(model, batches[batch], padded[batch])
    model.train(was_training)
    gathered = gather_in_order(torch.from_numpy(measured), len(batches)).cpu().numpy()
    counts = [len(question.options) for question in questions]
    found = np.empty(sum(counts))
    for values, options in zip(gathered, numbers, strict=True):
        found[options] = values[: len(options)]
    return np.split(found, np.cumsum(counts)[:-1])


def _rows(questions: Sequence[Question]) -> list[_Row]:
    """The rows that the model has to read, longest first."""
    options: dict[tuple[int, ...], list[_Option]] = {}
    each = ((question.context, option) for question in questions for option in question.options)
    for number, (context, tokens) in enumerate(each):
        options.setdefault((*context, *tokens[:-1]), []).append(_Option(number, len(context) - 1, tokens))
    rows = []
    # In this order, what begins with a text directly follows it.
    for ids, longer in pairwise([*sorted(options), ()]):
        if longer[: len(ids)] == ids:
            options[longer] += options[ids]
        else:
            rows.append(_Row(ids, options[ids]))
    return sorted(rows, key=lambda row: -len(row.ids))


def _batches(rows: Sequence[_Row], batch_tokens: int) -> list[Sequence[_Row]]:
    """Rows that go through the model together; the first of a batch is the longest."""
    batches, start = [], 0
    while start < len(rows):
        stop = start + max(1, batch_tokens // len(rows[start].ids))
        batches.append(rows[start:stop])
        start = stop
    return batches


def _padded(batch: Sequence[_Row]) -> np.ndarray:
    """The token ids of a batch, int32, shape (rows, longest row)."""
    ids = np.full((len(batch), len(batch[0].ids)), PADDING, np.int32)
    for place, row in zip(ids, batch, strict=True):
        place[: len(row.ids)] = row.ids
    return ids


def _measure(model: PreTrainedModel, batch: Sequence[_Row], padded: np.ndarray) -> np.ndarray:
    """The summed log-probability of each option of a batch, row by row, float64, shape (options,)."""
    options = [(row, option) for row, each in enumerate(batch) for option in each.options]
    predicted = [
        (number, row, option.start + place, token)
        for number, (row, option) in enumerate(options)
        for place, token in enumerate(option.tokens)
    ]
    numbers, rows, positions, targets = np.array(predicted, int).reshape(-1, 4).T
    ids = torch.tensor(padded, dtype=torch.long, device=model.device)
    kept, places = np.unique(rows * ids.shape[1] + positions, return_inverse=True)
    with _head_at(model, torch.tensor(kept, device=model.device)):
        logits = model(input_ids=ids).logits.flatten(0, 1)
    places = torch.tensor(places, device=model.device)
    targets = torch.tensor(targets, device=model.device)
    size = rows_at_once(logits)
    parts = zip(places.split(size), targets.split(size), strict=True)
    losses = torch.cat([token_losses(logits[part], tokens) for part, tokens in parts])
    return np.bincount(numbers, -losses.double().cpu().numpy(), len(options))


@contextmanager
def _head_at(model: PreTrainedModel, places: torch.Tensor) -> Iterator[None]:
    """Inside the block only some positions go through the head: `places`, counted row by row, int64, shape (n,)."""

    def gather(_, hidden: tuple[torch.Tensor]) -> torch.Tensor:
        return hidden[0].flatten(0, 1)[places][None]

    handle = model.get_output_embeddings().register_forward_pre_hook(gather)
    try:
        yield
    finally:
        handle.remove()
