"""How torch computes: device, threads, determinism."""

import logging
import os

import torch

from linguistic_regions.runtime.devices import visible_gpus
from linguistic_regions.runtime.distributed import processes


def device() -> torch.device:
    """This process's GPU if there is one, else the CPU."""
    return processes().device


def configure(threads: int) -> None:
    """Set the number of CPU threads, use deterministic algorithms, and log where torch computes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required for determinism on a GPU
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # By default, deterministic mode also fills all new memory, which takes a fifth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    _log_device()


def _log_device() -> None:
    """Log torch's version and where it computes; warn if it cannot use the GPUs that this job was given."""
    on_gpu, count = torch.cuda.is_available(), torch.cuda.device_count()
    where = f"{count} GPU{'s' * (count > 1)}" if on_gpu else "the CPU"
    logging.info("torch %s computes on %s", torch.__version__, where)
    if not on_gpu and "CUDA_VISIBLE_DEVICES" in os.environ and (given := visible_gpus()):
        logging.warning(
            "torch cannot use the GPUs of this job (%s): the driver is too old for its CUDA, it is built without CUDA, "
            "or the container needs --apptainer-args=--nv",
            ",".join(given),
        )


def has_bfloat16(where: torch.device) -> bool:
    """Whether a device computes matrix products in bfloat16 natively, without emulation."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
