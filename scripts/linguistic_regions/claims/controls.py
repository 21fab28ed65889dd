"""Claims on the controls of the core: is it more than outliers, magnitude and chance?"""

import numpy as np
import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.claims.finding import Finding
from linguistic_regions.claims.lesions import COLLAPSE
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import first
from linguistic_regions.statistics.intervals import t_interval
from linguistic_regions.statistics.tables import CORE

UNTESTED = "Not tested in the paper; "


def control_findings(removal: pd.DataFrame | None) -> list[Finding]:
    """Return the claims on the core's controls, all at one ratio, in the first domain.

    Args:
        removal: the removal table, or None.
    """
    claims = {
        "without_outliers": Finding(
            f"The core is more than its outliers: without the outlier dimensions it still destroys every language "
            f"(perplexity rises by a factor of {COLLAPSE:g} or more)",
            f"{UNTESTED}without it, a few outlier dimensions could be all that the core has.",
        ),
        "magnitude": Finding(
            "The core matters more than as many of the largest weights",
            f"{UNTESTED}without it, the score could be no better than the weights' magnitude.",
        ),
        "random_magnitude": Finding(
            "The core matters more than random weights of its magnitude",
            f"{UNTESTED}without it, the core could matter because its weights are large.",
        ),
        "random_dimensions": Finding(
            "The core matters more than random weights in its rows and columns",
            f"{UNTESTED}without it, the core's rows and columns could be all that matters.",
        ),
    }
    effects = _effects(removal)
    if "without_outliers" in effects and "top" in effects:
        claims["without_outliers"] = _without_outliers(claims["without_outliers"], effects)
    for kind in ("magnitude", "random_magnitude", "random_dimensions"):
        if {kind, "top"} <= set(effects):
            claims[kind] = _more(claims[kind], effects, kind)
    return list(claims.values())


def _effects(removal: pd.DataFrame | None) -> pd.DataFrame:
    """Return log ratios: a row per language, a column per kind; outliers alone by the region's name."""
    if removal is None:
        return pd.DataFrame()
    rows = measures.log_ratios(first(removal))
    rows = rows[rows["factor"] == 0]
    own = rows[
        rows["kind"].isin(["without_outliers", "only_outliers", "magnitude"]) | rows["kind"].str.match("random_")
    ]
    alone = rows[rows["kind"] == "outliers"]
    core = rows[(rows["target"] == CORE) & (rows["scope"] == "tensor") & rows["ratio"].isin(own["ratio"])]
    named = [core.assign(name=core["kind"]), alone.assign(name=alone["region"])]
    return pd.concat(named).groupby(["language", "name"], sort=False)["log_ratio"].mean().unstack("name")


def _without_outliers(claim: Finding, effects: pd.DataFrame) -> Finding:
    left = effects["without_outliers"].dropna()
    lost = int((left >= np.log(COLLAPSE)).sum())
    parts = {
        "top": "core",
        "only_outliers": "only its weights in outlier dimensions",
        "outlier_dimensions": "all weights of the outlier dimensions",
        "outlier_rows": "outlier rows alone",
        "outlier_weights": "outlier weights alone",
    }
    others = [f"{words} {formats.factor(effects[kind].mean())}" for kind, words in parts.items() if kind in effects]
    return claim.judged(
        lost == len(left),
        f"Core without the outlier dimensions: {lost} of {len(left)} languages, {formats.factor(left.min())} "
        f"({left.idxmin()}) to {formats.factor(left.max())} ({left.idxmax()})",
        f"Set to zero, geometric mean over languages: {', '.join(others)}",
    )


def _more(claim: Finding, effects: pd.DataFrame, kind: str) -> Finding:
    """Judge whether the core does more damage than a control, by the paired interval over languages."""
    interval = t_interval((effects["top"] - effects[kind]).dropna(), "languages")
    words = kind.replace("_", ", same ") if kind.startswith("random") else f"largest {kind}"
    ends = formats.factor_interval(interval.low, interval.high)
    measured = (
        f"Core over {words} {formats.factor(interval.estimate)} {ends}, paired by language, {interval.n} languages.",
        f"Core {formats.factor(effects['top'].mean())}, {words} {formats.factor(effects[kind].mean())}",
    )
    if interval.tested and not interval.low <= 0 <= interval.high:
        return claim.judged(interval.low > 0, *measured)
    return claim.undecided(*measured)
