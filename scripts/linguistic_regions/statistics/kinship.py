"""Is what pairs of languages have in common greater where the languages are closer? A partial Mantel test.

Pairs are not independent: each language is in many. So languages are permuted, not pairs (Mantel 1967). Two things
other than closeness could make pairs alike, and are accounted for. Some languages have more in common with all others,
or are damaged more by anything: each has a mean of its own. And languages that are close by descent are often written
in the same script: each distance is tested beside the other.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import pandas as pd

from linguistic_regions.statistics.columns import COLUMNS

# Measures that two languages share; any other goes from the first to the second.
MUTUAL = ("jaccard_top", "jaccard_monolingual")
DISTANCES = ("genealogy", "script")

FARTHEST = 1.0  # distance of languages that have nothing in common
EXACT = 10_000  # orders of the languages, up to which all are tried
DRAWS = 9_999  # random orders beyond that
NEGLIGIBLE = 1e-9  # share of a variable's length that is rounding, once the rest is explained


@dataclass(frozen=True)
class Association:
    """Whether closer languages have more in common.

    Attributes:
        correlation: partial correlation of the values with closeness (minus the distance), from -1 to 1; NaN if the
            language means and the other distance leave nothing of the values or of the distance.
        p_value: one-sided, of a correlation as high as this where the languages' names mean nothing; NaN if it was not
            tested.
        languages: how many there are.
        pairs: how many pairs have a value.
        close: how many of them are not as far apart as can be.
        permutations: orders of the languages that were tried, the observed one included.
    """

    correlation: float
    p_value: float
    languages: int
    pairs: int
    close: int
    permutations: int


def associations(pairs: pd.DataFrame) -> pd.DataFrame:
    """Test each measure of the table `kinship_pairs` against each distance, beside the other one.

    Returns:
        The table `kinship`, without what cannot be tested: a measure of too few languages, or one that is the same for
        all pairs; a distance that is so, or that follows from the other one.
    """
    rows = []
    for measure, measured in pairs.groupby("measure", sort=False):
        test, form = (mutual, _square) if measure in MUTUAL else (directed, _rectangle)
        for distance, other in (DISTANCES, DISTANCES[::-1]):
            found = test(*(form(measured, column) for column in ("value", distance, other)))
            if found.permutations:
                rows.append(
                    {
                        "measure": measure,
                        "distance": distance,
                        "n": found.languages,
                        "correlation": found.correlation,
                        "p": found.p_value,
                        "permutations": found.permutations,
                        "pairs": found.pairs,
                        "close": found.close,
                    }
                )
    return pd.DataFrame(rows, columns=list(COLUMNS["kinship"]))


def _rectangle(pairs: pd.DataFrame, column: str) -> np.ndarray:
    return pairs.pivot(index="language_a", columns="language_b", values=column).to_numpy()


def _square(pairs: pd.DataFrame, column: str) -> np.ndarray:
    """The symmetric matrix of a column; the diagonal is NaN."""
    ends = pairs[["language_a", "language_b"]].to_numpy()
    turned = pairs.assign(language_a=ends[:, 1], language_b=ends[:, 0])
    return _rectangle(pd.concat([pairs, turned]), column)


def mutual(values: np.ndarray, distance: np.ndarray, other: np.ndarray, seed: int = 0) -> Association:
    """Test values that two languages share, such as the overlap of their regions.

    The model is value(x, y) = a(x) + a(y) + b distance(x, y) + c other(x, y). What its other terms leave of the
    distance is permuted, and the correlation computed again (double semi-partialing: Dekker, Krackhardt & Snijders
    2007, Sensitivity of MRQAP Tests to Collinearity and Autocorrelation Conditions). Up to `EXACT` orders all are
    tried; beyond that `DRAWS` random ones, and the observed one counts as one more.

    Args:
        values: shape (languages, languages), symmetric; the diagonal is not used.
        distance: whose association with the values is tested; of the same languages, same shape.
        other: the distance that is accounted for; same shape.
        seed: of the random orders.
    """
    count = len(values)
    pairs = np.triu_indices(count, 1)
    means = sum(np.eye(count)[end] for end in pairs)
    orders = ((order, order) for (order,) in _orders((count,), seed))
    return _association(values, distance, other, pairs, means, orders, count)


def directed(values: np.ndarray, distance: np.ndarray, other: np.ndarray, seed: int = 0) -> Association:
    """Test values that go from some languages to others, such as the damage that a region of one does to another.

    As `mutual`, but rows and columns have means of their own, and are permuted apart.

    Args:
        values: shape (rows, columns); no language has both a row and a column.
        distance, other, seed: as for `mutual`.
    """
    pairs = tuple(np.indices(values.shape).reshape(2, -1))
    means = np.hstack([np.eye(size)[end] for size, end in zip(values.shape, pairs, strict=True)])
    return _association(values, distance, other, pairs, means, _orders(values.shape, seed), sum(values.shape))


def _association(
    values: np.ndarray,
    distance: np.ndarray,
    other: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    means: np.ndarray,
    orders: Iterable[tuple[np.ndarray, np.ndarray]],
    languages: int,
) -> Association:
    count, close = len(pairs[0]), int(np.sum(distance[pairs] < FARTHEST))
    explained = _basis(np.column_stack([means, other[pairs]]))
    ours, theirs = _rest(values[pairs], explained), -_rest(distance[pairs], explained)
    if not (_varies(ours, values[pairs]) and _varies(theirs, distance[pairs])):
        return Association(math.nan, math.nan, languages, count, close, 0)
    closeness = np.zeros(values.shape)
    closeness[pairs] = theirs
    if count < closeness.size:  # a triangle
        closeness += closeness.T
    permuted = _rest(np.array([closeness[np.ix_(*order)][pairs] for order in orders]), explained)
    lengths = np.linalg.norm(permuted, axis=1)
    lengths[lengths < NEGLIGIBLE * np.linalg.norm(theirs)] = math.inf  # explained: no correlation
    correlations = permuted @ ours / (lengths * np.linalg.norm(ours))
    p_value = float(np.mean(correlations >= correlations[0] - NEGLIGIBLE))
    return Association(float(correlations[0]), p_value, languages, count, close, len(correlations))


def _orders(sizes: tuple[int, ...], seed: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Orders of one or two groups of languages, the observed one first."""
    if math.prod(map(math.factorial, sizes)) <= EXACT:
        yield from product(*([np.array(order) for order in permutations(range(size))] for size in sizes))
        return
    generator = np.random.default_rng(seed)
    yield tuple(np.arange(size) for size in sizes)
    for _ in range(DRAWS):
        yield tuple(generator.permutation(size) for size in sizes)


def _basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the same space, which may have fewer dimensions; shape (pairs, dimensions)."""
    vectors, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return vectors[:, sizes > NEGLIGIBLE * sizes[0]]


def _rest(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """What least squares leaves of values, shape (..., pairs)."""
    return values - values @ basis @ basis.T


def _varies(rest: np.ndarray, values: np.ndarray) -> bool:
    return bool(np.linalg.norm(rest) > NEGLIGIBLE * np.linalg.norm(values))
