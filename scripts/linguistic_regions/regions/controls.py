"""Random controls that share more with a region than its size: its magnitudes, or its rows and columns.

A region of the most important weights holds a model's largest weights, and is dense in the rows and columns of its
outlier dimensions. A control drawn evenly has neither, so a comparison with it cannot tell a region of language from a
handful of outliers. Needs numpy only; one matrix is in memory at a time.
"""

import numpy as np

from linguistic_regions.regions.region import Region, count_ones
from linguistic_regions.regions.selection import Scored, entropy
from linguistic_regions.runtime.errors import UserError

TOLERANCE = 1.1  # two weights match if neither is more than this many times the other
BINS = 1 << 16  # of float32 by its upper 16 bits: seven bits of mantissa, so a bin spans less than 0.8 % of its values
SWEEPS = 24  # rounds of swaps; in each, half of the selected weights are offered one
REPAIRS = 400  # further rounds, for half of the weights that are still in the region


def matched_magnitude(like: Region, magnitude: Scored, seed: int, name: str = "") -> Region:
    """A random region outside `like`, with as many weights in each matrix and the same distribution of |weight|.

    The |weight| of a matrix fall into bins that are at most 0.8 % wide. From each bin as many weights are drawn outside
    the region as it has inside, every such set being equally likely. Where a bin has too few, all are taken, and the
    missing ones come from the nearest bins that have weights to spare, the largest |weight| being served first.

    Exact: counts, distinctness, no weight shared with `like`. Approximate: |weight|, to the width of a bin, and more
    where the outside has no equals; `magnitude_match` measures it. Two controls overlap more than by chance where few
    weights outside are as large as the region's.

    Args:
        like: the region to control for; at most half of each matrix.
        magnitude: |weight|, the scores of the estimator "magnitude" or a multiple of them.
        seed: of the draw.
        name: of the control, part of the seed.

    Raises:
        UserError: when a mask is asked for, if the region takes more than half of a matrix, or if the scores are not of
            the region's matrices.
    """
    _check_shapes(like, magnitude)

    def packed(matrix: str) -> np.ndarray:
        inside = like.mask(matrix).reshape(-1)
        if 2 * np.count_nonzero(inside) > len(inside):
            raise UserError(
                f"{like.name}: match: magnitude: the region takes more than half of {matrix}, so no control of its "
                "size lies outside it: match a smaller region"
            )
        generator = np.random.default_rng(entropy(seed, matrix, name))
        return np.packbits(_draw_by_bin(_bins(magnitude[matrix]), inside, generator))

    return Region.computed(like.shapes, packed)


def _bins(values: np.ndarray) -> np.ndarray:
    """The bin of each value, uint16, in the values' order: non-negative floats order like their bits."""
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def _draw_by_bin(bins: np.ndarray, inside: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A mask outside `inside` with as many places in each bin, or in the nearest bins that have places to spare."""
    outside = np.flatnonzero(~inside).astype(np.uint32)
    there = bins[outside]
    has = np.bincount(there, minlength=BINS)
    quota = _nearest(np.bincount(bins[inside], minlength=BINS), has)
    needed = np.flatnonzero((quota > 0)[there])  # few bins: the others' weights need not be sorted
    by_bin = outside[needed[np.argsort(there[needed], kind="stable")]]
    drawn = np.flatnonzero(quota)
    mask = np.zeros(len(inside), bool)
    for number, end in zip(drawn, np.cumsum(has[drawn]), strict=True):
        places = by_bin[end - has[number] : end]
        mask[generator.choice(places, quota[number], replace=False, shuffle=False)] = True
    return mask


def _nearest(wanted: np.ndarray, has: np.ndarray) -> np.ndarray:
    """How many to take from each bin: what is wanted, or else the nearest spare ones, from the last bin to the first.

    Args:
        wanted: int, shape (bins,); in sum no more than `has`.
        has: int, shape (bins,).
    """
    quota = np.minimum(wanted, has)
    spare, missing = has - quota, wanted - quota
    left = np.flatnonzero(spare)
    for number in np.flatnonzero(missing)[::-1]:
        while missing[number]:
            left = left[spare[left] > 0]
            nearest = left[np.argmin(np.abs(left - number))]
            taken = min(missing[number], spare[nearest])
            quota[nearest] += taken
            spare[nearest] -= taken
            missing[number] -= taken
    return quota


def magnitude_match(control: Region, like: Region, magnitude: Scored) -> dict:
    """How well the |weight| of a control match those of its region.

    In each matrix both are sorted by |weight| and paired in that order, which no other pairing betters: the largest
    of the region with the largest of the control, and so on.

    Returns:
        `unmatched`: the pairs of which one |weight| is more than `TOLERANCE` times the other. `worst_ratio`: the
        largest quotient of the region's |weight| over the control's in any pair, at least 1; null if a weight of the
        region could only be paired with zero.
    """
    _check_shapes(like, magnitude)
    unmatched, worst = 0, 1.0
    for matrix in like.shapes:
        values = magnitude[matrix]
        theirs, ours = (np.sort(values[region.mask(matrix).reshape(-1)]) for region in (like, control))
        unmatched += np.count_nonzero((theirs > TOLERANCE * ours) | (ours > TOLERANCE * theirs))
        differ = theirs > ours
        with np.errstate(divide="ignore", over="ignore"):
            worst = max(worst, float((theirs[differ] / ours[differ]).max(initial=1.0)))
    return {"unmatched": int(unmatched), "worst_ratio": worst if np.isfinite(worst) else None}


def _check_shapes(like: Region, magnitude: Scored) -> None:
    if dict(magnitude.shapes) != dict(like.shapes):
        raise UserError(
            f"{like.name}: match: magnitude: the scores are of other matrices: give scores of the same model, "
            "with the same model.include and model.exclude"
        )


def matched_dimensions(like: Region, seed: int, name: str = "") -> Region:
    """A random region with as many weights in each row and in each column of each matrix as `like`, mostly outside it.

    Two selected weights (r, c) and (s, d) are swapped for (r, d) and (s, c) if both of these are free, which changes no
    count of a row or column. It starts from `like`, and each weight is offered about `SWEEPS` / 2 swaps with random
    others. Those still in `like` are then offered swaps that do not add to their number, in at most `REPAIRS` rounds.

    Exact: the counts of each row and column, and distinctness. Approximate: the sweeps make all such regions about
    equally likely, the repairs less so; and weights stay in `like` where its rows or columns are so full that they
    must, or where the swaps find no way out: `overlap` counts them. A tensor of more than two dimensions (experts) is
    treated as a stack of matrices.

    Source: Gotelli (2000), "Null model analysis of species co-occurrence patterns", and Strona et al. (2014), "A fast
    and unbiased procedure to randomize ecological binary matrices with fixed row and column totals".

    Args:
        like: the region to control for.
        seed: of the swaps.
        name: of the control, part of the seed.
    """

    def packed(matrix: str) -> np.ndarray:
        generator = np.random.default_rng(entropy(seed, matrix, name))
        shape = like.shapes[matrix]
        stack = like.mask(matrix).reshape(-1, *shape[-2:])
        return np.packbits(np.stack([_swapped(mask, generator) for mask in stack]))

    return Region.computed(like.shapes, packed)


def overlap(control: Region, like: Region) -> int:
    """How many weights of a control are also in its region."""
    return sum(count_ones(control.packed[matrix] & like.packed[matrix]) for matrix in like.shapes)


def _swapped(inside: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random mask with the row and column sums of `inside`, bool, shape (rows, columns), and few of its places."""
    swaps = _Swaps(inside)
    count = len(swaps.rows)
    for _ in range(SWEEPS):
        order = generator.permutation(count)
        pairs = -(-count // 4)  # not all at once, which would keep the parity of the permutation
        swaps.offer(order[:pairs], order[-pairs:], outwards=False)
    for _ in range(REPAIRS):
        left = swaps.inside()
        if not len(left):
            break
        chosen = left[generator.random(len(left)) < 0.5]
        partners = generator.integers(0, count, len(chosen))
        swaps.offer(*_disjoint(chosen, partners), outwards=True)
    return swaps.selected.reshape(inside.shape)


def _disjoint(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs in which no index occurs that has occurred before; `first` has no index twice."""
    _, place = np.unique(second, return_index=True)
    place = place[~np.isin(second[place], first)]
    return first[place], second[place]


class _Swaps:
    """The selected weights of one matrix, and swaps among them that keep the sums of rows and columns.

    Attributes:
        rows: of the selected weights, int32, shape (n,).
        columns: their columns, int32, shape (n,).
        selected: bool, shape (rows * columns,): the same as a mask.
    """

    def __init__(self, like: np.ndarray):
        self.rows, self.columns = (index.astype(np.int32) for index in np.nonzero(like))
        self.selected = like.reshape(-1).copy()
        self._like = like.reshape(-1)
        self._width = like.shape[1]
        self._claims = np.zeros(like.size, np.int32)  # the last pair that wants a place

    def inside(self) -> np.ndarray:
        """Which of the selected weights are in the region, as indices."""
        return np.flatnonzero(self._like[self._places(self.rows, self.columns)])

    def offer(self, first: np.ndarray, second: np.ndarray, outwards: bool) -> None:
        """Swap the columns of each pair of selected weights, if the places that they would get are free.

        Args:
            first: indices of selected weights, shape (pairs,).
            second: their partners, shape (pairs,); no index occurs twice in the two together.
            outwards: only if no more of them are in the region after it than before.
        """
        rows, others = self.rows[first], self.rows[second]
        columns, their_columns = self.columns[first], self.columns[second]
        old = self._places(rows, columns), self._places(others, their_columns)
        new = self._places(rows, their_columns), self._places(others, columns)
        pairs = np.arange(len(first), dtype=np.int32)
        allowed = ~(self.selected[new[0]] | self.selected[new[1]])
        if outwards:
            allowed &= self._inside(*new) <= self._inside(*old)
        wanted = np.flatnonzero(allowed)
        for places in new:
            self._claims[places[wanted]] = pairs[wanted]
        swapped = wanted[np.all([self._claims[places[wanted]] == pairs[wanted] for places in new], axis=0)]
        for places in old:
            self.selected[places[swapped]] = False
        for places in new:
            self.selected[places[swapped]] = True
        self.columns[first[swapped]] = their_columns[swapped]
        self.columns[second[swapped]] = columns[swapped]

    def _places(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return rows.astype(np.int64) * self._width + columns

    def _inside(self, *places: np.ndarray) -> np.ndarray:
        """How many of each pair's places are in the region."""
        return np.sum([self._like[each] for each in places], axis=0, dtype=np.int8)
