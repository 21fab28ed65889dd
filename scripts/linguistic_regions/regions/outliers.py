"""Regions of outliers: hidden dimensions, rows, columns and single weights that are named, not ranked.

The matrices and their shapes are those of another region of the same model, `like`. Needs numpy only.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from linguistic_regions.regions import residual
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json, unreadable
from linguistic_regions.runtime.tensorfile import Shape

KINDS = ("dimensions", "rows", "weights")  # the keys of the file that outliers.py writes


def dimensions(like: Region, wanted: Iterable[int]) -> Region:
    """All weights that read from or write to some hidden dimensions: rows or columns of the residual width.

    Args:
        like: any region of the model.
        wanted: the dimensions, counted from 0.

    Raises:
        UserError: there is no such dimension, or it is not known which axis of a matrix is the residual stream.
    """
    wanted = sorted(wanted)
    axes, width = residual.residual_axes(like.shapes), residual.width(like.shapes)
    for dimension in wanted:
        if not 0 <= dimension < width:
            raise UserError(f"select: dimension: there is no hidden dimension {dimension}: they are 0 to {width - 1}")

    def mark(name: str, mask: np.ndarray) -> None:
        if axes[name] is not None:
            np.moveaxis(mask, axes[name], 0)[wanted] = True

    return _marked(like.shapes, mark)


def entries(like: Region, wanted: Iterable[Mapping]) -> Region:
    """Named parts of matrices: rows, columns or single weights.

    Args:
        like: any region of the model.
        wanted: each with `matrix`, a parameter name, `row` and `column`; None takes all rows, or all columns.

    Raises:
        UserError: there is no such matrix, row or column.
    """
    wanted = list(wanted)
    for entry in wanted:
        _check(entry, like)

    def mark(name: str, mask: np.ndarray) -> None:
        for entry in wanted:
            if entry["matrix"] == name:
                row, column = (slice(None) if entry[key] is None else entry[key] for key in ("row", "column"))
                mask[row, column] = True

    return _marked(like.shapes, mark)


def from_file(like: Region, path: str | Path, kind: str) -> Region:
    """The outliers of one kind that scripts/outliers.py found.

    Args:
        like: any region of the model.
        path: the JSON file that it wrote.
        kind: "dimensions", "rows" (output channels) or "weights".

    Raises:
        UserError: the file is missing or damaged, or of another model.
    """
    content = read_json(path)
    try:
        found = content[kind]
        if kind == "dimensions":
            return dimensions(like, [entry["dimension"] for entry in found])
        return entries(like, [{key: entry[key] for key in ("matrix", "row", "column")} for entry in found])
    except (KeyError, TypeError) as error:
        raise unreadable(path, "file of outliers", f"it lacks {error}") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _check(entry: Mapping, like: Region) -> None:
    name = entry["matrix"]
    shape = like.shapes.get(name)
    if shape is None:
        raise UserError(f"select: entries: {like.name} has no matrix {name}: see region.py describe")
    if len(shape) != 2:
        raise UserError(f"select: entries: {name} is of shape {list(shape)}; only matrices have rows and columns")
    for key, size in zip(("row", "column"), shape, strict=True):
        if entry[key] is not None and not 0 <= entry[key] < size:
            raise UserError(f"select: entries: {name} has no {key} {entry[key]}: they are 0 to {size - 1}")


def _marked(shapes: Mapping[str, Shape], mark: Callable[[str, np.ndarray], None]) -> Region:
    """The region of the weights that `mark` sets to True in a mask of each matrix."""

    def packed(name: str) -> np.ndarray:
        mask = np.zeros(shapes[name], bool)
        mark(name, mask)
        return np.packbits(mask)

    return Region.computed(shapes, packed)
