"""How torch computes here: on which device, with how many threads, in which order."""

import os

import torch

from linguistic_regions.runtime.distributed import processes


def device() -> torch.device:
    """The process's own GPU if there is one, else the CPU."""
    return processes().device


def configure(threads: int) -> None:
    """Compute on so many CPU threads, and in an order of operations that is the same in every run."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what that takes on a GPU
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # By default that also fills all new memory, a safeguard against reading it unset, for a fifth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False


def has_bfloat16(where: torch.device) -> bool:
    """Whether matrix products in bfloat16 are native there, not emulated."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
