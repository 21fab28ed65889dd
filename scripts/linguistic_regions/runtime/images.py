"""Container images with the programs' software: their labels, and the check that they are up to date."""

import hashlib
import logging
from pathlib import Path

from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.version import VERSION, revision

log = logging.getLogger(__name__)  # the root logger would repeat Snakemake's messages
PINS = ROOT / "envs" / "programs.txt"
PINS_LABEL = "linguistic-regions.software"  # its value is the hash of the pins


def pins() -> list[str]:
    """The packages of envs/programs.txt, such as `numpy==2.4.6`."""
    lines = checkout_file(PINS).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def pins_hash() -> str:
    """The SHA-256 of the pins, without comments."""
    return hashlib.sha256("\n".join(pins()).encode()).hexdigest()


def build_arguments() -> dict[str, str]:
    """The build arguments that the definitions in containers/ turn into labels: version, git revision, pins' hash."""
    return {"version": VERSION, "revision": revision(), "software": pins_hash()}


def check(container: str, image: Path) -> None:
    """Check that a container image exists and has the software that envs/programs.txt pins.

    For an image without a label, which is one of the user's own, a warning is logged.

    Args:
        container: as in the config: a local file, or a registry reference (`docker://...`).
        image: the image file, local or pulled.

    Raises:
        UserError: the file is missing, is not an image, or was built from other pins.
    """
    if not image.exists():
        raise UserError(
            f"config: container: {container} does not exist: build it with .venv/bin/python scripts/build_container.py "
            f"{'cuda' if 'cuda' in image.name else 'cpu'}, or name an image that exists"
        )
    label = labels(image).get(PINS_LABEL)
    if not label:
        log.warning("container: %s has no label that says which software it contains; %s is tested", container, PINS)
    elif label != pins_hash():
        advice = f"remove {image} to pull it again" if "://" in container else "build it again"
        raise UserError(f"config: container: {container} is stale: {PINS} now has other versions; {advice}")


def labels(image: Path) -> dict[str, str]:
    """The labels of an image file.

    Raises:
        UserError: Apptainer cannot read the file.
    """
    from spython.main import Client

    Client.quiet = True
    found = Client.inspect(str(image))
    if "attributes" not in found:
        raise UserError(f"config: container: {image} is not a container image that Apptainer can read: build it again")
    return found["attributes"]["labels"] or {}
