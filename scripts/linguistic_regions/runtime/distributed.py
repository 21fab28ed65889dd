"""Several processes, started by `accelerate launch`: each takes a share of the samples.

A model that does not fit on one device is sharded over all of them by `shard` (FSDP2, torch's `fully_shard`). Each of
its parameters is then a DTensor, of which each process holds some rows. In a single process, none of this has an
effect.
"""

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather, reduce
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset


def processes() -> PartialState:
    """The process group: `process_index`, `num_processes`, `device`, `is_main_process`."""
    return PartialState(cpu=not torch.cuda.is_available())


def shard(model: nn.Module, layers: nn.ModuleList, mixed: bool) -> None:
    """Shard a model over all processes, in place and layer by layer, so that one layer is gathered at a time.

    Args:
        model: the complete model, on this process's device.
        layers: its stack of layers.
        mixed: compute in bfloat16, and gather weights in it; gradients are summed in float32.
    """
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if mixed else MixedPrecisionPolicy()
    mesh = init_device_mesh(processes().device.type, (processes().num_processes,))
    for part in (*layers, model):
        fully_shard(part, mesh=mesh, mp_policy=policy)


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` was called on the model."""
    return isinstance(model, FSDPModule)


def local_shard(tensor: torch.Tensor) -> torch.Tensor:
    """The rows of a tensor that this process holds, sharing memory: those of its shard, or all if it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def local_rows(tensor: torch.Tensor) -> slice:
    """The rows of the full tensor that `local_shard` returns."""
    if not isinstance(tensor, DTensor):
        return slice(None)
    shape, offset = compute_local_shape_and_global_offset(tensor.shape, tensor.device_mesh, tensor.placements)
    return slice(offset[0], offset[0] + shape[0])


def distribute_like(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Combine the rows of all processes to a tensor that is sharded as `like` is.

    Returns:
        The sharded tensor; `rows` itself if `like` is not sharded.
    """
    if not isinstance(like, DTensor):
        return rows
    rows = rows.to(like.device)
    return DTensor.from_local(rows, like.device_mesh, like.placements, shape=like.shape, stride=like.stride())


def gather_full(tensor: torch.Tensor) -> torch.Tensor:
    """The full tensor of a sharded one. All processes must call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sum_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes; the tensor itself in a single process."""
    if processes().num_processes == 1:
        return tensor
    return reduce(tensor.to(processes().device, copy=True), "sum")


def rank_share(count: int) -> np.ndarray:
    """The indices (int64) of this process's share of `count` items.

    Each process gets the same number, so some items may go to two processes.
    """
    state = processes()
    padded = -(-count // state.num_processes) * state.num_processes
    return np.arange(padded)[state.process_index :: state.num_processes] % count


def gather_in_order(values: torch.Tensor, count: int) -> torch.Tensor:
    """The values of all `count` items, in order, from those that each process computed for its `rank_share`.

    Args:
        values: this process's values, shape (items per process, ...).
        count: number of items.

    Returns:
        Shape (count, ...), on this process's device.
    """
    gathered = gather(values.to(processes().device))
    by_process = gathered.view(processes().num_processes, *values.shape)
    return by_process.transpose(0, 1).flatten(0, 1)[:count]


def broadcast_from_main(value):
    """The main process's value (any small picklable object), on all processes."""
    values = [value]
    broadcast_object_list(values)
    return values[0]
