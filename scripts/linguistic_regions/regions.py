"""Regions: one boolean mask per weight matrix, how they are selected from scores, and their algebra.

Masks are kept packed, one bit per weight (numpy.packbits of the flattened mask, big-endian bits), in memory as
in the file: a region of a 7B model is 0.8 GB, and set algebra is bitwise. Needs numpy and safetensors only.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from linguistic_regions.commands import UserError
from linguistic_regions.storage import whole

Shape = tuple[int, ...]


@dataclass
class Region:
    """A set of weights of one model.

    Attributes:
        packed: for each parameter the packed mask, uint8, shape (ceil(numel / 8),); spare bits are zero.
        shapes: for each parameter the shape of its mask.
        metadata: what made it (recipe, model, revision, config hash): JSON values.
    """

    packed: dict[str, np.ndarray]
    shapes: dict[str, Shape]
    metadata: dict = field(default_factory=dict)

    @classmethod
    def from_masks(cls, masks: Mapping[str, np.ndarray], metadata: dict | None = None) -> "Region":
        """A region from boolean masks."""
        packed = {name: np.packbits(mask) for name, mask in masks.items()}
        return cls(packed, {name: mask.shape for name, mask in masks.items()}, metadata or {})

    def mask(self, name: str) -> np.ndarray:
        """The boolean mask of parameter `name`, in its shape."""
        shape = self.shapes[name]
        return np.unpackbits(self.packed[name], count=math.prod(shape)).astype(bool).reshape(shape)

    @property
    def counts(self) -> dict[str, int]:
        """Selected weights per parameter."""
        return {name: int(np.bitwise_count(bits).sum(dtype=np.int64)) for name, bits in self.packed.items()}

    def __len__(self) -> int:
        return sum(self.counts.values())

    @property
    def size(self) -> int:
        """Weights that could have been selected."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def __or__(self, other: "Region") -> "Region":
        return self._combine(np.bitwise_or, other)

    def __and__(self, other: "Region") -> "Region":
        return self._combine(np.bitwise_and, other)

    def __sub__(self, other: "Region") -> "Region":
        return self._combine(lambda a, b: a & ~b, other)

    def __invert__(self) -> "Region":
        masks = {name: ~self.mask(name) for name in self.packed}
        return Region.from_masks(masks)

    def jaccard(self, other: "Region") -> float:
        """Shared weights over all weights of either; 1 for two empty regions."""
        either = len(self | other)
        return len(self & other) / either if either else 1.0

    def _combine(self, operation: Callable, other: "Region") -> "Region":
        if self.shapes != other.shapes:
            raise UserError("the regions are not of the same model: their parameters or shapes differ")
        return Region({name: operation(self.packed[name], other.packed[name]) for name in self.packed}, self.shapes)

    def save(self, path: str | Path) -> None:
        """Write to safetensors; shapes, counts and `metadata` go into its metadata as JSON strings."""
        described = {"shapes": self.shapes, "counts": self.counts} | self.metadata
        metadata = {key: json.dumps(value, sort_keys=True) for key, value in described.items()}
        with whole(path) as part:
            save_file(self.packed, part, metadata)

    @classmethod
    def load(cls, path: str | Path) -> "Region":
        """Read what `save` wrote.

        Raises:
            UserError: the file is missing, damaged or no region.
        """
        try:
            with safe_open(path, "numpy") as file:
                metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
                packed = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: tuple(shape) for name, shape in metadata.pop("shapes").items()}
            counts = metadata.pop("counts")
            region = cls({name: packed[name] for name in shapes}, shapes, metadata)
        except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise UserError(f"{path}: not a readable region ({error}); delete it and build it again") from None
        if region.counts != counts:
            raise UserError(f"{path}: its masks do not hold the counts it states; delete it and build it again")
        return region


def union(regions: Iterable[Region]) -> Region:
    """Weights in any of the regions."""
    regions = iter(regions)
    result = next(regions)
    for region in regions:
        result = result | region
    return result


class Scores:
    """Importance scores on disk, read one tensor at a time: the float32 sum of one or more score folders.

    Raises:
        UserError: a folder is missing or damaged, or the folders are of different models.
    """

    def __init__(self, folders: Iterable[str | Path]):
        self.folders = [Path(folder) for folder in folders]
        self._files = [self._index(folder) for folder in self.folders]
        first = self._files[0]
        self.shapes: dict[str, Shape] = {name: shape for name, (_, shape) in first.items()}
        for folder, files in zip(self.folders, self._files, strict=True):
            if {name: shape for name, (_, shape) in files.items()} != self.shapes:
                raise UserError(f"{folder}: its tensors differ from those of {self.folders[0]}: another model?")

    def __getitem__(self, name: str) -> np.ndarray:
        """The flattened score of one parameter, float32, shape (numel,)."""
        total = None
        for folder, files in zip(self.folders, self._files, strict=True):
            with safe_open(files[name][0], "numpy") as file:
                score = file.get_tensor(name).reshape(-1)
            if not np.isfinite(score).all():
                raise UserError(f"{folder}: {name} holds NaN or infinite scores: the model or its loss is broken")
            total = score if total is None else total + score
        return total

    @staticmethod
    def _index(folder: Path) -> dict[str, tuple[Path, Shape]]:
        found = {}
        for path in sorted(folder.glob("*.safetensors")):
            try:
                with safe_open(path, "numpy") as file:
                    for name in file.keys():  # noqa: SIM118
                        found[name] = (path, tuple(file.get_slice(name).get_shape()))
            except SafetensorError as error:
                raise UserError(f"{path}: not readable ({error}); delete it and compute it again") from None
        if not found:
            raise UserError(f"{folder}: no importance scores (*.safetensors) there")
        return dict(sorted(found.items()))


def select(
    scores: Scores,
    ratio: float | None = None,
    counts: Mapping[str, int] | None = None,
    scope: str = "tensor",
    largest: bool = True,
) -> Region:
    """The weights of largest (or smallest) score, ties broken by the lower flat index.

    Args:
        scores: what to rank by, non-negative.
        ratio: floor(ratio * numel) weights are selected ...
        counts: ... or so many of each parameter (then `scope` is "tensor").
        scope: "tensor" ranks within each parameter, "model" all of them together (parameters in name order).
        largest: False selects the smallest.
    """
    direction = np.uint32(0) if largest else np.uint32(0xFFFFFFFF)

    def keys(name: str) -> np.ndarray:
        # Non-negative floats order like their bits; -0.0 + 0.0 is 0.0, so that both zeros tie.
        return (scores[name] + np.float32(0)).view(np.uint32) ^ direction

    sizes = {name: math.prod(shape) for name, shape in scores.shapes.items()}
    if counts is None:
        counts = {name: math.floor(ratio * size) for name, size in sizes.items()}
    packed = {}
    if scope == "tensor":
        for name in scores.shapes:
            values = keys(name)
            limit, ties = _limit(lambda values=values: [values], counts[name])
            packed[name] = np.packbits(_above(values, limit, ties))
    else:
        limit, ties = _limit(lambda: (keys(name) for name in scores.shapes), math.floor(ratio * sum(sizes.values())))
        for name in scores.shapes:
            values = keys(name)
            packed[name] = np.packbits(_above(values, limit, ties))
            ties = max(0, ties - np.count_nonzero(values == limit))
    return Region(packed, dict(scores.shapes))


def random(counts: Mapping[str, int], shapes: Mapping[str, Shape], seed: int) -> Region:
    """As many weights per parameter as `counts` says, drawn without replacement, the same for the same seed."""
    generator = np.random.default_rng(seed)
    masks = {}
    for name in sorted(shapes):
        mask = np.zeros(math.prod(shapes[name]), bool)
        mask[generator.choice(mask.size, counts[name], replace=False, shuffle=False)] = True
        masks[name] = mask.reshape(shapes[name])
    return Region.from_masks(masks)


def _limit(passes: Callable[[], Iterable[np.ndarray]], count: int) -> tuple[np.uint32, int]:
    """The `count`-th largest of uint32 keys that `passes()` streams, and how many keys equal to it belong.

    Two histograms, of the upper and then of the lower 16 bits, in place of a sort: exact, in constant memory.
    """
    if count == 0:
        return np.uint32(0xFFFFFFFF), 0
    upper, rest = _rank(_histogram(keys >> 16 for keys in passes()), count)
    lower, ties = _rank(_histogram(keys[keys >> 16 == upper] & 0xFFFF for keys in passes()), rest)
    return np.uint32(upper << 16 | lower), ties


def _histogram(parts: Iterator[np.ndarray]) -> np.ndarray:
    return sum(np.bincount(part, minlength=1 << 16) for part in parts)


def _rank(histogram: np.ndarray, count: int) -> tuple[int, int]:
    """The bin that holds the `count`-th largest entry, and that entry's rank within the bin."""
    from_top = np.cumsum(histogram[::-1])
    steps = int(np.searchsorted(from_top, count))
    above = int(from_top[steps - 1]) if steps else 0
    return len(histogram) - 1 - steps, count - above


def _above(keys: np.ndarray, limit: np.uint32, ties: int) -> np.ndarray:
    mask = keys > limit
    mask[np.flatnonzero(keys == limit)[:ties]] = True
    return mask
