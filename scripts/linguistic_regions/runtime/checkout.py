"""The repository around the library: its tables, schemas and pins are not installed with it. Standard library only."""

from pathlib import Path

from linguistic_regions.runtime.errors import UserError

ROOT = Path(__file__).parents[3]


def of_checkout(path: Path) -> Path:
    """A path under `ROOT` that is there.

    Raises:
        UserError: the library is installed, and the repository is not around it.
    """
    if not path.exists():
        raise UserError(
            f"{path}: there is no such file: it belongs to the repository of linguistic-regions and is not installed "
            "with the library; run this in a clone"
        )
    return path
