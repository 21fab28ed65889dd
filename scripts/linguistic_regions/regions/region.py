"""Regions: one boolean mask per weight matrix, and set algebra on them.

Masks are packed, one bit per weight (numpy.packbits of the flattened mask, big-endian bits), and are read or computed
on access, one matrix at a time: whatever the number of layers and of regions combined, at most one mask of each region
is in memory. Needs only numpy and safetensors.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from linguistic_regions.runtime import tensorfile
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import unreadable
from linguistic_regions.runtime.tensorfile import Shape


class Computed(Mapping):
    """Packed masks by name, computed on access; the last one is cached."""

    def __init__(self, names: Iterable[str], compute: Callable[[str], np.ndarray]):
        self._names = list(names)
        self._compute = lru_cache(maxsize=1)(compute)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._compute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass
class Region:
    """A set of weights of one model.

    Attributes:
        packed: the packed mask of each parameter, uint8, shape (ceil(numel / 8),); padding bits are zero.
        shapes: the shape of each parameter's mask.
        metadata: how the region was made (recipe, model, revision, config hash), as JSON values.
        name: its name in error messages.
    """

    packed: Mapping[str, np.ndarray]
    shapes: dict[str, Shape]
    metadata: dict = field(default_factory=dict)
    name: str = "a region"

    @classmethod
    def from_masks(cls, masks: Mapping[str, np.ndarray], metadata: dict | None = None) -> "Region":
        """Create a region from boolean masks.

        Raises:
            UserError: a mask has numbers that are not whole, or is no array.
        """
        for name, mask in masks.items():
            if np.asarray(mask).dtype.kind not in "biu":
                raise UserError(
                    f"the mask of {name} is not an array of dtype bool: give one, such as scores > threshold"
                )
        packed = {name: np.packbits(mask) for name, mask in masks.items()}
        return cls(packed, {name: mask.shape for name, mask in masks.items()}, metadata or {})

    @classmethod
    def computed(cls, shapes: Mapping[str, Shape], packed: Callable[[str], np.ndarray]) -> "Region":
        """Create a region whose packed masks a function returns, by parameter name."""
        return cls(Computed(shapes, packed), dict(shapes))

    def mask(self, name: str) -> np.ndarray:
        """Return the boolean mask of parameter `name`, in its shape.

        Raises:
            UserError: the region has no such parameter.
        """
        if name not in self.shapes:
            first = next(iter(self.shapes), "none")
            raise UserError(f"{self.name} has no parameter {name!r}: its parameters are {first}, ...")
        shape = self.shapes[name]
        return np.unpackbits(self.packed[name], count=math.prod(shape)).view(bool).reshape(shape)

    def count(self, name: str) -> int:
        """Return the number of selected weights of parameter `name`."""
        return count_ones(self.packed[name])

    @property
    def counts(self) -> dict[str, int]:
        """The number of selected weights of each parameter."""
        return {name: self.count(name) for name in self.packed}

    def __len__(self) -> int:
        return sum(self.counts.values())

    @property
    def size(self) -> int:
        """The number of selectable weights."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def fingerprint(self) -> str:
        """Identifies this set of weights: shapes and masks, without metadata."""
        return fingerprint(
            fact for name in sorted(self.shapes) for fact in (name, tuple(self.shapes[name]), self.packed[name])
        )

    def __or__(self, other: "Region") -> "Region":
        return self._combine(np.bitwise_or, other)

    def __and__(self, other: "Region") -> "Region":
        return self._combine(np.bitwise_and, other)

    def __sub__(self, other: "Region") -> "Region":
        return self._combine(lambda a, b: a & ~b, other)

    def __invert__(self) -> "Region":
        others = Region.computed(self.shapes, lambda name: np.packbits(~self.mask(name)))
        return replace(others, name=self.name)

    def jaccard(self, other: "Region") -> float:
        """Return the Jaccard index, |intersection| / |union|; 1 for two empty regions."""
        self._match(other)
        intersection = union = 0
        for name in self.shapes:
            mine, others = self.packed[name], other.packed[name]
            intersection += count_ones(mine & others)
            union += count_ones(mine | others)
        return intersection / union if union else 1.0

    def _combine(self, operation: Callable, other: "Region") -> "Region":
        self._match(other)
        return Region.computed(self.shapes, lambda name: operation(self.packed[name], other.packed[name]))

    def _match(self, other: "Region") -> None:
        require_region(other)
        if self.shapes != other.shapes:
            raise UserError(
                f"{self.name} and {other.name} belong to different models (parameters or shapes differ): combine "
                "regions of one model"
            )

    def save(self, path: str | Path) -> None:
        """Write to safetensors; shapes, counts and `metadata` are stored in its metadata as JSON strings."""
        counts = {name: math.prod(shape) for name, shape in sorted(self.shapes.items())}  # upper bounds, replaced below
        values = {"shapes": self.shapes, "counts": counts} | self.metadata
        metadata = {key: json.dumps(value, sort_keys=True) for key, value in values.items()}
        packed = {name: (-(-size // 8),) for name, size in counts.items()}
        with tensorfile.create(path, packed, "uint8", metadata) as file:
            for name in progress(packed, "region", unit="matrix"):
                file.write(name, self.packed[name])
                counts[name] = count_ones(self.packed[name])
            metadata["counts"] = json.dumps(counts, sort_keys=True)

    @classmethod
    def load(cls, path: str | Path) -> "Region":
        """Open a file that `save` wrote; masks are read on access.

        Raises:
            UserError: if the file is missing, damaged or not a region, or, on access, if a mask does not have the
                recorded number of weights.
        """
        path = Path(path)
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a region's file in it")
        try:
            metadata = {key: json.loads(value) for key, value in tensorfile.metadata(path).items()}
            shapes = {name: tuple(shape) for name, shape in metadata.pop("shapes").items()}
            counts = metadata.pop("counts")
            stored, opened = tensorfile.index([path]), path.stat().st_mtime_ns
            bits = {name: stored[name] for name in shapes}
            whole = counts.keys() == shapes.keys()
            whole &= all(bits[name].shape == (-(-math.prod(shape) // 8),) for name, shape in shapes.items())
        except (OSError, SafetensorError, KeyError, AttributeError, TypeError, json.JSONDecodeError) as error:
            reason = "it has no masks" if isinstance(error, KeyError | AttributeError | TypeError) else error
            raise unreadable(path, "region", reason) from None
        if not whole:
            raise unreadable(path, "region", "its masks do not have the recorded shapes")

        def read(name: str) -> np.ndarray:
            try:
                packed = np.array(bits[name].values(0, math.prod(bits[name].shape)))
            except SafetensorError as error:
                if path.stat().st_mtime_ns != opened:
                    raise UserError(f"{path} was written again since it was loaded: load it again") from None
                raise unreadable(path, "region", error) from None
            if count_ones(packed) != counts[name]:
                raise unreadable(path, "region", "its masks do not have the recorded numbers of weights")
            return packed

        region = cls.computed(shapes, read)
        region.metadata, region.name = metadata, str(path)
        return region


def require_region(value: object) -> None:
    """Check that a value is a region, and not the path of one.

    Raises:
        UserError: it is not.
    """
    if not isinstance(value, Region):
        raise UserError(f"{type(value).__name__} {str(value)[:50]!r} is not a region: give Region.load(path)")


def count_ones(packed: np.ndarray) -> int:
    """Return the number of set bits of a packed mask."""
    return int(np.bitwise_count(packed).sum(dtype=np.int64))


def union_of(regions: Iterable[Region]) -> Region:
    """Return the union of one or more regions."""
    regions = iter(regions)
    result = next(regions)
    for region in regions:
        result = result | region
    return result


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Region files by name: that of the file without its suffix.

    Raises:
        UserError: two files have one name, so that tables could not tell them apart.
    """
    files: dict[str, Path] = {}
    for path in paths:
        if path.stem in files:
            raise UserError(f"{files[path.stem]} and {path} are of one name, {path.stem}: rename one of the files")
        files[path.stem] = path
    return files
