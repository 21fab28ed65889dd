"""Two runs are compared in pairs where they can be, and not at all where a difference would mean nothing."""

import numpy as np
import pandas as pd
import pytest

from linguistic_regions.statistics import comparison
from linguistic_regions.statistics.comparison import Run, compare
from linguistic_regions.statistics.hierarchy import hierarchical
from linguistic_regions.statistics.intervals import t_interval

LANGUAGES = ("ru", "es", "zh")
LABEL = {"kind": "top", "ratio": 0.03, "scope": "tensor", "samples": 40, "replicate": 0, "target": "core"}
LABELS = {"intact": {"kind": "base", "target": ""}, "top-0.03": LABEL} | {
    f"random-0.03-{number}": LABEL | {"kind": "random", "replicate": number} for number in (1, 2, 3)
}
CORE = ("top", 0.03, "tensor", "manuals", "rise", "")
OWN, OTHERS = (("monolingual", 0.03, "tensor", "manuals", *effect) for effect in (("own", ""), ("others", "all")))


def run(rise=1.0, seed=0, languages=LANGUAGES, documents="a b c d", window=8, tokenizer="tiny", regions=None):
    """A run in which the core costs each document `rise` nats per token, give or take a little."""
    text, noise = np.random.default_rng(7), np.random.default_rng(seed)
    rows = []
    for language in languages:
        for document in documents.split():
            base, hardness = text.normal(3, 1), text.normal(0, 0.5)
            item = {"language": language, "domain": "manuals", "document": document, "item": f"{document}/0"}
            item |= {"tokens": 10, "bytes": 40, "window": window, "bos": False}
            for name in LABELS:
                loss = 0 if name == "intact" else rise + hardness + noise.normal(0, 0.05)
                rows.append(item | {"condition": name, "nll": 10 * (base + loss)})
    rises = regions or {}
    table = [
        {"region": f"mono-{code}", "kind": "monolingual", "samples": 40, "replicate": 0, "language": code}
        | {"domain": "manuals", "compared": "all", "own": own, "others": 0.1, "difference": own - 0.1}
        for code, own in rises.items()
    ]
    labels = LABELS | {f"mono-{code}": {"target": code, "ratio": 0.03, "scope": "tensor"} for code in rises}
    return Run(pd.DataFrame(rows), labels, pd.DataFrame(table), tokenizer)


def compared(first, second):
    return {each.key: each for each in compare(first, second)}


def test_the_core_is_paired_by_document_so_that_hard_documents_cancel_out():
    first, second = run(1.0, seed=1), run(1.4, seed=2)
    found = compared(first, second)[CORE]
    assert found.how == comparison.BY_DOCUMENT
    assert found.difference.estimate == pytest.approx(
        found.second.interval.estimate - found.first.interval.estimate, abs=1e-12
    )
    assert found.first.interval == hierarchical(first.items, "top-0.03", "intact")
    differences = [  # a plain reference: documents of one size, languages fixed
        (second.items["nll"] - first.items["nll"])[
            (first.items["language"] == code) & (first.items["condition"] == "top-0.03")
        ]
        / 10
        for code in LANGUAGES
    ]
    error = np.sqrt(sum(values.var(ddof=1) / len(values) for values in differences)) / len(LANGUAGES)
    assert found.difference.error == pytest.approx(error)
    assert found.difference.high - found.difference.low < 0.3 * (found.first.interval.high - found.first.interval.low)


def test_random_regions_are_replicates_in_both_runs():
    found = compared(run(1.0, seed=1), run(1.4, seed=2))["random", *CORE[1:]]
    assert found.how == comparison.BY_DOCUMENT
    assert found.difference.estimate == pytest.approx(0.4, abs=0.1)
    assert "3 replicates, 3 replicates" in found.difference.method


def test_other_text_of_the_same_model_is_unpaired():
    found = compared(run(1.0), run(1.4, documents="e f g h"))[CORE]
    assert found.how == comparison.UNPAIRED
    intervals = found.first.interval, found.second.interval
    assert found.difference.error == pytest.approx(np.hypot(*(each.error for each in intervals)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"window": 16}, comparison.OTHER_BLOCKS),
        ({"documents": "e f g h", "tokenizer": "another"}, comparison.OTHER_TOKENS),
        ({"languages": ("ru", "es")}, comparison.OTHER_LANGUAGES),
    ],
)
def test_what_means_nothing_is_not_computed(changed, reason):
    found = compared(run(), run(**changed))[CORE]
    assert (found.difference, found.how) == (None, reason)
    assert found.first and found.second


def test_another_model_that_cuts_the_same_text_alike_is_paired():
    assert compared(run(), run(tokenizer="another"))[CORE].how == comparison.BY_DOCUMENT


def test_monolingual_regions_are_paired_by_language():
    before, after = {"ru": 0.5, "es": 0.9, "zh": 1.3}, {"ru": 0.6, "es": 1.1, "zh": 1.4}
    found = compared(run(regions=before), run(regions=after))[OWN]
    assert (found.how, found.difference.units) == (comparison.BY_LANGUAGE, "regions")
    expected = t_interval([0.1, 0.2, 0.1], "regions")
    assert (found.difference.estimate, found.difference.low) == pytest.approx((expected.estimate, expected.low))


def test_regions_of_other_languages_are_unpaired_and_others_need_the_same_tests():
    first = run(regions={"ru": 0.5, "es": 0.9, "zh": 1.3})
    found = compared(first, run(regions={"ru": 0.6, "es": 1.1}))[OWN]
    assert (found.how, found.difference.tested) == (comparison.UNPAIRED, False)
    fewer = run(languages=("ru", "es"), regions={"ru": 0.6, "es": 1.1})
    found = compared(first, fewer)
    assert found[OWN].how == comparison.UNPAIRED
    assert (found[OTHERS].difference, found[OTHERS].how) == (None, comparison.OTHER_LANGUAGES)


def test_what_one_run_measured_is_listed():
    bare = Run(pd.DataFrame(), {})
    assert [each.how for each in compare(run(), bare)] == [comparison.FIRST_ONLY] * 2
    assert [each.how for each in compare(bare, run())] == [comparison.SECOND_ONLY] * 2
    assert compare(bare, bare) == []


def test_of_several_numbers_of_samples_the_most_is_compared():
    twice = run()
    labels = twice.labels | {"top-0.03-few": LABEL | {"samples": 4}}
    few = twice.items[twice.items["condition"] == "top-0.03"].assign(condition="top-0.03-few", nll=0.0)
    found = compared(twice, Run(pd.concat([twice.items, few], ignore_index=True), labels, tokenizer="tiny"))[CORE]
    assert (found.second.samples, found.difference.estimate) == (40, pytest.approx(0, abs=1e-12))
