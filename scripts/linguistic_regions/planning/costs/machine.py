"""Time, memory and number of GPUs of a job, computed from its operations and bytes.

The speeds are assumptions and may be wrong by a factor of two.
"""

from dataclasses import dataclass

from linguistic_regions.planning.costs.gpus import Gpu
from linguistic_regions.runtime.errors import UserError

# Model FLOPs utilization: the share of a GPU's peak that is achieved.
TRAINING_SHARE = 0.4  # forward and backward passes, of training and scoring
FORWARD_SHARE = 0.5
USABLE = 0.9  # share of a GPU's memory; the rest is for fragmentation and libraries
MAX_GPUS = 64  # per job

CPU_FLOPS = 0.055e12  # FLOP/s per thread, achieved; jobs of the demo reach 0.05 to 0.06e12 (AMD EPYC, AVX2)
RAM_BANDWIDTH = 10e9  # bytes per second and thread; also between RAM and a GPU
DISK_SPEED = 2.5e9  # bytes per second; files that were just written are in the page cache

TORCH = 1.0e9  # bytes of RAM of a program that imports torch and transformers
CUDA = 2.5e9  # additional bytes of RAM of a process on a GPU: libraries and context
LIGHT = 0.4e9  # bytes of RAM of a program that imports neither
TORCH_START = 7.0  # seconds until a program that imports torch has started
LIGHT_START = 0.7
SMALL = 5e6  # bytes of a table, a figure, a report


@dataclass(frozen=True)
class Cost:
    """The costs of a job.

    Attributes:
        flops: operations of matrix products.
        seconds: wall-clock time.
        device_bytes: peak memory of each GPU; on the CPU, the RAM that the model takes.
        host_bytes: peak RAM.
        disk_bytes: size of the outputs.
        gpus: number of GPUs.
        threads: number of CPU threads.
    """

    flops: float
    seconds: float
    device_bytes: float
    host_bytes: float
    disk_bytes: float
    gpus: int
    threads: int


@dataclass(frozen=True)
class Work:
    """The work of a job that runs the model.

    Attributes:
        flops: operations of matrix products.
        share: share of a GPU's peak that they achieve.
        bf16: whether matrix products are in bfloat16, not float32.
        sharded: bytes that are sharded over the GPUs.
        unsharded: bytes on each GPU that are not sharded.
        gathered: bytes of gathered weights on each GPU, if there are several.
        cast: bytes of weight copies in the precision of the products, on a single GPU.
        loaded: bytes of the complete model, which each GPU has at the start.
        moved: bytes between processor and memory, besides matrix products: sums of gradients, optimizer steps.
        copied: bytes between GPU and RAM.
        files: bytes read from disk.
        text: bytes of samples in the RAM of each process; there is one process per GPU.
        host: additional bytes of RAM of a job on GPUs.
        disk: bytes of the outputs.
    """

    flops: float
    share: float
    bf16: bool
    sharded: float
    unsharded: float
    gathered: float = 0.0
    cast: float = 0.0
    loaded: float = 0.0
    moved: float = 0.0
    copied: float = 0.0
    files: float = 0.0
    text: float = 0.0
    host: float = 0.0
    disk: float = SMALL

    def device_bytes(self, gpus: int) -> float:
        """Peak memory of each GPU, if there are `gpus` of them, in bytes."""
        return max(self.loaded, self.sharded / gpus + self.unsharded + (self.gathered if gpus > 1 else self.cast))


def light_job(seconds: float = 0.0, host: float = 0.0, disk: float = SMALL, threads: int = 1) -> Cost:
    """The cost of a job that does not run the model.

    Args:
        seconds: time, without the start of the program.
        host: bytes of RAM beyond those of every program.
        disk: bytes of outputs.
        threads: CPU threads.
    """
    return Cost(0.0, LIGHT_START + seconds, 0.0, LIGHT + host, disk, 0, threads)


def model_job(rule: str, work: Work, gpu: Gpu | None, threads: int) -> Cost:
    """The cost of a job that runs the model, on the CPU or on the smallest power of two of GPUs on which it fits.

    Args:
        rule: name of the rule, for the error message.
        work: the job's work.
        gpu: kind of GPU; None: the CPU.
        threads: CPU threads.

    Raises:
        UserError: the job does not fit on `MAX_GPUS`.
    """
    seconds = TORCH_START + (work.files + work.disk) / DISK_SPEED
    if gpu is None:
        seconds += (work.flops / CPU_FLOPS + work.moved / RAM_BANDWIDTH) / threads
        memory = work.device_bytes(1)
        return Cost(work.flops, seconds, memory, TORCH + work.text + memory, work.disk, 0, threads)
    count = 1
    while work.device_bytes(count) > USABLE * gpu.memory:
        count *= 2
        if count > MAX_GPUS:
            raise UserError(
                f"gpu: a job of {rule} takes {work.device_bytes(MAX_GPUS) / 2**30:.0f} GiB on each of {MAX_GPUS} "
                f"{gpu.name}, which have {gpu.memory / 2**30:.0f} GiB: choose a GPU with more memory, lower "
                "batch_tokens, or set activation_checkpointing: true"
            )
    peak = gpu.bf16_flops if work.bf16 else gpu.fp32_flops
    seconds += (work.flops / (peak * work.share) + work.moved / gpu.bandwidth) / count
    seconds += work.copied / RAM_BANDWIDTH
    host = count * (TORCH + CUDA + work.text) + work.host
    return Cost(work.flops, seconds, work.device_bytes(count), host, work.disk, count, threads)
