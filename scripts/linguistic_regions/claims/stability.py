"""What the scores rest on: whether other samples of a language would give the same region."""

import numpy as np
import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.claims.finding import Finding

AGREEMENT = 0.95  # the Jaccard index from which on two regions count as the same: each holds 97 % of the other


def importance_findings(stability: pd.DataFrame | None) -> list[Finding]:
    """The claim about the scores themselves, before any region is cut from them.

    Args:
        stability: the stability table, or None.
    """
    claim = Finding(
        "Enough samples were scored: two halves of them give the same region",
        "Scores from 10K and 100K samples per language; no agreement between samples is reported. Without it, a region "
        "could be that of the samples, not of the language.",
    )
    return [claim if stability is None else _agreement(claim, stability)]


def chance(ratio: float) -> float:
    """The Jaccard index to expect of two random regions, each of this share of the weights."""
    return ratio / (2 - ratio)


def _agreement(claim: Finding, stability: pd.DataFrame) -> Finding:
    """Do the halves agree at the last check? Each language has its own: it may have ended early (`stop_at`)."""
    ordered = stability.sort_values("samples", kind="stable")
    curves = {code: rows.set_index("samples")["jaccard"] for code, rows in ordered.groupby("language", sort=False)}
    ends = pd.Series({code: curve.iloc[-1] for code, curve in curves.items()})
    samples = sorted({curve.index[-1] for curve in curves.values()})
    span = " to ".join(dict.fromkeys(formats.count(number) for number in (samples[0], samples[-1])))
    ratio = stability["ratio"].iloc[0]
    return claim.judged(
        bool(ends.mean() >= AGREEMENT),
        f"Jaccard index of the halves' top {formats.percent(ratio)} after {span} samples in all: {ends.mean():.3f}, "
        f"from {ends.min():.3f} ({ends.idxmin()}) to {ends.max():.3f} ({ends.idxmax()}), {len(ends)} languages (holds "
        f"from {AGREEMENT:g} on).",
        *_course(curves),
        f"By chance, two random regions of that size would have {chance(ratio):.3f}.",
    )


def _course(curves: dict[str, pd.Series]) -> list[str]:
    """Which languages agree from which check on, and how fast the others come closer."""
    steady = pd.Series({code: _steady(curve) for code, curve in curves.items()}, dtype=float).dropna()
    since = [
        f"{', '.join(steady.index[steady == samples])} from {formats.count(samples)} samples on"
        for samples in sorted(steady.unique())
    ]
    lines = [
        f"{len(steady)} of {len(curves)} languages at {AGREEMENT:g} or above{': ' * bool(since)}{'; '.join(since)}."
    ]
    slopes = [_slope(curve) for code, curve in curves.items() if code not in steady and len(curve) > 1]
    if slopes:
        lines.append(
            f"Between the last two checks, a doubling of the samples changed the index by {np.mean(slopes):+.3f} (mean "
            f"over the languages below {AGREEMENT:g})."
        )
    return lines


def _steady(curve: pd.Series) -> float:
    """The check from which on two halves agree; NaN if they do not at the last."""
    enough = curve[::-1].cummin() >= AGREEMENT
    return enough.index[enough].min()


def _slope(curve: pd.Series) -> float:
    """How much one doubling of the samples added, by the last two checks."""
    return (curve.iloc[-1] - curve.iloc[-2]) / np.log2(curve.index[-1] / curve.index[-2])
