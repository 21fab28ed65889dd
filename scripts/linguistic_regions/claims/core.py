"""Claims on the core region: removing it destroys every language; its size; the bottom, and random regions."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from linguistic_regions.claims.claim import EQUIVALENCE, Claim, Measured
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.hierarchy import hierarchical, least
from linguistic_regions.statistics.intervals import Interval
from linguistic_regions.statistics.tables import CORE, INTACT

# Factors on perplexity, and the paper's own: the least that its core does, and the most that a random region does.
COLLAPSE = 100.0  # a language is destroyed; 3,041 in the paper
LITTLE = 2.0  # a removal does little if it stays below; 1.17 in the paper
NOTHING = 1.05  # … or nothing; the most that the least important weights do in the paper is 1.02
ENOUGH = 0.01  # share of the weights of a small core; the paper's smaller one

EVIDENCE = "evaluations/perplexity: condition, language, document, tokens, nll"


def setting(run: Run) -> dict:
    """The labels of the core that is closest to the paper's: 3 %, ranked within each matrix."""
    found = measures.paper_setting(run.table("removal"))
    if found is None:
        raise NotMeasured("no core was removed")
    return {"scope": found[0], "ratio": found[1], "target": CORE}


def destroyed(run: Run, condition: str) -> Measured:
    """What a removal does to the language that it affects least."""
    interval, language = least(run.evidence(), condition, INTACT)
    share = 100 * run.labels[condition]["ratio"]
    pooled = "its variance is pooled over the documents of all languages"
    return Measured(interval, f"least affected: {run.names_of([language])}; {pooled}; {share:.4g} % of the weights")


def _destroys(run: Run) -> Measured:
    (core,) = run.conditions("top", **setting(run))
    return destroyed(run, core)


def _small_core(run: Run) -> Measured:
    """What the largest core of at most `ENOUGH` does, and the smallest core that destroys every language."""
    (core, *_) = cores = run.conditions("top", target=CORE, scope="tensor")
    curve = {"kind": "curve", "factor": 0.0, "estimator": run.labels[core].get("estimator")}
    cores += [name for name, labels in run.labels.items() if curve.items() <= labels.items()]
    by_size = {run.labels[name]["ratio"]: destroyed(run, name) for name in cores}
    small = [ratio for ratio in by_size if ratio <= ENOUGH]
    if not small:
        raise NotMeasured(f"no core of {100 * ENOUGH:g} % or less was removed")
    destroying = [ratio for ratio, found in by_size.items() if found.interval.estimate > math.log(COLLAPSE)]
    smallest = f"{100 * min(destroying):.4g} %" if destroying else "none"
    largest = by_size[max(small)]
    return replace(largest, note=f"{largest.note}; smallest core measured that destroys every language: {smallest}")


def against(run: Run, kind: str, reference: str, labels: Mapping, domain: int = 0) -> Interval:
    """Compare two removals of one size; random regions are replicates, any other kind is one region."""
    return hierarchical(
        run.evidence(domain), named(run, kind, labels), named(run, reference, labels), languages="sampled"
    )


def named(run: Run, kind: str, labels: Mapping) -> str | list[str]:
    """The condition of a kind, or its replicates if it is random."""
    if kind == INTACT:
        return INTACT
    found = run.conditions(kind, **labels)
    return found if kind.startswith("random") else found[0]


def _paper(column: str, reference: str = "base"):
    """The mean over the paper's languages and models of the log ratio of two columns of its table, 3 % removed."""

    def figure(printed: Mapping[str, pd.DataFrame]) -> float:
        logs = np.log(printed["core_removal"][[column, reference]].astype(float))
        return float((logs[column] - logs[reference]).mean())

    return figure


def _paper_least(printed: Mapping[str, pd.DataFrame]) -> float:
    logs = np.log(printed["core_removal"][["top", "base"]].astype(float))
    return float((logs["top"] - logs["base"]).min())


CLAIMS = [
    Claim(
        id="core",
        sentence="Removing the core destroys every language",
        statistic="perplexity without the core over the intact model's, in the least affected language",
        above=math.log(COLLAPSE),
        control="the intact model",
        measure=_destroys,
        paper=_paper_least,
        source=EVIDENCE,
    ),
    Claim(
        id="small-core",
        sentence=f"A core of {100 * ENOUGH:g} % is enough to destroy every language",
        statistic="perplexity without the core over the intact model's, in the least affected language",
        above=math.log(COLLAPSE),
        control="the intact model",
        measure=_small_core,
        source=EVIDENCE,
    ),
    Claim(
        id="bottom",
        sentence="Removing the least important weights does nothing",
        statistic="perplexity without them over the intact model's, mean over languages",
        above=-math.log(NOTHING),
        below=math.log(NOTHING),
        test=EQUIVALENCE,
        control="the intact model",
        measure=lambda run: against(run, "bottom", INTACT, setting(run)),
        paper=_paper("bottom"),
        source=EVIDENCE,
    ),
    Claim(
        id="random",
        sentence="Removing as many random weights does little",
        statistic="perplexity without them over the intact model's, mean over languages",
        above=-math.log(LITTLE),
        below=math.log(LITTLE),
        test=EQUIVALENCE,
        control="the intact model",
        measure=lambda run: against(run, "random", INTACT, setting(run)),
        paper=_paper("random"),
        source=EVIDENCE,
    ),
    Claim(
        id="core-random",
        sentence="The core matters more than as many random weights",
        statistic="perplexity without the core over without random weights, mean over languages",
        above=0.0,
        control="random regions, as many weights in each matrix",
        measure=lambda run: against(run, "top", "random", setting(run)),
        paper=_paper("top", "random"),
        source=EVIDENCE,
    ),
    Claim(
        id="core-domain",
        sentence="… in a domain of text other than the one that it was found in",
        statistic="perplexity without the core over without random weights, mean over languages, second domain",
        above=0.0,
        control="random regions, as many weights in each matrix",
        measure=lambda run: against(run, "top", "random", setting(run), domain=1),
        source=EVIDENCE,
    ),
]
