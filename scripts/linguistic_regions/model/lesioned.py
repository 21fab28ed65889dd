"""Copy a model in Hugging Face format, with a region set to zero. Works on files, without torch.

Weights keep their dtype and shards. One matrix is in memory at a time.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from safetensors import SafetensorError

from linguistic_regions.model import modelfiles, naming
from linguistic_regions.runtime import checksums, tensorfile
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import atomic_write, read_json, unreadable
from linguistic_regions.runtime.tensorfile import Shape

LESION = "lesion.json"  # says what was removed from which model; replaces source.json
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}  # bytes; all bits zero mean 0.0


class Masks(Protocol):
    """The part of `Region` that is needed here; this package does not import regions."""

    shapes: Mapping[str, Shape]
    metadata: dict
    name: str

    def mask(self, name: str) -> np.ndarray:
        """The mask of a parameter: bool, in the shape of the parameter."""


@dataclass(frozen=True)
class _TensorLocation:
    """Where and how a tensor is stored: file, offset in bytes, dtype, shape."""

    file: str
    offset: int
    dtype: str
    shape: Shape


def save_lesioned(model: str | Path, region: Masks, output: str | Path) -> None:
    """Copy a model, and set a region's weights to zero in the copy. All other weights keep their bits.

    Settings, tokenizer and code are copied too. Weight files that transformers would not load are not copied.

    Args:
        model: a folder in Hugging Face format with safetensors weights, in one file or shards.
        region: a `Region` of this model.
        output: folder of the copy, which must not exist.

    Raises:
        UserError: the region belongs to another model, the model's files are missing or corrupted, or `output` exists.
    """
    model, output = Path(model), Path(output)
    if output.exists():
        raise UserError(f"{output} exists: remove it, or name another folder for the copy")
    checksums.verify_checksums(model, "model")
    shards = _shards(model)
    found = _find(model, region, shards)
    with atomic_write(output) as part:
        part.mkdir()
        for pattern in modelfiles.TEXT + modelfiles.CODE:  # copied, never run
            for file in model.glob(pattern):
                if file.name not in (checksums.CHECKSUMS_FILE, modelfiles.SOURCE):
                    shutil.copyfile(file, part / file.name)
        for shard in progress(shards, "copy", unit="file"):
            shutil.copyfile(model / shard, part / shard)
        for name, place in progress(found.items(), "lesion", unit="matrix"):
            _zero(part / place.file, place, region.mask(name))
        _write_lesion(model, region, part)
        checksums.write_checksums(part)


def _shards(model: Path) -> list[str]:
    """The names of the weight files that transformers would load."""
    if (model / "model.safetensors").is_file():
        return ["model.safetensors"]
    index = model / "model.safetensors.index.json"
    if not index.is_file():
        raise UserError(f"{model}: it has no safetensors weights: name a folder with a model in Hugging Face format")
    try:
        return sorted({Path(name).name for name in read_json(index)["weight_map"].values()})
    except (KeyError, AttributeError, TypeError) as error:
        raise unreadable(index, "index of shards", error) from None


def _find(model: Path, region: Masks, shards: list[str]) -> dict[str, _TensorLocation]:
    """Locate the region's parameters in the weight files."""
    stored = {}
    for shard in shards:
        try:
            header, data = tensorfile.header(model / shard)
        except (OSError, SafetensorError) as error:
            raise unreadable(model / shard, "part of a model", error) from None
        header.pop("__metadata__", None)
        for name, tensor in header.items():
            stored[name] = _TensorLocation(
                shard, data + tensor["data_offsets"][0], tensor["dtype"], tuple(tensor["shape"])
            )
    found = {}
    for name, shape in region.shapes.items():
        # In files of a bare decoder, such as GPT-2's, names lack the decoder's prefix.
        place = stored.get(name) or stored.get(name.partition(".")[2])
        if place is None or place.shape != tuple(shape):
            raise UserError(
                f"{region.name} belongs to another model: {model} has no {name} of shape {list(shape)}; name the "
                "model that it was built from; if the weights in its files have other names, load the model and save "
                "it again"
            )
        if place.dtype not in SIZES:
            raise UserError(f"{model}: {name} is stored as {place.dtype}: name a model whose weights are not quantized")
        found[name] = place
    return found


def _zero(file: Path, place: _TensorLocation, mask: np.ndarray) -> None:
    if mask.any():  # an empty range cannot be memory-mapped
        words = np.memmap(file, f"u{SIZES[place.dtype]}", "r+", place.offset, place.shape)
        words[mask] = 0
        words.flush()


def _write_lesion(model: Path, region: Masks, output: Path) -> None:
    source = model / modelfiles.SOURCE
    intact = read_json(source) if source.is_file() else {"name": naming.folder_name(model)}
    lesion = {"model": intact, "removed": region.metadata}
    (output / LESION).write_text(json.dumps(lesion) + "\n", encoding="utf-8")
