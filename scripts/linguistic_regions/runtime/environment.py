"""Environment variables of the programs, and the folders that they see in a container. Standard library only."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

# glibc: large tensors come from the heap, which keeps its pages, not from fresh mappings that fault each page in anew:
# that costs more than a fifth of the time of training on a CPU.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": f"{2**34}", "MALLOC_TOP_PAD_": f"{2**26}"}


def hub_cache() -> Path:
    """The folder of what the hub's client keeps (HF_HOME). In a container the home is another: it wants telling."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{caches}/huggingface")).expanduser().absolute()


def image(container: str, root: Path) -> str:
    """The image that the config names: a registry's reference, or a file in the working directory or the workflow's.

    Args:
        container: as the config names it.
        root: folder of the workflow.
    """
    if "://" in container or Path(container).exists() or not (root / container).exists():
        return container
    return str(root / container)


def binds(used: Iterable[str | Path]) -> str:
    """The folders outside the working directory that jobs in a container need, as APPTAINER_BIND wants them.

    They are the results (where `results` is a link), the hub's caches, the folder of temporary files, and what the
    config names; each as it is called and, behind links, as what it is; of one that is yet to be made the nearest
    folder above it. What APPTAINER_BIND says already stays.

    Args:
        used: the workflow's folder, and the files and folders that the config names.
    """
    caches = [os.environ[name] for name in ("HF_HUB_CACHE", "HF_DATASETS_CACHE") if name in os.environ]
    named = [Path("results"), hub_cache(), Path(tempfile.gettempdir()), *map(Path, caches), *map(Path, used)]
    folders = set()
    for path in named:
        for place in (path.absolute(), path.resolve()):
            folder = next(folder for folder in (place, *place.parents) if folder.is_dir())
            if len(folder.parts) > 1 and not folder.is_relative_to(Path.cwd()):
                folders.add(str(folder))
    said = os.environ.get("APPTAINER_BIND", "")
    return ",".join([said] * bool(said) + sorted(folders - set(said.split(","))))
