"""Run a program on several GPUs, with the model spread over them; or simply run it.

usage: launch.py GPUS PROGRAM [OPTION ...]

With two GPUs or more it is `accelerate launch --num_processes GPUS PROGRAM OPTION ... --shard-model True`, else
`python PROGRAM OPTION ...`.
"""

import os
import sys
from pathlib import Path


def command(gpus: int, program: str, *arguments: str) -> list[str]:
    """The command that runs a program in one process for each GPU; without GPUs or with one, in this interpreter."""
    python = Path(sys.executable)
    if gpus < 2:
        return [str(python), program, *arguments]
    accelerate = [str(python.with_name("accelerate")), "launch", "--multi_gpu", "--num_processes", str(gpus)]
    defaults = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*accelerate, *defaults, program, *arguments, "--shard-model", "True"]


if __name__ == "__main__":
    if len(sys.argv) < 3 or not sys.argv[1].isdigit():
        print(__doc__.strip())
        sys.exit(sys.argv[1:] != ["--help"])
    words = command(int(sys.argv[1]), *sys.argv[2:])
    os.execv(words[0], words)
