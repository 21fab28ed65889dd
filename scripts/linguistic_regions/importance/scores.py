"""Importance scores on disk, read one tensor at a time. Needs numpy, safetensors and xxhash only."""

import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from linguistic_regions.runtime import tensorfile
from linguistic_regions.runtime.checksums import CHUNK
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.parallel import map_slices
from linguistic_regions.runtime.storage import unreadable
from linguistic_regions.runtime.tensorfile import Shape, StoredTensor

MAPPED = CHUNK // 4  # values of each file mapped at a time
IN_CACHE = 1 << 18  # values summed at a time, few enough to stay in the CPU cache


class Scores:
    """The float32 sum of one or more folders of scores, tensor by tensor; the last tensor read is cached.

    Attributes:
        shapes: the shape of each parameter, sorted by name.

    Raises:
        UserError: if a folder is missing or damaged, or the folders belong to different models.
    """

    def __init__(self, folders: Iterable[str | Path]):
        self.folders = {Path(folder): _index(Path(folder)) for folder in folders}
        (first, tensors), *others = self.folders.items()
        self.shapes: dict[str, Shape] = {name: tensor.shape for name, tensor in tensors.items()}
        for folder, tensors in others:
            if {name: tensor.shape for name, tensor in tensors.items()} != self.shapes:
                raise UserError(
                    f"{folder}: names or shapes of its tensors differ from those in {first}: use scores of one model"
                )
        self._last = lru_cache(maxsize=1)(self._sum)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the flattened scores of one parameter: float32, shape (numel,), read-only."""
        return self._last(name)

    def _sum(self, name: str) -> np.ndarray:
        total = np.empty(math.prod(self.shapes[name]), np.float32)

        def add(part: slice) -> bool:
            return _add([self._stored(folder, name, part) for folder in self.folders], total[part])

        if not all(map_slices(add, len(total), MAPPED)):
            self._raise_not_finite(name)
        total.flags.writeable = False
        return total

    def _stored(self, folder: Path, name: str, part: slice) -> np.ndarray:
        try:
            return self.folders[folder][name].values(part.start, part.stop)
        except SafetensorError as error:
            raise unreadable(folder, "folder of importance scores", error) from None

    def _raise_not_finite(self, name: str) -> None:
        whole = slice(0, math.prod(self.shapes[name]))
        for folder in self.folders:
            if not np.isfinite(self._stored(folder, name, whole)).all():
                raise UserError(f"{folder}: {name} has NaN or infinite scores: check the model and its loss")
        raise UserError(f"{', '.join(map(str, self.folders))}: the summed scores of {name} overflow float32")


def _add(stored: list[np.ndarray], total: np.ndarray) -> bool:
    """Write the sum of `stored` to `total`, and return whether all of it is finite."""
    finite = True
    for start in range(0, len(total), IN_CACHE):
        first, *others = (values[start : start + IN_CACHE] for values in stored)
        part = total[start : start + IN_CACHE]
        np.add(first, np.float32(0), out=part)  # -0.0 + 0.0 is 0.0, so that both zeros tie
        for values in others:
            part += values
        finite &= bool(np.isfinite(part.max()))  # the maximum of an array with a NaN is NaN
    return finite


def _index(folder: Path) -> dict[str, StoredTensor]:
    try:
        found = tensorfile.index(sorted(folder.glob("*.safetensors")))
    except (OSError, SafetensorError) as error:
        raise unreadable(folder, "folder of importance scores", error) from None
    if not found:
        raise unreadable(folder, "folder of importance scores", "it has no *.safetensors file")
    return found
