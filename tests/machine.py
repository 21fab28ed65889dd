"""What some tests need of the machine: Apptainer, an image, Slurm. They skip without, or fail where NO_SKIPS is set."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMAGE = Path(os.environ.get("IMAGE", ROOT / "containers/cpu.sif"))
CUDA_IMAGE = Path(os.environ.get("CUDA_IMAGE", ROOT / "containers/cuda.sif"))  # of some GB: no test fails without it


def require(condition: bool, reason: str) -> None:
    """Skip the test unless the machine is as it needs to be; fail it where no test may be skipped."""
    if not condition:
        (pytest.fail if os.environ.get("NO_SKIPS") else pytest.skip)(reason)


def image() -> Path:
    """The image for the tests, with an Apptainer that runs it."""
    require(shutil.which("apptainer") is not None, "apptainer is not on this machine")
    require(IMAGE.exists(), f"no image: python scripts/build_container.py cpu --output {IMAGE}")
    return IMAGE


needs_cuda_image = pytest.mark.skipif(
    not CUDA_IMAGE.exists(), reason=f"no image: python scripts/build_container.py cuda --output {CUDA_IMAGE}"
)


def slurm() -> None:
    """A Slurm cluster whose accounting database answers."""
    require(shutil.which("sbatch") is not None, "Slurm is not on this machine")
    answer = subprocess.run(["sacct", "--noheader"], capture_output=True, text=True)
    require(answer.returncode == 0, f"no Slurm cluster with accounting runs here: {answer.stderr.strip()}")
