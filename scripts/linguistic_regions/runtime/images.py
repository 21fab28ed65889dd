"""Container images of the programs' software: what they are labelled with, and whether that still holds."""

import hashlib
import logging
from pathlib import Path

from linguistic_regions.runtime.checkout import ROOT, of_checkout
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.version import VERSION, revision

log = logging.getLogger(__name__)  # not the root logger, which would repeat all that Snakemake says
PINS = ROOT / "envs" / "programs.txt"
SOFTWARE = "linguistic-regions.software"  # the label that holds the hash of the pins


def pins() -> list[str]:
    """The pinned packages of the programs, such as `numpy==2.4.6`."""
    lines = of_checkout(PINS).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def software() -> str:
    """A hash of the pins, comments aside."""
    return hashlib.sha256("\n".join(pins()).encode()).hexdigest()


def build_arguments() -> dict[str, str]:
    """What the definitions in containers/ write into an image's labels: version, git revision, hash of the pins."""
    return {"version": VERSION, "revision": revision(), "software": software()}


def check(container: str, image: Path) -> None:
    """See that the image of the jobs is there and holds the software that programs.txt pins.

    An image that does not say what it holds is somebody's own: that is logged, no more.

    Args:
        container: as the config names it: a local file, or a registry's reference (`docker://...`).
        image: the file that it is, or that was pulled.

    Raises:
        UserError: the image is missing, is none, or was made from other pins.
    """
    if not image.exists():
        raise UserError(
            f"config: container: {container} does not exist: build it with python scripts/build_container.py "
            f"{'cuda' if 'cuda' in image.name else 'cpu'}, or name an image that does"
        )
    held = labels(image).get(SOFTWARE)
    if not held:
        log.warning("container: %s does not say what software it holds; %s has what is tested", container, PINS)
    elif held != software():
        again = f"remove {image}, and it is pulled again" if "://" in container else "build it again"
        raise UserError(f"config: container: {container} is stale, {PINS} has other versions by now; {again}")


def labels(image: Path) -> dict[str, str]:
    """The labels of an image file.

    Raises:
        UserError: Apptainer cannot read it.
    """
    from spython.main import Client

    Client.quiet = True
    found = Client.inspect(str(image))
    if "attributes" not in found:
        raise UserError(f"config: container: {image} is no container image that Apptainer can read")
    return found["attributes"]["labels"] or {}
