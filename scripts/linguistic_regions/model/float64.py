"""Computation in float64 throughout, where float32 is too coarse."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

NARROWER = (torch.float32, torch.bfloat16, torch.float16)


class Float64(TorchDispatchMode):
    """Inside the block, all floating-point numbers are float64; weights of other dtypes are cast at each use.

    `model.double()` is not enough: transformers computes norms and rotary embeddings in float32 whatever the dtype of
    the model, and so rounds all that passes through them. It is not needed either, but saves the casts.

    Changes in place of tensors that are not float64 are lost: change weights outside the block.
    """

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Run an operation with float64 arguments, and return its result in float64."""
        args, kwargs = tree_map(_widened, (args, kwargs or {}))
        return tree_map(_widened, operation(*args, **kwargs))


def _widened(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.double() if value.dtype in NARROWER else value
    return torch.float64 if isinstance(value, torch.dtype) and value in NARROWER else value
