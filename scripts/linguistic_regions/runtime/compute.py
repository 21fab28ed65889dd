"""How torch computes: device, threads, determinism."""

import os

import torch

from linguistic_regions.runtime.distributed import processes


def device() -> torch.device:
    """This process's GPU if there is one, else the CPU."""
    return processes().device


def configure(threads: int) -> None:
    """Set the number of CPU threads, and use deterministic algorithms."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required for determinism on a GPU
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # By default, deterministic mode also fills all new memory, which takes a fifth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False


def has_bfloat16(where: torch.device) -> bool:
    """Whether a device computes matrix products in bfloat16 natively, without emulation."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
