"""Several processes, started by `accelerate launch`: each takes a share of the samples.

If a model does not fit one device, `shard` spreads it over all of them (FSDP2, torch's `fully_shard`): a parameter is
then a DTensor, of which each process holds some rows. In one process all of this does nothing.
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
    """This process among the others: `process_index`, `num_processes`, `device`, `is_main_process`."""
    return PartialState(cpu=not torch.cuda.is_available())


def shard(model: nn.Module, layers: nn.ModuleList, mixed: bool) -> None:
    """Spread a model over all processes, in place: layer by layer, so that one layer at a time is whole anywhere.

    Args:
        model: whole, on this process's device.
        layers: its stack of layers.
        mixed: compute in bfloat16, and hand weights around in it; gradients are summed in float32.
    """
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if mixed else MixedPrecisionPolicy()
    mesh = init_device_mesh(processes().device.type, (processes().num_processes,))
    for part in (*layers, model):
        fully_shard(part, mesh=mesh, mp_policy=policy)


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` was called on it."""
    return isinstance(model, FSDPModule)


def local_shard(tensor: torch.Tensor) -> torch.Tensor:
    """The part of a tensor that this process holds, its own memory: all of it, or the rows of its shard."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def local_rows(tensor: torch.Tensor) -> slice:
    """Which rows of the whole tensor those are."""
    if not isinstance(tensor, DTensor):
        return slice(None)
    shape, offset = compute_local_shape_and_global_offset(tensor.shape, tensor.device_mesh, tensor.placements)
    return slice(offset[0], offset[0] + shape[0])


def distribute_like(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The tensor of which each process gives its rows, spread as `like` is; `rows` itself if that is not spread."""
    if not isinstance(like, DTensor):
        return rows
    rows = rows.to(like.device)
    return DTensor.from_local(rows, like.device_mesh, like.placements, shape=like.shape, stride=like.stride())


def gather_full(tensor: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor that is spread over the processes; all must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sum_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over all processes of a tensor that each has one of; in one process the tensor itself."""
    if processes().num_processes == 1:
        return tensor
    return reduce(tensor.to(processes().device, copy=True), "sum")


def rank_share(count: int) -> np.ndarray:
    """This process's share of `count` items, as indices: as many for each process, some dealt twice if need be."""
    state = processes()
    padded = -(-count // state.num_processes) * state.num_processes
    return np.arange(padded)[state.process_index :: state.num_processes] % count


def gather_in_order(values: torch.Tensor, count: int) -> torch.Tensor:
    """The values of all `count` items in their order, from those that each process computed for the items dealt."""
    every = gather(values.to(processes().device))
    return every.view(processes().num_processes, -1).T.reshape(-1)[:count]


def broadcast_from_main(value):
    """The main process's value (any small object), in all processes."""
    values = [value]
    broadcast_object_list(values)
    return values[0]
