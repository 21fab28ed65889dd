"""Single weights to compare scores on: drawn from all sizes of the scores, evenly from each estimator's.

The exact change of the loss takes a pass through the model for each weight, so a sample must do. Most weights have
scores near zero, so it is stratified; and as strata of one score would flatter that score (its range is then wider
than that of the others), each estimator's scores stratify an equal part of the sample.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product

import numpy as np

from linguistic_regions.importance.accumulation import Sums

SHARES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0)  # of the weights of a matrix that have a lower score: ends of bins


@dataclass(frozen=True)
class Place:
    """A single weight.

    Attributes:
        parameter: name of its matrix in the model.
        kind: name of the matrix within its layer, such as self_attn.q_proj; outside the layers, of the parameter.
        index: its flat index.
    """

    parameter: str
    kind: str
    index: int


def draw(sums: Mapping[str, Sums], count: int, seed: int) -> list[Place]:
    """Draw single weights of every kind of matrix.

    A weight is drawn from a random matrix of its kind: by the score of one estimator, from one bin between two
    neighbours of `SHARES`. Estimators and bins take turns in random order, so each has the same number of weights, or
    one more.

    Args:
        sums: of each estimator, of the same parameters.
        count: weights of each kind of matrix.
        seed: of the draw.

    Returns:
        The weights, kind by kind. One that is drawn twice is listed once.
    """
    generator = np.random.default_rng(seed)
    turns = _turns(list(product(sums, pairwise(SHARES))), generator)
    places = []
    for kind, parameters in kinds(next(iter(sums.values())).shapes).items():
        for estimator, ends in islice(turns, count):
            parameter = parameters[generator.integers(len(parameters))]
            index = _between(sums[estimator].score(parameter).reshape(-1), *ends, generator)
            places.append(Place(parameter, kind, index))
    return list(dict.fromkeys(places))


def scores(sums: Sums, places: Sequence[Place]) -> np.ndarray:
    """The scores of single weights, float32, shape (places,)."""
    found = np.empty(len(places), np.float32)
    for parameter in {place.parameter for place in places}:
        flat = sums.score(parameter).reshape(-1)
        for number, place in enumerate(places):
            if place.parameter == parameter:
                found[number] = flat[place.index]
    return found


def kinds(names: Iterable[str]) -> dict[str, list[str]]:
    """The parameters of each kind of matrix."""
    found: dict[str, list[str]] = {}
    for name in names:
        inside = re.search(r"\.\d+\.(.+)\.weight$", name)
        found.setdefault(inside[1] if inside else name, []).append(name)
    return found


def _turns(strata: Sequence, generator: np.random.Generator) -> Iterator:
    while True:
        for turn in generator.permutation(len(strata)):
            yield strata[turn]


def _between(values: np.ndarray, low: float, high: float, generator: np.random.Generator) -> int:
    """Draw an index of `values`, flat, from those whose rank is between two shares; there is always one."""
    first = min(int(low * len(values)), len(values) - 1)
    rank = generator.integers(first, max(first + 1, int(high * len(values))))
    return int(np.argpartition(values, rank)[rank])
