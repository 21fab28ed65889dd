"""Outliers: super weights and outlier dimensions, found in a few passes over text of several languages.

A super weight makes one output channel of an MLP's last linear far larger than the others, in whatever text; the
residual stream then carries a massive activation in the hidden dimension of that channel. Without a handful of such
weights the model is destroyed, whatever the language.

Sources: Yu et al. (2024), "The super weight in large language models"; Sun et al. (2024), "Massive activations in large
language models".
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from linguistic_regions.model.compatibility import check_compatible
from linguistic_regions.model.precision import autocast
from linguistic_regions.model.weights import experts, layers
from linguistic_regions.regions.residual import MLP_OUT, ends_in
from linguistic_regions.runtime.errors import UserError


@dataclass(frozen=True)
class Criteria:
    """What counts as an outlier.

    Attributes:
        share: it is the same in at least this share of the blocks of every language.
        output_ratio: the largest output of a projection is at least so many times the median channel's.
        massive_ratio: the activation of a hidden dimension at some token is at least so many times the layer's median
            (Sun et al.'s definition of massive) ...
        typical_ratio: ... or its median over the tokens is at least so many times the layer's median.
    """

    share: float = 0.8
    output_ratio: float = 50.0
    massive_ratio: float = 1000.0
    typical_ratio: float = 20.0


@dataclass(frozen=True)
class Projections:
    """The largest output of each layer's last linear of the MLP, block by block; all of shape (blocks, layers).

    Attributes:
        row: its output channel, int64: that of the largest |output| at any token.
        column: the input channel that contributes most to that output at that token, int64.
        output: |output| there, float32.
        median_output: median over the output channels of their largest |output| at any token, float32.
        input: the input from that channel at that token, float32, with its sign.
    """

    row: np.ndarray
    column: np.ndarray
    output: np.ndarray
    median_output: np.ndarray
    input: np.ndarray


@dataclass(frozen=True)
class Activations:
    """The residual stream after each layer, block by block.

    Attributes:
        peak: of each hidden dimension the largest |activation| at any token, float32, shape (blocks, layers, width).
        typical: its median over the tokens, of the same shape and dtype.
        median: median |activation| of all dimensions and tokens, float32, shape (blocks, layers).
    """

    peak: np.ndarray
    typical: np.ndarray
    median: np.ndarray


Measured = tuple[Projections, Activations]


@torch.no_grad()
def measure(model: PreTrainedModel, input_ids: np.ndarray, batch_tokens: int, precision: str) -> Measured:
    """Outputs and activations of a model on some blocks; its hooks are removed afterwards.

    Args:
        model: a causal language model, in one process.
        input_ids: int32, shape (blocks, block size).
        batch_tokens: tokens in one forward pass.
        precision: "fp32", "bf16" or "auto" (bf16 where the device has it).

    Raises:
        UserError: the model cannot read the blocks, or has no MLP of known names.
    """
    check_compatible(model, input_ids)
    batch = max(1, batch_tokens // input_ids.shape[1])
    passes = []
    with autocast(precision, model.device):
        for start in range(0, len(input_ids), batch):
            ids = torch.tensor(input_ids[start : start + batch], dtype=torch.long, device=model.device)
            with _watched(model) as (outputs, streams):
                model(input_ids=ids)
            passes.append((_stacked(outputs), _stacked(streams)))
    outputs, streams = (
        [np.concatenate(parts) for parts in zip(*each, strict=True)] for each in zip(*passes, strict=True)
    )
    return Projections(*outputs), Activations(*streams)


def projections(model: PreTrainedModel) -> dict[str, bool]:
    """The weight of each layer's last linear of the MLP: by parameter name, whether it is a Conv1D's (in, out).

    Raises:
        UserError: the layers have experts; or one has no such linear of a known name, or several.
    """
    if stacks := experts(model):
        raise UserError(
            f"outliers: they are not looked for in experts ({', '.join(stacks[:2])}, ...): leave the regions of "
            "outliers out of controls.regions"
        )
    names = {module: name for name, module in model.named_modules()}
    found = {}
    for layer in layers(model):
        inside = [names[module] for module in layer.modules() if isinstance(module, nn.Linear | Conv1D)]
        last = [name for name in inside if ends_in(name, MLP_OUT)]
        if len(last) != 1:
            said = f"has {len(last)} of them" if last else f"has only {', '.join(inside)}"
            raise UserError(
                f"outliers: they are looked for in the last linear of a layer's MLP, but {names[layer]} {said}: add "
                "its name to linguistic_regions/regions/residual.py, or leave them out of controls.regions"
            )
        found[f"{last[0]}.weight"] = isinstance(model.get_submodule(last[0]), Conv1D)
    return found


def table(measured: Mapping[str, Measured], matrices: Mapping[str, bool], criteria: Criteria) -> list[dict]:
    """For each layer the largest output of its projection, and the weight that makes it.

    Args:
        measured: by language.
        matrices: as `projections` gives them.
        criteria: what counts as an outlier.

    Returns:
        A dict for each layer: `layer`; `matrix`, a parameter name; `row` and `column` of the weight in the matrix as it
        is stored; `dimension`, the output channel, which is the row of a Linear and the column of a Conv1D. It is the
        one that is largest in most blocks; the weight is the one that contributes most to it in most of these. Medians
        over these blocks: `output`, `median_output`, `input`. `ratio`: median of output / median_output over a
        language's blocks, of the language where it is least. `share_of_blocks`: in which the channel is the largest,
        `share_of_weight`: in which the weight is the same too, of the language where it is least. `stable` and
        `weight_stable`: ratio and share meet the criteria. `dimension_activation`: the largest |activation| of that
        dimension after the layer, median over all blocks.
    """
    rows = []
    for layer, (matrix, transposed) in enumerate(matrices.items()):
        found = {code: _at_layer(outputs, layer) for code, (outputs, _) in measured.items()}
        every = _joined(found.values())
        channel = _mode(every.row)
        column = _mode(every.column[every.row == channel])
        ratio = min(float(np.median(each.output / each.median_output)) for each in found.values())
        share = min(float(np.mean(each.row == channel)) for each in found.values())
        both = min(float(np.mean((each.row == channel) & (each.column == column))) for each in found.values())
        median = {
            field: float(np.median(getattr(every, field)[every.row == channel]))
            for field in ("output", "median_output", "input")
        }
        peaks = np.concatenate([activations.peak[:, layer, channel] for _, activations in measured.values()])
        rows.append(
            {
                "layer": layer,
                "matrix": matrix,
                "row": column if transposed else channel,
                "column": channel if transposed else column,
                "dimension": channel,
                **median,
                "ratio": ratio,
                "share_of_blocks": share,
                "share_of_weight": both,
                "stable": ratio >= criteria.output_ratio and share >= criteria.share,
                "weight_stable": ratio >= criteria.output_ratio and both >= criteria.share,
                "dimension_activation": float(np.median(peaks)),
            }
        )
    return rows


def dimensions(measured: Mapping[str, Measured], criteria: Criteria) -> list[dict]:
    """The hidden dimensions that are massive at some token, or large at most, in enough blocks of every language.

    Returns:
        A dict for each, ascending: `dimension`; `massive_ratio` and `typical_ratio`, in the layer where each is
        largest, median over a language's blocks, of the language where it is least.
    """
    ratios = {"massive_ratio": "peak", "typical_ratio": "typical"}
    figures, outlying = {}, []
    for name, field in ratios.items():
        each = [
            (getattr(activations, field) / activations.median[:, :, None]).max(1)
            for _, activations in measured.values()
        ]
        figures[name] = np.min([np.median(blocks, 0) for blocks in each], 0)
        limit = getattr(criteria, name)
        outlying.append(np.min([np.mean(blocks >= limit, 0) for blocks in each], 0) >= criteria.share)
    return [
        {"dimension": int(found), **{name: float(figures[name][found]) for name in ratios}}
        for found in np.flatnonzero(np.any(outlying, 0))
    ]


def listed(rows: list[dict], found: list[dict], matrices: Mapping[str, bool]) -> dict[str, list[dict]]:
    """What recipes need: `dimensions`, `rows` (output channels) and `weights`, with their ratios.

    Args:
        rows: the `table`.
        found: the `dimensions`.
        matrices: as `projections` gives them.
    """
    entries = [{key: row[key] for key in ("matrix", "row", "column", "ratio")} for row in rows]
    inner = ["row" if transposed else "column" for transposed in matrices.values()]
    return {
        "dimensions": found,
        "rows": [entry | {key: None} for entry, key, row in zip(entries, inner, rows, strict=True) if row["stable"]],
        "weights": [entry for entry, row in zip(entries, rows, strict=True) if row["weight_stable"]],
    }


def _at_layer(outputs: Projections, layer: int) -> Projections:
    return Projections(*(getattr(outputs, field.name)[:, layer] for field in fields(Projections)))


def _joined(parts: Iterable[Projections]) -> Projections:
    parts = list(parts)
    return Projections(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Projections))
    )


def _mode(values: np.ndarray) -> int:
    """The most frequent of some indices, the lowest of several."""
    return int(np.bincount(values).argmax())


@contextmanager
def _watched(model: PreTrainedModel) -> Iterator[tuple[list, list]]:
    """Collect, layer by layer, what `Projections` and `Activations` hold, while the block runs."""
    outputs: list[tuple[torch.Tensor, ...]] = []
    streams: list[tuple[torch.Tensor, ...]] = []
    with ExitStack() as hooks:
        for layer, name in zip(layers(model), projections(model), strict=True):
            linear = model.get_submodule(name.removesuffix(".weight"))
            handle = linear.register_forward_hook(lambda *call: outputs.append(_largest_output(*call)))
            hooks.callback(handle.remove)
            handle = layer.register_forward_hook(lambda *call: streams.append(_stream(call[-1])))
            hooks.callback(handle.remove)
        yield outputs, streams


def _largest_output(linear: nn.Module, args: tuple[torch.Tensor], output: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The fields of `Projections` for one layer, each of shape (blocks,)."""
    each = torch.arange(len(output), device=output.device)
    size = output.float().abs()
    peaks, tokens = size.max(1)
    largest, row = peaks.max(1)
    inputs = args[0][each, tokens[each, row]].float()
    weights = linear.weight.T if isinstance(linear, Conv1D) else linear.weight
    column = (inputs * weights[row].float()).abs().argmax(1)
    return row, column, largest, peaks.median(1).values, inputs[each, column]


def _stream(output: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """The fields of `Activations` for one layer, of shapes (blocks, width), (blocks, width) and (blocks,)."""
    size = (output if isinstance(output, torch.Tensor) else output[0]).float().abs()
    return size.amax(1), size.median(1).values, size.flatten(1).median(1).values


def _stacked(by_layer: list[tuple[torch.Tensor, ...]]) -> list[np.ndarray]:
    """Each field of all layers, blocks first."""
    return [torch.stack(field, 1).cpu().numpy() for field in zip(*by_layer, strict=True)]
