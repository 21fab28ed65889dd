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

MAPPED = CHUNK // 4  # values of each file that are mapped at a time
IN_CACHE = 1 << 18  # values that are summed at a time: they stay in the processor's cache


class Scores:
    """The float32 sum of one or more folders of scores, tensor by tensor; the last one asked for is kept.

    Attributes:
        shapes: shape of each parameter, by name in ascending order.

    Raises:
        UserError: a folder is missing or damaged, or the folders are of different models.
    """

    def __init__(self, folders: Iterable[str | Path]):
        self.folders = {Path(folder): _index(Path(folder)) for folder in folders}
        (first, tensors), *others = self.folders.items()
        self.shapes: dict[str, Shape] = {name: tensor.shape for name, tensor in tensors.items()}
        for folder, tensors in others:
            if {name: tensor.shape for name, tensor in tensors.items()} != self.shapes:
                raise UserError(f"{folder}: its tensors differ from those of {first}: score the same model for both")
        self._last = lru_cache(maxsize=1)(self._sum)

    def __getitem__(self, name: str) -> np.ndarray:
        """The flattened score of one parameter, float32, shape (numel,); not to be written to."""
        return self._last(name)

    def _sum(self, name: str) -> np.ndarray:
        total = np.empty(math.prod(self.shapes[name]), np.float32)

        def add(part: slice) -> bool:
            return _add([self._stored(folder, name, part) for folder in self.folders], total[part])

        if not all(map_slices(add, len(total), MAPPED)):
            self._complain(name)
        total.flags.writeable = False
        return total

    def _stored(self, folder: Path, name: str, part: slice) -> np.ndarray:
        try:
            return self.folders[folder][name].values(part.start, part.stop)
        except SafetensorError as error:
            raise unreadable(folder, "folder of importance scores", error) from None

    def _complain(self, name: str) -> None:
        whole = slice(0, math.prod(self.shapes[name]))
        for folder in self.folders:
            if not np.isfinite(self._stored(folder, name, whole)).all():
                raise UserError(f"{folder}: {name} holds NaN or infinite scores: the model or its loss is broken")
        raise UserError(f"{', '.join(map(str, self.folders))}: the sum of {name} is beyond float32")


def _add(stored: list[np.ndarray], total: np.ndarray) -> bool:
    """Sum `stored` into `total`; whether all of it is finite."""
    finite = True
    for start in range(0, len(total), IN_CACHE):
        first, *others = (values[start : start + IN_CACHE] for values in stored)
        part = total[start : start + IN_CACHE]
        np.add(first, np.float32(0), out=part)  # -0.0 + 0.0 is 0.0: the two tie
        for values in others:
            part += values
        finite &= bool(np.isfinite(part.max()))  # the maximum of what holds a NaN is NaN
    return finite


def _index(folder: Path) -> dict[str, StoredTensor]:
    try:
        found = tensorfile.index(sorted(folder.glob("*.safetensors")))
    except (OSError, SafetensorError) as error:
        raise unreadable(folder, "folder of importance scores", error) from None
    if not found:
        raise unreadable(folder, "folder of importance scores", "no *.safetensors there")
    return found
