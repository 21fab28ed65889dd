"""Run a program on a number of GPUs, with the model sharded over them if there are several.

Without GPUs, this runs `python PROGRAM OPTION ...` with no GPU visible; with one GPU, the same with that GPU visible;
with several, `accelerate launch --num_processes GPUS PROGRAM OPTION ... --shard-model True`. Programs that a user
starts at the same time get different GPUs.
"""

import argparse
import os
import sys
from pathlib import Path

from linguistic_regions.runtime import devices
from linguistic_regions.runtime.errors import UserError


def command(gpus: int, program: str, *arguments: str) -> list[str]:
    """The command that runs a program in one process per GPU; with at most one GPU, in this interpreter."""
    python = Path(sys.executable)
    if gpus < 2:
        return [str(python), program, *arguments]
    accelerate = [str(python.with_name("accelerate")), "launch", "--multi_gpu", "--num_processes", str(gpus)]
    defaults = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*accelerate, *defaults, program, *arguments, "--shard-model", "True"]


def requested_gpus(gpus: int, gres: str) -> int:
    """The number of GPUs: `gpus`, or the number in Slurm's notation of generic resources, such as `gpu:a100:2`.

    Raises:
        UserError: `gres` has no number, or the number is negative.
    """
    number = gres.rsplit(":", 1)[-1] if gres else str(gpus)
    if not number.isdecimal():
        raise UserError(f"--gres: {gres}: write gpu:2 or gpu:a100:2" if gres else f"--gpus: {gpus}: give at least 0")
    return int(number)


def main() -> None:
    """Acquire the GPUs and run the program in place of this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, default=0, help="number of GPUs")
    parser.add_argument(
        "--gres", default="", help="the same in Slurm's notation, such as gpu:a100:2; takes precedence over --gpus"
    )
    parser.add_argument("program")
    parser.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTION")
    arguments = parser.parse_args()
    try:
        gpus = requested_gpus(arguments.gpus, arguments.gres)
        acquired = devices.acquire(gpus) if gpus else []
    except UserError as error:
        sys.exit(f"launch.py: error: {error}")
    if acquired:
        print(f"GPUs of this job: {','.join(acquired)}", flush=True)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(acquired)
    words = command(gpus, arguments.program, *arguments.options)
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
