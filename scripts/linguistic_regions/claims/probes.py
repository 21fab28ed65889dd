"""Claims on minimal pairs: what a model knows directly, what it says when asked, and what lesions do to either.

The units are templates, those of each language apart, or pairs where a language has fewer than three templates. Lesions
are judged in languages in which the intact model is above chance: where it is not, there is nothing to lose. Regions
come from the training text and pairs from templates or other text, so no pair was used to find a region.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from linguistic_regions.claims import core
from linguistic_regions.claims.claim import EQUIVALENCE, Claim, Measured
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics.intervals import (
    MINIMUM_UNITS,
    Component,
    Interval,
    no_interval,
    of_mean,
    student,
)
from linguistic_regions.statistics.power import detectable
from linguistic_regions.statistics.probes import (
    CHANCE,
    DIRECT,
    NONE,
    PAIR,
    PROMPTED,
    answered,
    gap,
    paired,
    table_of_weights,
    through_chat,
)
from linguistic_regions.statistics.proportions import contrast, proportion
from linguistic_regions.statistics.tables import INTACT

SMALL = 0.05  # a difference of accuracies that counts as none; the least gain that fillers would have to bring
RIGHT, MARGIN = "right", "margin"  # scores of pairs
UNITS = {RIGHT: "accuracy", MARGIN: "nats"}

EVIDENCE = "evaluations/direct: condition, language, item, document, margin"
BOTH = "evaluations/direct, evaluations/prompted: condition, language, item, document, margin"
ASKED = "evaluations/prompted: language, item, document, template, filler, fillers, margin"

Weights = dict[str, dict[tuple[str, str], float]]  # by language, then by method and condition


def _scores(run: Run, methods: Sequence[str], score: str = RIGHT) -> pd.DataFrame:
    """The score of each pair in each condition by these methods: `statistics.probes.paired`."""
    for method in methods:
        if getattr(run, method).empty:
            raise NotMeasured(f"minimal pairs were not {'scored directly' if method == DIRECT else 'asked about'}")
    prompted = answered(run.prompted) if PROMPTED in methods else pd.DataFrame()
    return paired(run.direct if DIRECT in methods else pd.DataFrame(), prompted, score)


def _measured(scores: pd.DataFrame, columns: Sequence) -> tuple[list[str], int]:
    """The languages that have pairs with all of these scores, and the number of such pairs."""
    complete = scores[list(columns)].dropna()
    if complete.empty:
        raise NotMeasured("no pair was judged in both ways")
    return list(complete.index.get_level_values("language").unique()), len(complete)


def _above_chance(run: Run, methods: Sequence[str]) -> tuple[list[str], str]:
    """The languages in which the intact model is above chance by each of these methods, and a note on the others."""
    scores = _scores(run, methods)
    able, at_chance = [], []
    for code, its in scores.groupby(level="language", sort=False):
        intact = [its[method, INTACT].dropna() for method in methods]
        intervals = [proportion(values, values.index.get_level_values("document")) for values in intact]
        (able if all(interval.low > CHANCE for interval in intervals) else at_chance).append(code)
    if not able:
        how = " and ".join("scored directly" if method == DIRECT else "asked" for method in methods)
        both = "both " if len(methods) > 1 else ""
        raise NotMeasured(f"in no language is the intact model above chance {both}when {how}: it has nothing to lose")
    return able, f"not above chance, and left out: {run.names_of(at_chance)}" if at_chance else ""


def _regions(run: Run, scores: pd.DataFrame, kind: str, languages: Sequence[str]) -> dict[str, str]:
    """The condition without the region of each language, or without its control, at the most samples."""
    found = {}
    for code in languages:
        names = [
            name
            for name, labels in run.labels.items()
            if (labels["kind"], labels["target"], labels["factor"]) == (kind, code, 0.0)
            and all((method, name) in scores for method in scores.columns.get_level_values(0).unique())
        ]
        if names:
            found[code] = max(names, key=lambda name: run.labels[name]["samples"])
    if not found:
        raise NotMeasured(f"no region of the kind {kind} was removed for a language of the pairs above chance")
    return found


def _added(*parts: Mapping[str, Mapping[tuple[str, str], float]]) -> Weights:
    total: Weights = {}
    for part in parts:
        for code, weights in part.items():
            its = total.setdefault(code, {})
            for column, weight in weights.items():
                its[column] = its.get(column, 0.0) + weight
    return total


def _loss(code: str, condition: str, share: float) -> Weights:
    """What a language loses in a condition, by direct scoring."""
    return {code: {(DIRECT, INTACT): share, (DIRECT, condition): -share}}


def _direct_prompted(run: Run) -> Measured:
    scores = _scores(run, (DIRECT, PROMPTED))
    languages, pairs = _measured(scores, gap(INTACT))
    weights = {code: gap(INTACT, 1 / len(languages)) for code in languages}
    return _with_power(contrast(scores, table_of_weights(weights), are_accuracies=True), pairs)


def _with_power(interval: Interval, pairs: int) -> Measured:
    """Say which difference of two accuracies so many pairs can tell."""
    if interval.n < MINIMUM_UNITS:
        return Measured(interval)
    found = detectable(pairs, interval.n)
    told = "no difference is" if math.isnan(found) else f"a difference of {found:.2f} is"
    units = "" if interval.units == "pairs" else f" in {interval.n} {interval.units}"
    return Measured(interval, f"{pairs} pairs{units}: {told} found with power 0.8")


def _selective(run: Run, score: str) -> Measured:
    """The own language's loss minus the mean loss of the languages that were not left out of the region."""
    able, note = _above_chance(run, [DIRECT])
    scores = _scores(run, [DIRECT], score)
    regions = {}
    for code, name in _regions(run, scores, "monolingual", able).items():
        subtracted = str(run.labels[name].get("subtracted", "")).split()
        if free := [other for other in able if other != code and other not in subtracted]:
            regions[code] = name, free
    if not regions:
        raise NotMeasured("every other language of the pairs above chance was left out of the regions")
    share = 1 / len(regions)
    parts = [_loss(code, name, share) for code, (name, _) in regions.items()]
    parts += [_loss(other, name, -share / len(free)) for name, free in regions.values() for other in free]
    interval = contrast(scores, table_of_weights(_added(*parts)), are_accuracies=score == RIGHT)
    return Measured(interval, _told(run, regions, note))


def _against_random(run: Run, score: str) -> Measured:
    """The own language's loss without its region minus that without a random one; the draws add a component."""
    able, note = _above_chance(run, [DIRECT])
    scores = _scores(run, [DIRECT], score)
    regions, random = (_regions(run, scores, kind, able) for kind in ("monolingual", "random"))
    codes = [code for code in regions if code in random]
    if len(codes) < MINIMUM_UNITS:
        return Measured(no_interval(math.nan, len(codes), "regions"), note)

    def compared(chosen: Sequence[str]) -> Interval:
        share = 1 / len(chosen)
        weights = {code: {(DIRECT, random[code]): share, (DIRECT, regions[code]): -share} for code in chosen}
        return contrast(scores, table_of_weights(weights), are_accuracies=score == RIGHT)

    of_pairs, each = compared(codes), [compared([code]).estimate for code in codes]
    if not of_pairs.tested:
        return Measured(of_pairs, note)
    components = [Component(of_pairs.error**2, of_pairs.degrees), of_mean(np.array(each))]
    method = "Student t, variance components: templates, draws"
    return Measured(student(of_pairs.estimate, components, len(codes), "regions", method), _told(run, codes, note))


def _told(run: Run, regions: Iterable[str], note: str) -> str:
    return "; ".join([f"regions of {run.names_of(regions)}", *[note] * bool(note)])


def _core(run: Run) -> str:
    (name,) = run.conditions("top", **core.setting(run))
    return name


def _core_at_chance(run: Run) -> Measured:
    able, note = _above_chance(run, [DIRECT])
    scores, name = _scores(run, [DIRECT]), _core(run)
    if (DIRECT, name) not in scores:
        raise NotMeasured("pairs were not scored without the core")
    weights = {code: {(DIRECT, name): 1 / len(able)} for code in able}
    return Measured(contrast(scores, table_of_weights(weights), are_accuracies=True), note)


def _gap_without_core(run: Run) -> Measured:
    able, note = _above_chance(run, (DIRECT, PROMPTED))
    scores, name = _scores(run, (DIRECT, PROMPTED)), _core(run)
    if not all(column in scores for column in gap(name)):
        raise NotMeasured("pairs were not asked about without the core")
    return _change_of_gap(scores, dict.fromkeys(able, name), note)


def _gap_without_region(run: Run) -> Measured:
    able, note = _above_chance(run, (DIRECT, PROMPTED))
    scores = _scores(run, (DIRECT, PROMPTED))
    regions = _regions(run, scores, "monolingual", able)
    return _change_of_gap(scores, regions, _told(run, regions, note))


def _change_of_gap(scores: pd.DataFrame, conditions: Mapping[str, str], note: str) -> Measured:
    """Direct minus prompted accuracy, lesioned minus intact, mean over languages; each has its condition."""
    share = 1 / len(conditions)
    weights = {code: gap(name, share) | gap(INTACT, -share) for code, name in conditions.items()}
    return Measured(contrast(scores, table_of_weights(weights), are_accuracies=True), note)


def _fillers(run: Run, control: str) -> Measured:
    """Accuracy with the most dots minus that with the control, both after the same question."""
    if run.prompted.empty:
        raise NotMeasured("minimal pairs were not asked about")
    asked = run.prompted[run.prompted["condition"] == INTACT]
    dots = asked[asked["filler"] == "dots"]
    if dots.empty:
        raise NotMeasured("no prompts had filler tokens")
    most, wording = int(dots["fillers"].max()), dots["wording"].iloc[0]
    asked = through_chat(answered(asked[asked["wording"] == wording]))
    scores = asked.groupby([*PAIR, "filler"], sort=False)[RIGHT].mean().unstack("filler")
    compared = f"dots-{most}", NONE if control == NONE else f"{control}-{most}"
    if compared[1] not in scores:
        raise NotMeasured(f"no prompts had {most} tokens of {control}")
    languages, pairs = _measured(scores, compared)
    share = dict(zip(compared, (1 / len(languages), -1 / len(languages)), strict=True))
    weights = pd.DataFrame([share] * len(languages), index=languages)
    return _with_power(contrast(scores, weights, are_accuracies=True), pairs)


def _of_regions(score: str) -> list[Claim]:
    """The claims on what a language's region does to its pairs, by one score of these."""
    told = {RIGHT: "accuracy", MARGIN: "margin"}[score]
    return [
        Claim(
            id=f"probes-own-{told}",
            sentence=f"Removing a language's region lowers direct {told} more in that language than in others",
            statistic=f"loss of direct {told} in the own language minus that in languages that were not left out, "
            "paired by pair, mean over regions",
            above=0.0,
            unit=UNITS[score],
            control="other languages under the same removal, but for those whose top was left out of the region",
            measure=lambda run: _selective(run, score),
            source=EVIDENCE,
        ),
        Claim(
            id=f"probes-random-{told}",
            sentence=f"… and lowers direct {told} there more than removing a random region of its size",
            statistic=f"direct {told} in the own language without the random region minus without its own, paired by "
            "pair, mean over regions",
            above=0.0,
            unit=UNITS[score],
            control="random regions, as many weights in each matrix",
            measure=lambda run: _against_random(run, score),
            source=EVIDENCE,
        ),
    ]


CLAIMS = [
    Claim(
        id="probes-direct",
        sentence="Direct probabilities show more grammatical knowledge than answers to prompts",
        statistic="accuracy on minimal pairs by the probability of the sentences minus that of answers, mean over both "
        "orders of the options and all wordings, paired by pair, mean over languages",
        above=0.0,
        unit=UNITS[RIGHT],
        control="prompts about the same pairs, through the chat template where there is one",
        measure=_direct_prompted,
        source=BOTH,
    ),
    *_of_regions(RIGHT),
    *_of_regions(MARGIN),
    Claim(
        id="probes-core",
        sentence="Without the core, direct accuracy is at chance",
        statistic="accuracy on minimal pairs by the probability of the sentences, mean over languages",
        above=CHANCE - SMALL,
        below=CHANCE + SMALL,
        unit=UNITS[RIGHT],
        test=EQUIVALENCE,
        control="chance: 0.5 of two sentences",
        measure=_core_at_chance,
        source=EVIDENCE,
    ),
    Claim(
        id="probes-gap-core",
        sentence="Removing the core changes competence and performance alike",
        statistic="direct minus prompted accuracy, without the core minus intact, paired by pair, mean over languages",
        above=-SMALL,
        below=SMALL,
        unit=UNITS[RIGHT],
        test=EQUIVALENCE,
        control="the gap of the intact model",
        measure=_gap_without_core,
        source=BOTH,
    ),
    Claim(
        id="probes-gap-own",
        sentence="Removing a language's region changes competence and performance in it alike",
        statistic="direct minus prompted accuracy in the own language, without its region minus intact, paired by "
        "pair, mean over regions",
        above=-SMALL,
        below=SMALL,
        unit=UNITS[RIGHT],
        test=EQUIVALENCE,
        control="the gap of the intact model",
        measure=_gap_without_region,
        source=BOTH,
    ),
    Claim(
        id="probes-fillers",
        sentence="Filler tokens do not help a model that was not trained on them",
        statistic="accuracy of answers after the most dots minus that without, paired by pair, mean over languages",
        below=SMALL,
        unit=UNITS[RIGHT],
        control="the same question without filler tokens",
        measure=lambda run: _fillers(run, NONE),
        source=ASKED,
    ),
    Claim(
        id="probes-fillers-instruction",
        sentence="… and no more than the instruction repeated to the same length",
        statistic="accuracy of answers after the most dots minus that after as many tokens of the repeated "
        "instruction, paired by pair, mean over languages",
        below=SMALL,
        unit=UNITS[RIGHT],
        control="the same question, its instruction repeated",
        measure=lambda run: _fillers(run, "instruction"),
        source=ASKED,
    ),
]
