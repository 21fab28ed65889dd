"""Run a program on the GPUs that its job asked for, with the model spread over them if they are several.

Without a GPU it is `python PROGRAM OPTION ...`, and no GPU can be seen; with one the same, and that one can; with more
`accelerate launch --num_processes GPUS PROGRAM OPTION ... --shard-model True`. Programs that one user starts side by
side take different GPUs.
"""

import argparse
import os
import sys
from pathlib import Path

from linguistic_regions.runtime import devices
from linguistic_regions.runtime.errors import UserError


def command(gpus: int, program: str, *arguments: str) -> list[str]:
    """The command that runs a program in one process for each GPU; without GPUs or with one, in this interpreter."""
    python = Path(sys.executable)
    if gpus < 2:
        return [str(python), program, *arguments]
    accelerate = [str(python.with_name("accelerate")), "launch", "--multi_gpu", "--num_processes", str(gpus)]
    defaults = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*accelerate, *defaults, program, *arguments, "--shard-model", "True"]


def wanted(gpus: int, gres: str) -> int:
    """How many GPUs a job asked for: by number, or in Slurm's words for generic resources, such as `gpu:a100:2`."""
    return int(gres.rsplit(":", 1)[-1]) if gres else gpus


def main() -> None:
    """Take the GPUs and become the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, default=0, help="how many GPUs")
    parser.add_argument(
        "--gres", default="", help="the same in Slurm's words, such as gpu:a100:2; counts before --gpus"
    )
    parser.add_argument("program")
    parser.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTION")
    asked = parser.parse_args()
    gpus = wanted(asked.gpus, asked.gres)
    try:
        taken = devices.acquire(gpus) if gpus else []
    except UserError as error:
        sys.exit(f"launch.py: error: {error}")
    if taken:
        print(f"GPUs of this job: {','.join(taken)}", flush=True)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
    words = command(gpus, asked.program, *asked.options)
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
