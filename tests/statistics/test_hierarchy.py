"""The mean log ratio over languages: by hand, and by how often its interval holds the truth in simulations."""

import math

import numpy as np
import pandas as pd
import pytest

from linguistic_regions.statistics.hierarchy import hierarchical, least
from linguistic_regions.statistics.perplexity import log_ratio

SLOW = pytest.mark.slow
RUNS = 400
EFFECT = 0.7  # nats per token
COUNTS = (3, 3, 4, 5, 8, 12, 20, 30, 40, 50, 60, 60)  # documents of twelve languages
REPLICATE, THERE = 0.1, 0.05  # what a random region does to all languages, and to one: standard deviations


def evidence(losses, tokens=10):
    """Evidence of one domain: by condition and language the losses of the documents, nats per token."""
    rows = [
        {"condition": condition, "language": language, "document": f"{language}-{number}", "tokens": count}
        | {"nll": loss * count}
        for condition, texts in losses.items()
        for language, values in texts.items()
        for number, (loss, count) in enumerate(zip(values, np.broadcast_to(tokens, len(values)), strict=True))
    ]
    return pd.DataFrame(rows)


TWO = evidence(
    {
        "top": {"en": [3.0, 4.0, 8.0], "zh": [6.0, 7.0]},
        "random-1": {"en": [1.0, 2.0, 3.0], "zh": [3.0, 4.0]},
        "random-2": {"en": [1.1, 2.1, 3.1], "zh": [3.1, 4.1]},
        "random-3": {"en": [1.2, 2.2, 3.2], "zh": [3.2, 4.2]},
    }
)
RANDOM = ["random-1", "random-2", "random-3"]


# --- by hand ---


def test_languages_count_alike_however_many_documents_they_have():
    """English rises by 3 (2, 2 and 5), Chinese by 3: 3 of the first random region, 2.9 of the mean of all."""
    assert hierarchical(TWO, "top", "random-1").estimate == pytest.approx(3.0)
    assert hierarchical(TWO, "top", RANDOM).estimate == pytest.approx(2.9)
    assert hierarchical(TWO, RANDOM, "top").estimate == pytest.approx(-2.9)


def test_documents_of_equal_length_by_hand():
    """The effects of five documents on one language: the jackknife then is Student's t."""
    changed = [1.0, 2.0, 4.0, 4.0, 9.0]
    interval = hierarchical(evidence({"top": {"en": changed}, "intact": {"en": [0.0] * 5}}), "top", "intact")
    assert interval.high - 4.0 == pytest.approx(2.776445 * np.std(changed, ddof=1) / math.sqrt(5))
    assert (interval.n, interval.units) == (5, "documents")


def test_documents_count_by_their_tokens():
    items = evidence({"top": {"en": [1.0, 2.0, 5.0]}, "intact": {"en": [0.0] * 3}}, tokens=[10, 20, 70])
    assert hierarchical(items, "top", "intact").estimate == pytest.approx(0.1 + 0.4 + 3.5)


def test_languages_with_weights_by_hand():
    """English rises by 3 beyond the first random region, and Chinese too; equal weights give the mean."""
    assert hierarchical(TWO, "top", "random-1", weights={"en": 1, "zh": -2}).estimate == pytest.approx(-3.0)
    equal, mean = hierarchical(TWO, "top", RANDOM, weights={"en": 0.5, "zh": 0.5}), hierarchical(TWO, "top", RANDOM)
    assert (equal.estimate, equal.low, equal.n) == pytest.approx((mean.estimate, mean.low, mean.n))
    alone = hierarchical(TWO, "top", "random-1", weights={"en": 1})
    assert alone == hierarchical(TWO[TWO["language"] == "en"], "top", "random-1")


def test_weights_of_what_is_not_there_or_not_fixed_are_refused():
    with pytest.raises(ValueError, match="not measured: ru"):
        hierarchical(TWO, "top", "random-1", weights={"en": 1, "ru": -1})
    with pytest.raises(ValueError, match="only fixed ones"):
        hierarchical(TWO, "top", "random-1", languages="sampled", weights={"en": 1})


def test_blocks_of_a_document_count_as_one():
    """The same text cut into more blocks tells no more."""
    halves = TWO.assign(tokens=TWO["tokens"] // 2, nll=TWO["nll"] / 2)
    twice = hierarchical(pd.concat([halves, halves]), "top", RANDOM)
    once = hierarchical(TWO, "top", RANDOM)
    assert (twice.low, twice.high, twice.n) == pytest.approx((once.low, once.high, once.n))


def test_the_same_effect_on_each_document_is_certain():
    """However much the documents differ."""
    before = {"en": [1.0, 5.0, 9.0], "zh": [2.0, 20.0, 4.0]}
    after = {language: [loss + EFFECT for loss in losses] for language, losses in before.items()}
    interval = hierarchical(evidence({"top": after, "intact": before}, tokens=[7, 9, 80]), "top", "intact")
    assert interval.low == pytest.approx(EFFECT) == pytest.approx(interval.high)


def test_a_single_language_has_the_interval_of_its_text():
    before = np.random.default_rng(0).normal(3, 0.5, 20)
    items = evidence({"top": {"en": before + np.linspace(0, EFFECT, 20)}, "intact": {"en": before}})
    ours = hierarchical(items, "top", "intact")
    parts = [items[items["condition"] == name] for name in ("top", "intact")]
    theirs = log_ratio(*parts)
    assert (ours.estimate, ours.low, ours.high) == pytest.approx((theirs.estimate, theirs.low, theirs.high))


def test_replicates_by_hand():
    """Random regions that do -1, 0 and 1 to every document: Student's t of the three; one alone is beyond doubt."""
    before = {"en": [1.0, 2.0, 3.0], "zh": [3.0, 5.0]}
    random = {
        f"random{change}": {language: [loss + change for loss in losses] for language, losses in before.items()}
        for change in (-1.0, 0.0, 1.0)
    }
    top = {language: [loss + EFFECT for loss in losses] for language, losses in before.items()}
    items = evidence({"top": top} | random)
    interval = hierarchical(items, "top", list(random))
    assert (interval.estimate, interval.high - EFFECT) == pytest.approx((EFFECT, 4.302653 / math.sqrt(3)))
    assert hierarchical(items, "top", "random0.0").high == pytest.approx(EFFECT)


def test_documents_and_replicates_add_up():
    """The interval is wider than that of the documents alone, and than that of the replicates alone."""
    both = hierarchical(TWO, "top", RANDOM)
    documents = hierarchical(TWO, "top", "random-2")
    assert both.estimate == pytest.approx(documents.estimate)
    further = TWO.assign(nll=TWO["nll"] + 40 * (TWO["condition"] == "random-1") - 40 * (TWO["condition"] == "random-3"))
    assert hierarchical(further, "top", RANDOM).high > max(both.high, documents.high)


def test_languages_as_a_sample_are_student_t_of_their_log_ratios():
    items = evidence(
        {"top": {"en": [1.0, 2.0, 3.0], "zh": [4.0], "ru": [6.0] * 9}}
        | {"intact": {"en": [0.0] * 3, "zh": [0.0], "ru": [0.0] * 9}}
    )
    interval = hierarchical(items, "top", "intact", languages="sampled")
    assert (interval.estimate, interval.n, interval.units) == (pytest.approx(4.0), 3, "languages")
    assert interval.high - 4.0 == pytest.approx(4.302653 * 2 / math.sqrt(3))


@pytest.mark.parametrize(
    ("reference", "languages", "n", "units"),
    [
        (RANDOM[:2], "fixed", 2, "replicates"),
        (RANDOM[:1], "sampled", 1, "replicates"),
        (RANDOM, "sampled", 2, "languages"),
    ],
)
def test_too_few_units_have_no_interval(reference, languages, n, units):
    interval = hierarchical(TWO, "top", reference, languages)
    assert (interval.n, interval.units, interval.tested) == (n, units, False)
    assert interval.estimate == pytest.approx(3.0, abs=0.11)


def test_a_language_with_a_single_document_is_named():
    lonely = TWO[~((TWO["language"] == "zh") & TWO["document"].str.endswith("1"))]
    interval = hierarchical(lonely, "top", "random-1")
    assert (interval.n, interval.units, interval.tested) == (1, "documents in zh", False)
    assert hierarchical(lonely[lonely["language"] == "en"], "top", "random-1").tested


def test_a_loss_that_is_not_finite_leaves_no_interval():
    interval = hierarchical(TWO.assign(nll=TWO["nll"].replace(80.0, math.nan)), "top", "random-1")
    assert math.isnan(interval.estimate) and not interval.tested


def test_a_condition_that_was_not_measured_is_named():
    with pytest.raises(ValueError, match="not measured: random-9"):
        hierarchical(TWO, "top", ["random-1", "random-9"])
    with pytest.raises(ValueError, match="not measured: top, random-1"):
        hierarchical(TWO.iloc[:0], "top", "random-1")


@pytest.mark.parametrize("damage", ["lacks a document", "has more tokens"])
def test_conditions_on_unlike_text_cannot_be_compared(damage):
    here = (TWO["condition"] == "top") & (TWO["document"] == "zh-1")
    items = TWO[~here] if damage == "lacks a document" else TWO.assign(tokens=TWO["tokens"] + here)
    with pytest.raises(ValueError, match=r"unlike text: zh-1 \(zh\)"):
        hierarchical(items, "top", "random-1")


def test_two_domains_cannot_be_mixed():
    items = pd.concat([TWO.assign(domain="manuals"), TWO.assign(domain="verse")])
    with pytest.raises(ValueError, match="manuals, verse"):
        hierarchical(items, "top", "random-1")


def test_the_order_of_the_evidence_does_not_matter():
    shuffled = hierarchical(TWO.sample(frac=1, random_state=3), "top", RANDOM)
    ordered = hierarchical(TWO, "top", RANDOM)
    assert (shuffled.low, shuffled.high) == pytest.approx((ordered.low, ordered.high))


# --- by simulation ---


def heavy(generator, size):
    """Effects with the tails of Student's t with three degrees of freedom; variance 1."""
    return generator.standard_t(3, size) / math.sqrt(3)


def skewed(generator, size):
    """Effects that are log-normal, with a standard deviation of 0.5 in the logarithm; mean 0, variance 1."""
    values = generator.lognormal(0, 0.5, size)
    return (values - math.exp(0.125)) / math.sqrt((math.exp(0.25) - 1) * math.exp(0.25))


def drawn(generator, counts, replicates, effects, languages=0.0):
    """Evidence of top and of random regions, or of the intact model; and the names of these.

    Documents are of unlike length. The spread of their effects differs by a factor of up to 4 between languages.

    Args:
        generator: of random numbers.
        counts: documents of each language.
        replicates: number of random regions; 0: the intact model.
        effects: draws what documents do to the effect.
        languages: standard deviation of what languages do to it.
    """
    count, total = len(counts), sum(counts)
    owner = np.repeat(np.arange(count), counts)
    tokens = 100 * np.ceil(2 * generator.lognormal(0, 1, total)).clip(1, 40).astype(int)
    base = 3 + generator.normal(0, 0.5, total)
    spread = generator.permutation(np.linspace(0.15, 0.6, count))
    top = base + EFFECT + generator.normal(0, languages, count)[owner] + spread[owner] * effects(generator, total)
    control = {"intact": base}
    if replicates:
        by_region = generator.normal(0, REPLICATE, (replicates, 1))
        by_language = generator.normal(0, THERE, (replicates, count))[:, owner]
        by_document = generator.normal(0, THERE, (replicates, total))
        control = dict(enumerate(base + by_region + by_language + by_document))
    conditions = {"top": top} | {f"random-{name}" if replicates else name: row for name, row in control.items()}
    names = list(conditions)
    items = pd.DataFrame(
        {
            "condition": pd.Categorical.from_codes(np.repeat(np.arange(len(names)), total), names),
            "language": np.tile(owner, len(names)),
            "document": np.tile(np.arange(total), len(names)),
            "tokens": np.tile(tokens, len(names)),
            "nll": np.concatenate([losses * tokens for losses in conditions.values()]),
        }
    )
    return items, names[1:] if replicates else "intact"


def runs(counts, replicates, effects, languages=0.0, count=RUNS):
    """Evidence of many runs, one after another."""
    generator = np.random.default_rng(len(counts) + replicates)
    return (drawn(generator, counts, replicates, effects, languages) for _ in range(count))


def holds(interval):
    return interval.low <= EFFECT <= interval.high


@pytest.mark.parametrize(
    ("replicates", "effects"),
    [(0, skewed), (3, heavy), *[pytest.param(*each, marks=SLOW) for each in ((0, heavy), (3, skewed), (20, heavy))]],
)
def test_ninety_five_percent_of_the_intervals_hold_the_effect(replicates, effects):
    evidences = runs(COUNTS, replicates, effects)
    assert 0.92 <= np.mean([holds(hierarchical(items, "top", names)) for items, names in evidences]) <= 0.99


@pytest.mark.parametrize(
    "counts", [(2,) * 12, pytest.param((3,) * 6, marks=SLOW), pytest.param((3, 3, 4, 60, 60, 60), marks=SLOW)]
)
def test_few_documents_per_language_are_enough(counts):
    evidences = runs(counts, 3, heavy)
    assert 0.92 <= np.mean([holds(hierarchical(items, "top", names)) for items, names in evidences]) <= 0.99


@pytest.mark.parametrize("replicates", [pytest.param(0, marks=SLOW), 3])
def test_ninety_five_percent_of_the_intervals_hold_the_effect_on_languages_like_these(replicates):
    """Languages differ by a fifth of a nat or so: an interval about these very languages tells too little of others."""
    held = [
        [holds(hierarchical(items, "top", names, languages)) for languages in ("sampled", "fixed")]
        for items, names in runs(COUNTS[::2], replicates, heavy, languages=0.2)
    ]
    sampled, fixed = np.mean(held, axis=0)
    assert 0.92 <= sampled <= 0.99
    assert fixed < 0.9


def bootstrap(items, reference, generator, draws=200):
    """The 95 % percentile interval where replicates are resampled, and documents within each language."""
    rows = items.pivot(index=["language", "document"], columns="condition", values=["nll", "tokens"])
    lost = rows["nll"][["top"]].to_numpy() - rows["nll"][reference].to_numpy()  # (documents, replicates)
    tokens = rows["tokens"]["top"].to_numpy()
    languages = rows.index.get_level_values("language").to_numpy()
    replicates = generator.integers(lost.shape[1], size=(draws, lost.shape[1]))
    means = []
    for language in np.unique(languages):
        here = np.flatnonzero(languages == language)
        times = generator.multinomial(len(here), np.full(len(here), 1 / len(here)), draws)
        ratios = (times @ lost[here]) / (times @ tokens[here])[:, None]
        means.append(np.take_along_axis(ratios, replicates, axis=1).mean(axis=1))
    return np.quantile(np.mean(means, axis=0), [0.025, 0.975])


@pytest.mark.parametrize(("counts", "replicates"), [(COUNTS, 3), ((2,) * 12, 0)])
def test_a_hierarchical_bootstrap_is_too_narrow(counts, replicates):
    """Which is why there is none."""
    generator = np.random.default_rng(0)
    intervals = [
        bootstrap(items, names if replicates else [names], generator)
        for items, names in runs(counts, replicates, heavy, count=RUNS // 2)
    ]
    assert np.mean([low <= EFFECT <= high for low, high in intervals]) < 0.9


# --- the least affected language ---


def test_the_least_by_hand():
    """English rises by 3 on average, Chinese by 3 exactly; of other documents, English by 2.5."""
    items = evidence(
        {"top": {"en": [3.0, 4.0, 6.5], "zh": [8.0, 9.0]}, "intact": {"en": [1.0, 2.0, 3.0], "zh": [1.0, 4.0]}}
    )
    interval, language = least(items, "top", "intact")
    assert (language, interval.estimate, interval.n) == ("en", pytest.approx(2.5), 5)
    variances = [np.var([2, 2, 3.5], ddof=1) / 3, np.var([7, 5], ddof=1) / 2]
    pooled = (2 * variances[0] + variances[1]) / 3
    assert interval.error == pytest.approx(math.sqrt(pooled))
    assert interval.degrees == pytest.approx(3)


def test_a_language_with_one_document_leaves_the_least_without_an_interval():
    interval, _ = least(
        evidence({"top": {"en": [3.0], "zh": [8.0, 9.0]}, "intact": {"en": [1.0], "zh": [1.0, 4.0]}}), "top", "intact"
    )
    assert not interval.tested and interval.units == "documents in en"


@pytest.mark.parametrize("others", [0.0, 1.0])
def test_a_language_at_the_threshold_is_seldom_found_above_it(others):
    """Twelve languages with two documents each, one of which rises by the threshold, the others by as much or more."""
    generator = np.random.default_rng(1)
    above = 0
    for _ in range(RUNS):
        rises = EFFECT + np.where(np.arange(12) == 0, 0.0, others)
        losses = {f"l{place}": generator.normal(rise, 0.3, 2) for place, rise in enumerate(rises)}
        intact = {language: [0.0, 0.0] for language in losses}
        interval, _ = least(evidence({"top": losses, "intact": intact}), "top", "intact")
        above += interval.low > EFFECT
    assert above / RUNS < 0.05
