"""What a job takes of a machine: from operations and bytes to time, memory and a number of GPUs.

The speeds here are assumptions, good to a factor of two, until they are measured on the machine in question.
"""

from dataclasses import dataclass

from linguistic_regions.planning.costs.gpus import Gpu
from linguistic_regions.runtime.errors import UserError

# Model FLOPs utilisation of a GPU: the share of its peak that passes reach. Assumed, until measured.
TRAINING_SHARE = 0.4  # forward and backward, of importance too
FORWARD_SHARE = 0.5
USABLE = 0.9  # of a GPU's memory: the rest is fragmentation and the libraries' own
MOST_GPUS = 64  # of a job

CPU_FLOPS = 0.07e12  # per second and thread, reached: the demo's jobs did 0.06 to 0.08e12 (AMD EPYC, avx512_bf16)
RAM_BANDWIDTH = 10e9  # bytes per second and thread; also between RAM and a GPU
DISK_SPEED = 2.5e9  # bytes per second; files that a run has just written come from the page cache

TORCH = 1.0e9  # bytes of RAM of a program that imports torch and transformers
CUDA = 2.5e9  # more of its process on a GPU: libraries and context
LIGHT = 0.4e9  # of a program that imports neither
TORCH_START = 6.0  # seconds that it takes to start
LIGHT_START = 0.7
SMALL = 5e6  # bytes of a table, a figure, a report


@dataclass(frozen=True)
class Cost:
    """What one job costs.

    Attributes:
        flops: operations of matrix products.
        seconds: wall-clock time.
        device_bytes: peak memory on each of its GPUs; on the CPU, what of its RAM the model takes.
        host_bytes: peak RAM.
        disk_bytes: what its outputs take.
        gpus: GPUs that it gets.
        threads: CPU threads that it gets.
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
    """What a job that runs the model does.

    Attributes:
        flops: operations of matrix products.
        share: of a GPU's peak that they reach.
        half: in bfloat16, not in float32.
        sharded: bytes that its GPUs share.
        whole: bytes that each of them takes besides.
        gathered: bytes more on each of several GPUs: what they share and need whole at a time.
        cast: bytes more on one GPU alone: copies of the weights in the precision of the products.
        loaded: bytes on each GPU before there is anything else: the model, whole.
        moved: bytes between processor and memory besides: sums of gradients, optimizer steps.
        copied: bytes between GPU and RAM.
        files: bytes read from the disk.
        text: bytes of samples, in the RAM of each process; there is one process for each GPU.
        host: bytes of RAM besides, where GPUs hold the rest.
        disk: bytes of its outputs.
    """

    flops: float
    share: float
    half: bool
    sharded: float
    whole: float
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
        """Peak memory on each of so many GPUs."""
        return max(self.loaded, self.sharded / gpus + self.whole + (self.gathered if gpus > 1 else self.cast))


def light(seconds: float = 0.0, host: float = 0.0, disk: float = SMALL, threads: int = 1) -> Cost:
    """The cost of a job that does not run the model, besides its start: seconds, bytes of RAM and of outputs."""
    return Cost(0.0, LIGHT_START + seconds, 0.0, LIGHT + host, disk, 0, threads)


def computing(rule: str, work: Work, gpu: Gpu | None, threads: int) -> Cost:
    """The cost of a job that runs the model, on the CPU or on as few GPUs, a power of two, as hold it.

    Args:
        rule: its name, for the error.
        work: what it does.
        gpu: the kind of GPU; None: the CPU.
        threads: CPU threads of the job.

    Raises:
        UserError: not even `MOST_GPUS` hold it.
    """
    seconds = TORCH_START + (work.files + work.disk) / DISK_SPEED
    if gpu is None:
        seconds += (work.flops / CPU_FLOPS + work.moved / RAM_BANDWIDTH) / threads
        memory = work.device_bytes(1)
        return Cost(work.flops, seconds, memory, TORCH + work.text + memory, work.disk, 0, threads)
    count = 1
    while work.device_bytes(count) > USABLE * gpu.memory:
        count *= 2
        if count > MOST_GPUS:
            raise UserError(
                f"gpu: a job of {rule} takes {work.device_bytes(MOST_GPUS) / 2**30:.0f} GiB on each of {MOST_GPUS} "
                f"{gpu.name}, which have {gpu.memory / 2**30:.0f}: choose a larger kind, lower batch_tokens, or set "
                "activation_checkpointing: true"
            )
    peak = gpu.bf16_flops if work.half else gpu.fp32_flops
    seconds += (work.flops / (peak * work.share) + work.moved / gpu.bandwidth) / count
    seconds += work.copied / RAM_BANDWIDTH
    host = count * (TORCH + CUDA + work.text) + work.host
    return Cost(work.flops, seconds, work.device_bytes(count), host, work.disk, count, threads)
