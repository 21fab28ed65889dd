"""Build the container image with the programs' software, with Apptainer."""

import contextlib
import logging
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Literal

import tyro
from spython.utils import stream_command

from linguistic_regions.runtime import images
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import OutputFile
from linguistic_regions.runtime.storage import remove


def main(
    kind: Annotated[Literal["cpu", "cuda"], tyro.conf.Positional],
    /,
    *,
    base: str | None = None,
    wheels: Path | None = None,
    output: OutputFile | None = None,
    compression: Literal["zstd", "gzip"] = "zstd",
) -> None:
    """Build the image from containers/KIND.def: the pins of envs/programs.txt on a base image with Python.

    Needs Apptainer and, without root, user namespaces with subordinate ids (`--fakeroot`).

    Example: .venv/bin/python scripts/build_container.py cpu

    Args:
        kind: cpu or cuda.
        base: base image instead of the definition's: a registry reference, such as docker://python:3.11-slim-bookworm,
            a local image, or a folder with a Debian system.
        wheels: install from this folder of wheels, without a package index; fill it with
            `pip wheel -r envs/programs.txt -w FOLDER`.
        output: the image file, which is replaced if it exists; None: containers/KIND.sif.
        compression: zstd is faster to read; gzip works with every Apptainer and Singularity.
    """
    if shutil.which("apptainer") is None:
        raise UserError("apptainer is not installed on this machine: install it (apptainer.org)")
    output = (output or images.ROOT / "containers" / f"{kind}.sif").absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    arguments = images.build_arguments() | _base(base)
    options = ["--fakeroot"]
    if wheels is not None:
        if not list(wheels.glob("*.whl")):
            raise UserError(
                f"--wheels: {wheels} has no wheels: fill it with pip wheel -r envs/{images.PINS.name} -w {wheels}"
            )
        arguments["pip"] = "--no-index --find-links /mnt"
        options += ["--bind", f"{wheels.absolute()}:/mnt"]
    for name, value in arguments.items():
        options += ["--build-arg", f"{name}={value}"]
    if compression == "zstd":
        options += ["--mksquashfs-args", "-comp zstd -Xcompression-level 3"]

    part = output.with_name(f".{output.name}.part")
    recipe = images.ROOT / "containers" / f"{kind}.def"
    try:
        with contextlib.chdir(images.ROOT):  # paths in the definition are relative to it
            command = ["apptainer", "build", *options, str(part), str(recipe)]
            for line in stream_command(command, output_type="both"):
                logging.info(line.rstrip())
        part.replace(output)
    except subprocess.CalledProcessError:
        raise UserError(f"apptainer could not build {recipe.name}: see its output above") from None
    finally:
        remove(part)
    logging.info("%s: %.0f MB", output, output.stat().st_size / 1e6)


def _base(base: str | None) -> dict[str, str]:
    if base is None:
        return {}
    if "://" in base:
        agent, name = base.split("://", 1)
        return {"bootstrap": agent, "base": name}
    path = Path(base).absolute()
    if not path.exists():
        raise UserError(f"--base: {base} does not exist: check the path")
    return {"bootstrap": "localimage", "base": str(path)}


if __name__ == "__main__":
    run(main)
