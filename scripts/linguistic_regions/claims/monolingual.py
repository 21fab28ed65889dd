"""Claims on monolingual regions: each matters for its own language, then for close ones, in any domain of text.

The region of a language leaves out the tops of other languages, which are so protected by construction. Its own
language is therefore compared with languages that were not left out. The units are regions: each counts once,
whatever the number of languages that it was tested on.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from linguistic_regions.claims.claim import Claim, Measured
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import only
from linguistic_regions.statistics.intervals import Interval, t_interval

REMOVAL = "tables/removal.csv: target, kind, samples, domain, language, nll"


def _matrix(run: Run, kind: str = "monolingual", milestone: int = -1, domain: int = 0) -> pd.DataFrame:
    """Log ratios: a row per region (its language), a column per language tested."""
    effects = measures.log_ratios(only(run.table("removal"), run.domain(domain)))
    matrix = measures.monolingual_matrix(effects, kind, milestone)
    if matrix.empty:
        raise NotMeasured(f"no region of the kind {kind} was removed for a language")
    return matrix


def _own(matrix: pd.DataFrame) -> pd.Series:
    """The effect of each region on its own language, where that was tested."""
    return pd.Series({code: matrix.at[code, code] for code in matrix.index if code in matrix.columns}, dtype=float)


def _free(run: Run, matrix: pd.DataFrame) -> pd.DataFrame:
    """The effects of each region on languages that are not its own and were not left out of it; NaN for all others."""
    rows = measures.monolingual(run.table("removal")).drop_duplicates("target").set_index("target")
    barred = {code: {code, *rows.at[code, "subtracted"].split()} for code in matrix.index}
    return matrix.apply(lambda losses: losses.drop(barred[losses.name], errors="ignore"), axis=1)


def _others(run: Run, matrix: pd.DataFrame) -> pd.Series:
    """The mean effect of each region on the languages that were not left out of it."""
    others = _free(run, matrix).mean(axis=1)
    if others.isna().all():
        raise NotMeasured(
            "each other language was left out of the regions: add to languages one that is not in monolingual.languages"
        )
    return others


def _over_regions(values: pd.Series) -> Interval:
    if values.dropna().empty:
        raise NotMeasured("no region was tested on the languages to compare")
    return t_interval(values.dropna(), "regions")


def _selective(run: Run, domain: int = 0) -> Measured:
    matrix = _matrix(run, domain=domain)
    own = _own(matrix)
    most = sum(matrix.loc[code].idxmax() == code for code in own.index)
    note = f"own language affected most in {most} of {len(own)} regions"
    worst = pd.Series({code: matrix.loc[code].drop(code).max() for code in own.index}, dtype=float)
    if worst.notna().any():
        factors = [f"×{np.exp(effects.mean()):,.2f}" for effects in (own, worst)]
        note += f": {factors[0]} in the own language, {factors[1]} in the next worst (geometric means)"
    return Measured(_over_regions(own - _others(run, matrix)), note)


def _against_random(run: Run) -> Interval:
    return _over_regions(_own(_matrix(run)) - _own(_matrix(run, "random")))


def _diagonal(run: Run) -> Interval:
    real, random = _matrix(run), _matrix(run, "random")
    return _over_regions((_own(real) - _others(run, real)) - (_own(random) - _others(run, random)))


def _kin(run: Run) -> Measured:
    """Close languages against the others; neither was left out of the region."""
    free = _free(run, _matrix(run))
    differences, first = {}, []
    for code, each in free.iterrows():
        losses = each.dropna()
        kin = losses.index.intersection(run.close.get(code, ()))
        if len(kin) and len(losses) > len(kin):
            differences[code] = losses[kin].mean() - losses.drop(kin).mean()
            first += [code] if losses.idxmax() in kin else []
    note = f"a close language is the most affected of those compared in {len(first)} of {len(differences)} regions"
    return Measured(_over_regions(pd.Series(differences, dtype=float)), note)


def _samples(run: Run) -> Measured:
    removal = measures.monolingual(run.table("removal"))
    milestones = sorted(removal.loc[removal["kind"] == "monolingual", "samples"].unique())
    if len(milestones) < 2:
        raise NotMeasured("monolingual regions were selected after one number of samples only")
    change = _own(_matrix(run)) - _own(_matrix(run, milestone=0))
    return Measured(_over_regions(change), f"{milestones[-1]} samples against {milestones[0]}")


def _paper(language: str, column: str, reference: str | None = None):
    """A log ratio from the paper's region of Russian: of a language over the mean of the others, or of two columns."""

    def figure(printed: Mapping[str, pd.DataFrame]) -> float:
        logs = np.log(printed["monolingual"].set_index("language").astype(float))
        effects = logs.sub(logs["base"], axis=0)
        if reference:
            return float(effects.at[language, column] - effects.at[language, reference])
        return float(effects.at[language, column] - effects[column].drop(["Russian", language], errors="ignore").mean())

    return figure


CLAIMS = [
    Claim(
        id="own",
        sentence="A monolingual region matters most for its own language",
        statistic="rise in perplexity of the own language over that of languages that were not left out, mean over "
        "regions",
        above=0.0,
        control="other languages under the same removal, but for those whose top was left out of the region",
        measure=_selective,
        paper=_paper("Russian", "top_100k"),
        source=REMOVAL,
    ),
    Claim(
        id="own-random",
        sentence="A monolingual region matters more for its language than a random region of its size",
        statistic="perplexity of the own language without its region over without the random one, mean over regions",
        above=0.0,
        control="random regions, as many weights in each matrix",
        measure=_against_random,
        source=REMOVAL,
    ),
    Claim(
        id="diagonal",
        sentence="… and is more selective than it",
        statistic="rise of the own language over that of others, over the same for a random region, mean over regions",
        above=0.0,
        control="random regions, as many weights in each matrix",
        measure=_diagonal,
        source=REMOVAL,
    ),
    Claim(
        id="own-domain",
        sentence="A language's region is not its manuals': it matters most for its own language in another domain too",
        statistic="rise in perplexity of the own language over that of languages that were not left out, mean over "
        "regions, second domain",
        above=0.0,
        control="other languages under the same removal, but for those whose top was left out of the region",
        measure=lambda run: _selective(run, domain=1),
        source=REMOVAL,
    ),
    Claim(
        id="kin",
        sentence="Close languages are the next most affected",
        statistic="rise in perplexity of close languages over that of others, neither left out, mean over regions",
        above=0.0,
        control="languages that are not close, under the same removal",
        measure=_kin,
        paper=_paper("Ukrainian", "top_100k"),
        source=REMOVAL,
    ),
    Claim(
        id="samples",
        sentence="More samples sharpen a region: removing it does more damage to its language",
        statistic="perplexity of the own language without the region from the most samples over from the fewest, mean "
        "over regions",
        above=0.0,
        control="regions from fewer samples",
        measure=_samples,
        paper=_paper("Russian", "top_100k", "top_10k"),
        source=REMOVAL,
    ),
]
