"""Selection in arrays too large for the sample to be all of them, against a full sort; draws against chance."""

from types import SimpleNamespace

import numpy as np
import pytest

from linguistic_regions.regions import ranking, selection
from linguistic_regions.runtime import parallel
from linguistic_regions.runtime.errors import UserError

SIZE = 3 * ranking.SAMPLE


def arrays():
    generator = np.random.default_rng(0)
    smooth = generator.random(SIZE, np.float32)
    yield "smooth", smooth
    yield "heavy tail", generator.standard_normal(SIZE).astype(np.float32) ** 8
    yield "many ties", np.floor(smooth * 10)
    yield "mostly zero", np.where(smooth < 0.9, np.float32(0), smooth)
    yield "ascending", np.sort(smooth)
    yield "constant", np.ones(SIZE, np.float32)
    # the sample sees none of these: its places are known
    hidden = np.zeros(SIZE, np.float32)
    unseen = np.setdiff1d(np.arange(SIZE), np.random.default_rng(0).integers(0, SIZE, ranking.SAMPLE))
    hidden[unseen] = smooth[unseen]
    yield "misleading sample", hidden


def sorted_mask(values, count, top):
    mask = np.zeros(len(values), bool)
    mask[np.argsort(-values if top else values, kind="stable")[:count]] = True
    return mask


@pytest.mark.parametrize(("name", "values"), arrays(), ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize("count", [0, 1, 1966, 5898, SIZE // 2, SIZE - 1, SIZE])
def test_equals_a_full_stable_sort(name, values, top, count):
    assert np.array_equal(ranking.ranked(values, count, top), np.packbits(sorted_mask(values, count, top)))


@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize("count", [0, 1, 100, 60_000, SIZE - 7])
def test_over_several_arrays_equals_a_full_stable_sort(top, count):
    for name, values in arrays():
        parts = dict(zip("abc", np.array_split(values, [1000, 50_000]), strict=True))
        mask = ranking.ranked_over_all(parts, parts.__getitem__, count, top)
        found = {part: unpacked(mask(part), len(parts[part])) for part in "cab"}  # in any order
        whole = np.concatenate([found[part] for part in "abc"])
        assert np.array_equal(whole, sorted_mask(values, count, top)), name


def test_draws_are_exact_even_and_repeatable():
    drawn = [unpacked(ranking.drawn(50, 20, [seed]), 50) for seed in range(2000)]
    assert all(mask.sum() == 20 for mask in drawn)
    share = np.mean(drawn, axis=0)
    assert np.abs(share - 0.4).max() < 5 * np.sqrt(0.4 * 0.6 / 2000)
    assert np.array_equal(drawn[7], unpacked(ranking.drawn(50, 20, [7]), 50))
    for count in (0, 1, 49, 50):
        assert unpacked(ranking.drawn(50, count, [1]), 50).sum() == count


def test_draws_from_many_parts_are_exact_and_even():
    size = 3 * ranking.DRAWN + 12_345
    mask = unpacked(ranking.drawn(size, size // 3, [1]), size)
    assert mask.sum() == size // 3
    shares = [part.mean() for part in np.array_split(mask, 50)]
    assert np.abs(np.array(shares) - 1 / 3).max() < 5 * np.sqrt(2 / 9 / (size / 50))


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads):
    _, values = next(arrays())
    alone = ranking.ranked(values, 5000, True), ranking.drawn(5_000_000, 70_000, [1])
    parallel.set_threads(threads)
    try:
        together = ranking.ranked(values, 5000, True), ranking.drawn(5_000_000, 70_000, [1])
    finally:
        parallel.set_threads(1)
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def unpacked(packed, size):
    assert not np.unpackbits(packed)[size:].any()
    return np.unpackbits(packed, count=size).astype(bool)


@pytest.mark.parametrize(("scope", "least"), [("tensor", 1 / 20), ("model", 1 / 320)])
def test_a_ratio_that_selects_nothing_is_refused(scope, least):
    scores = SimpleNamespace(shapes={"a": (4, 5), "b": (3, 100)})
    selection.check_ratio(scores, least, scope)
    with pytest.raises(UserError, match="^ratio: .* selects none of the .* weights of"):
        selection.check_ratio(scores, 0.99 * least, scope)
