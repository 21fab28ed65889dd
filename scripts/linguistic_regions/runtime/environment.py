"""Environment variables of the programs, and the folders that are bound into their container. Standard library only."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

# glibc: allocate large tensors from the heap, which keeps its pages. New mappings would page-fault each time, which
# takes more than a fifth of the time of training on a CPU.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": f"{2**34}", "MALLOC_TOP_PAD_": f"{2**26}"}


def hub_cache() -> Path:
    """The hub client's cache folder (HF_HOME), explicit because a container has another home folder."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{caches}/huggingface")).expanduser().absolute()


def container_image(container: str, root: Path) -> str:
    """The container image that the config names: a registry reference, or a file.

    Args:
        container: as in the config; a relative path is looked up in the working directory, then in `root`.
        root: folder of the workflow.
    """
    if "://" in container or Path(container).exists() or not (root / container).exists():
        return container
    return str(root / container)


def bind_mounts(used: Iterable[str | Path]) -> str:
    """The folders outside the working directory that jobs in a container need, in the format of APPTAINER_BIND.

    These are the target of `results` if that is a link, the hub's caches, the temporary folder, and `used`. Each is
    bound by its own path and by its resolved path. If a folder does not exist yet, its nearest existing parent is
    bound. What APPTAINER_BIND already contains is kept.

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
    existing = os.environ.get("APPTAINER_BIND", "")
    return ",".join([existing] * bool(existing) + sorted(folders - set(existing.split(","))))
