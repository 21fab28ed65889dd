"""The claim on the stability of scores: other samples of a language would give the same region."""

import numpy as np
import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.claims.finding import Finding

AGREEMENT = 0.95  # Jaccard index from which two regions count as the same: each contains 97 % of the other


def importance_findings(stability: pd.DataFrame | None) -> list[Finding]:
    """Return the claim on the scores themselves, before regions are selected from them.

    Args:
        stability: the stability table, or None.
    """
    claim = Finding(
        "Enough samples were scored: two halves of them give the same region",
        "Scores from 10K and 100K samples per language; agreement between samples is not reported. Without it, a "
        "region could reflect the samples rather than the language.",
    )
    return [claim if stability is None else _agreement(claim, stability)]


def chance(ratio: float) -> float:
    """Return the expected Jaccard index of two random regions with this share of the weights."""
    return ratio / (2 - ratio)


def _agreement(claim: Finding, stability: pd.DataFrame) -> Finding:
    """Judge whether the halves agree at each language's last check, which may be early because of `stop_at`."""
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
        f"if the mean is at least {AGREEMENT:g}).",
        *_course(curves),
        f"Expected of two random regions of that size: {chance(ratio):.3f}.",
    )


def _course(curves: dict[str, pd.Series]) -> list[str]:
    """Describe from which check on languages agree, and how fast the agreement of the others rises."""
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
    """Return the check from which the two halves agree permanently; NaN if they do not agree at the last check."""
    agree = curve[::-1].cummin() >= AGREEMENT
    return agree.index[agree].min()


def _slope(curve: pd.Series) -> float:
    """Return the change of the index per doubling of the samples, between the last two checks."""
    return (curve.iloc[-1] - curve.iloc[-2]) / np.log2(curve.index[-1] / curve.index[-2])
