"""Files of the repository that are not installed with the library: tables, schemas, pins. Standard library only."""

from pathlib import Path

from linguistic_regions.runtime.errors import UserError

ROOT = Path(__file__).parents[3]


def checkout_file(path: Path) -> Path:
    """Return `path`, a file of the repository, after checking that it exists.

    Raises:
        UserError: the file does not exist, as when the library is installed without the repository.
    """
    if not path.exists():
        raise UserError(
            f"{path}: there is no such file: it is part of the linguistic-regions repository and is not installed "
            "with the library; run this in a clone"
        )
    return path
