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

    If there are folders in `minus`, their mean is subtracted from the sum, which then may be negative.

    Attributes:
        shapes: the shape of each parameter, sorted by name.

    Raises:
        UserError: if a folder is missing or damaged, the folders belong to different models, or values are not finite
            or negative.
    """

    def __init__(self, folders: Iterable[str | Path], minus: Iterable[str | Path] = ()):
        self.folders, self.minus = (list(dict.fromkeys(map(Path, paths))) for paths in (folders, minus))
        self._indices = {folder: _index(folder) for folder in (*self.folders, *self.minus)}
        (first, tensors), *others = self._indices.items()
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
            added, minus = (
                [self._stored(folder, name, part) for folder in folders] for folders in (self.folders, self.minus)
            )
            return _add(added, minus, total[part])

        if not all(map_slices(add, len(total), MAPPED)):
            self._raise_invalid(name)
        total.flags.writeable = False
        return total

    def _stored(self, folder: Path, name: str, part: slice) -> np.ndarray:
        try:
            return self._indices[folder][name].values(part.start, part.stop)
        except SafetensorError as error:
            raise unreadable(folder, "folder of importance scores", error) from None

    def _raise_invalid(self, name: str) -> None:
        whole = slice(0, math.prod(self.shapes[name]))
        for folder in self._indices:
            stored = self._stored(folder, name, whole)
            if not np.isfinite(stored).all():
                raise UserError(f"{folder}: {name} has NaN or infinite scores: check the model and its loss")
            if (stored < 0).any():
                raise UserError(f"{folder}: {name} has negative values, so no importance scores: check the path")
        raise UserError(f"{', '.join(map(str, self._indices))}: the summed scores of {name} overflow float32")


def _add(stored: list[np.ndarray], minus: list[np.ndarray], total: np.ndarray) -> bool:
    """Write the sum of `stored`, less the mean of `minus`, to `total`; return whether all of it is valid.

    Valid sums are finite and, as scores are, not negative; a difference may be.
    """
    valid = True
    for start in range(0, len(total), IN_CACHE):
        chunk = slice(start, start + IN_CACHE)
        part = total[chunk]
        _sum(stored, chunk, part)
        if minus:
            part -= _sum(minus, chunk, np.empty_like(part)) / np.float32(len(minus))
        lowest, highest = part.min(), part.max()  # of an array with a NaN, both are NaN
        valid &= bool(np.isfinite(highest) and (np.isfinite(lowest) if minus else lowest >= 0))
    return valid


def _sum(stored: list[np.ndarray], chunk: slice, total: np.ndarray) -> np.ndarray:
    first, *others = (values[chunk] for values in stored)
    np.add(first, np.float32(0), out=total)  # -0.0 + 0.0 is 0.0, so that both zeros tie
    for values in others:
        total += values
    return total


def _index(folder: Path) -> dict[str, StoredTensor]:
    try:
        found = tensorfile.index(sorted(folder.glob("*.safetensors")))
    except (OSError, SafetensorError) as error:
        raise unreadable(folder, "folder of importance scores", error) from None
    if not found:
        raise unreadable(folder, "folder of importance scores", "it has no *.safetensors file")
    if other := {str(tensor.dtype) for tensor in found.values()} - {"float32"}:
        raise UserError(
            f"{folder}: its tensors are {', '.join(sorted(other))}, so no importance scores: check the path"
        )
    return found
