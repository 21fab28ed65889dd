"""Claims on what could explain the core's effect instead: outliers, magnitude, or chance."""

import math

from linguistic_regions.claims.claim import EQUIVALENCE, Claim
from linguistic_regions.claims.core import COLLAPSE, EVIDENCE, LITTLE, against, destroyed, named
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics.tables import CORE, INTACT

KINDS = ("magnitude", "random_magnitude", "random_dimensions", "without_outliers", "only_outliers")


def _setting(run: Run) -> dict:
    """The labels of the core that the controls are for."""
    ratios = {labels["ratio"] for labels in run.labels.values() if labels["kind"] in KINDS}
    if not ratios:
        raise NotMeasured("the controls of the core were not removed")
    return {"scope": "tensor", "ratio": max(ratios), "target": CORE}


CLAIMS = [
    Claim(
        id="core-outliers",
        sentence="The core is not only its outliers: without the outlier dimensions it destroys every language too",
        statistic="perplexity without the rest of the core over the intact model's, in the least affected language",
        above=math.log(COLLAPSE),
        control="the core's weights that neither read from nor write to an outlier dimension",
        measure=lambda run: destroyed(run, named(run, "without_outliers", _setting(run))),
        source=EVIDENCE,
    ),
    Claim(
        id="core-magnitude",
        sentence="The core is not only magnitude: it matters more than as many of the largest weights",
        statistic="perplexity without the core over without the largest weights, mean over languages",
        above=0.0,
        control="the largest |weight| of each matrix, as many as in the core",
        measure=lambda run: against(run, "top", "magnitude", _setting(run)),
        source=EVIDENCE,
    ),
    Claim(
        id="matched-random",
        sentence="Removing random weights of the core's magnitude does little",
        statistic="perplexity without them over the intact model's, mean over languages",
        above=-math.log(LITTLE),
        below=math.log(LITTLE),
        test=EQUIVALENCE,
        control="the intact model",
        measure=lambda run: against(run, "random_magnitude", INTACT, _setting(run)),
        source=EVIDENCE,
    ),
    Claim(
        id="core-matched",
        sentence="The core matters more than random weights of its magnitude",
        statistic="perplexity without the core over without random weights, mean over languages",
        above=0.0,
        control="random regions outside the core, with the same number and |weight| in each matrix",
        measure=lambda run: against(run, "top", "random_magnitude", _setting(run)),
        source=EVIDENCE,
    ),
    Claim(
        id="core-dimensions",
        sentence="The core matters more than random weights in its rows and columns",
        statistic="perplexity without the core over without random weights, mean over languages",
        above=0.0,
        control="random regions with the same number of weights in each row and column",
        measure=lambda run: against(run, "top", "random_dimensions", _setting(run)),
        source=EVIDENCE,
    ),
]
