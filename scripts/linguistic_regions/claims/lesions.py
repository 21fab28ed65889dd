"""Claims on removal: a core that every language needs, and regions that a single language needs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.claims.finding import Finding, described
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import domains, only

COLLAPSE = 100.0  # factor from which a language counts as destroyed; the smallest in the paper is in the thousands

# Languages close to a region's own, expected to be affected next. The paper's case is Russian and Ukrainian; the others
# are close by family (Romance), or by script and loanwords (Arabic and Persian, Chinese and Japanese).
KIN = {
    "ru": ("uk",),
    "uk": ("ru",),
    "es": ("pt", "it"),
    "pt": ("es", "it"),
    "it": ("es", "pt"),
    "ar": ("fa",),
    "fa": ("ar",),
    "zh": ("ja",),
    "ja": ("zh",),
}


def core_findings(removal: pd.DataFrame | None, printed: pd.DataFrame) -> list[Finding]:
    """Return the claims on the core region (experiment 1).

    Args:
        removal: the removal table, or None.
        printed: the paper's table of core removal, as text.
    """
    logs = np.log(printed[["base", "top", "bottom", "random"]].astype(float))
    paper = logs[["top", "bottom", "random"]].sub(logs["base"], axis=0)
    mean = paper.mean()
    claims = {
        "random": Finding(
            "The core matters more than a random region of its size",
            f"LLaMA-2, 3 % removed: top {formats.factor(mean['top'])}, random {formats.factor(mean['random'])}.",
        ),
        "domain": Finding(
            "… in another domain too",
            "Not tested in the paper; without it, the core could be specific to one domain.",
        ),
        "total": Finding(
            f"Removing the core destroys every language (perplexity rises by a factor of {COLLAPSE:g} or more)",
            f"LLaMA-2, 3 % removed: {formats.factor(paper['top'].min())} in the least affected language.",
        ),
        "bottom": Finding(
            "The least important parameters matter less than random ones",
            f"LLaMA-2, 3 % removed: bottom {formats.factor(mean['bottom'])}, random {formats.factor(mean['random'])}.",
        ),
        "ratio": Finding(
            "The larger the removed core, the greater the damage",
            "Reported for one ratio, 3 %, and for 1 % before retraining.",
        ),
    }
    setting = None if removal is None else measures.paper_setting(removal)
    if setting is None:
        return list(claims.values())
    tables, *others = [_core_tables(only(removal, domain)) for domain in domains(removal)]
    return [
        _against_random(claims["random"], tables, setting, "top"),
        _against_random(claims["domain"], others[0], setting, "top") if others else claims["domain"],
        _collapse(claims["total"], tables, setting),
        _against_random(claims["bottom"], tables, setting, "bottom"),
        _ratios(claims["ratio"], tables, setting),
    ]


def _core_tables(removal: pd.DataFrame) -> dict[tuple[str, float], pd.DataFrame]:
    """Return the effects of removing the core in one domain, by (scope, ratio)."""
    effects = measures.log_ratios(removal)
    return {pair: measures.core_effects(effects, *pair) for pair in measures.core_settings(removal)}


def _against_random(claim: Finding, tables: dict, setting: tuple, kind: str) -> Finding:
    """Judge whether `top` does more damage than `random`, or `bottom` less, paired by language."""
    sign = 1 if kind == "top" else -1
    lines = []
    for pair, table in tables.items():
        parts = [
            f"{column} {described(measures.estimate(table[column].dropna()))}"
            for column in (kind, "random")
            if table[column].notna().any()
        ]
        lines.append(f"{_described(pair)}: {', '.join(parts)}")
    differences = (sign * (tables[setting][kind] - tables[setting]["random"])).dropna()
    if differences.empty:
        return claim
    paired = measures.estimate(differences)
    ratio = "top over random" if kind == "top" else "random over bottom"
    return claim.judged(
        paired.low > 0,
        f"{_described(setting)}: {ratio} {described(paired)}, paired by language, {paired.count} languages.",
        *lines,
    )


def _collapse(claim: Finding, tables: dict, setting: tuple) -> Finding:
    lines = {}
    for pair, table in tables.items():
        top = table["top"].dropna()
        lost = int((top >= np.log(COLLAPSE)).sum())
        lines[pair] = (
            f"{_described(pair)}: {lost} of {len(top)} languages, {formats.factor(top.min())} ({top.idxmin()}) to "
            f"{formats.factor(top.max())} ({top.idxmax()})"
        )
    holds = tables[setting]["top"].min() >= np.log(COLLAPSE)
    return claim.judged(bool(holds), lines.pop(setting), *lines.values())


def _ratios(claim: Finding, tables: dict, setting: tuple) -> Finding:
    """Judge whether the mean damage rises with the ratio, in the setting's scope."""
    lines = []  # the setting's scope is first, as in `tables`
    rising = {}
    for scope in dict.fromkeys(scope for scope, _ in tables):
        damage = {ratio: table["top"].mean() for (other, ratio), table in tables.items() if other == scope}
        steps = ", ".join(f"{formats.percent(ratio)} {formats.factor(mean)}" for ratio, mean in damage.items())
        lines.append(f"{steps}, {formats.scope(scope)}")
        if len(damage) > 1:
            rising[scope] = bool(np.all(np.diff(list(damage.values())) > 0))
    if setting[0] not in rising:
        return claim
    return claim.judged(rising[setting[0]], *lines)


def monolingual_findings(
    removal: pd.DataFrame | None, printed: pd.DataFrame, names: Mapping[str, str]
) -> list[Finding]:
    """Return the claims on monolingual regions (experiment 2).

    Args:
        removal: the removal table, or None.
        printed: the paper's table for the region of Russian, as text.
        names: English names of languages by code.
    """
    logs = np.log(printed.set_index("language").astype(float))
    paper = logs.drop(columns="base").sub(logs["base"], axis=0)
    own, others = paper.loc["Russian"], paper.drop(index="Russian")
    kin = formats.factor(others.loc["Ukrainian", "top_100k"])
    claims = {
        "own": Finding(
            "A monolingual region carries its own language",
            f"Region of Russian in LLaMA-2-7B: Russian {formats.factor(own['top_100k'])}, other languages "
            f"{formats.factor(others['top_100k'].mean())}.",
        ),
        "random": Finding(
            "… more than a random region of its size does",
            "Compared in the paper with as many of the least important parameters: "
            f"{formats.factor(own['bottom_100k'])}.",
        ),
        "domain": Finding(
            "A monolingual region carries its language in another domain too",
            "Not tested in the paper; without it, the region could be specific to one domain, such as manuals.",
        ),
        "kin": Finding(
            "Close languages are the next most affected",
            f"Region of Russian in LLaMA-2-7B: Ukrainian is the next most affected, {kin}.",
        ),
        "samples": Finding(
            "Scores from more samples give a region whose removal does more damage",
            f"Russian in LLaMA-2-7B: {formats.factor(own['top_10k'])} at 10K samples, "
            f"{formats.factor(own['top_100k'])} at 100K.",
        ),
    }
    kinds = [] if removal is None else domains(removal)
    effects = [measures.log_ratios(only(removal, domain)) for domain in kinds]
    matrix, *others = [measures.monolingual_matrix(each) for each in effects] or [pd.DataFrame()]
    own = _own(matrix)
    if own.empty:
        return list(claims.values())
    return [
        _own_language(claims["own"], matrix, own),
        _own_against_random(claims["random"], measures.monolingual_matrix(effects[0], "random"), own),
        _own_language(claims["domain"], others[0], _own(others[0])) if others else claims["domain"],
        _kin(claims["kin"], matrix, names),
        _samples(claims["samples"], effects[0], own),
    ]


def _own(matrix: pd.DataFrame) -> pd.Series:
    """Return the effect of each region's removal on its own language, where it was measured."""
    return pd.Series({code: matrix.at[code, code] for code in matrix.index if code in matrix.columns}, dtype=float)


def _own_language(claim: Finding, matrix: pd.DataFrame, own: pd.Series) -> Finding:
    others = pd.Series({code: matrix.loc[code].drop(code).mean() for code in own.index}, dtype=float)
    largest = [code for code in own.index if matrix.loc[code].idxmax() == code]
    differences = (own - others).dropna()
    if differences.empty:
        return claim
    paired = measures.estimate(differences)
    exceptions = ", ".join(f"{code}: {matrix.loc[code].idxmax()}" for code in own.index if code not in largest)
    exceptions = f" (exceptions, with the most affected language: {exceptions})" if exceptions else ""
    return claim.judged(
        paired.low > 0 and 2 * len(largest) > len(own),
        f"A region's own language is the most affected in {len(largest)} of {len(own)} regions{exceptions}.",
        f"Own language {described(measures.estimate(own))}, from {formats.factor(own.min())} ({own.idxmin()}) to "
        f"{formats.factor(own.max())} ({own.idxmax()}); other languages "
        f"{described(measures.estimate(others.dropna()))}.",
        f"Paired by region, own over other languages: {described(paired)}.",
    )


def _own_against_random(claim: Finding, control: pd.DataFrame, own: pd.Series) -> Finding:
    targets = [code for code in own.index if code in control.index and code in control.columns]
    if not targets:
        return claim
    random = pd.Series({code: control.at[code, code] for code in targets})
    paired = measures.estimate(own[targets] - random)
    return claim.judged(
        paired.low > 0,
        f"Own language with its region removed {described(measures.estimate(own[targets]))}, with a random region of "
        f"the same size in each tensor removed {described(measures.estimate(random))}.",
        f"Paired by region: {described(paired)}, {paired.count} regions.",
    )


def _kin(claim: Finding, matrix: pd.DataFrame, names: Mapping[str, str]) -> Finding:
    lines = []
    first = 0
    for code in matrix.index:
        others = matrix.loc[code].drop(code, errors="ignore").dropna().sort_values(ascending=False)
        kin = [language for language in others.index if language in KIN.get(code, ())]
        if not kin:
            continue
        ranks = ", ".join(
            f"{names.get(language, language)} {formats.factor(others[language])} "
            f"(rank {others.index.get_loc(language) + 1} of {len(others)})"
            for language in kin
        )
        first += others.index[0] in kin
        lines.append(f"{names.get(code, code)}: {ranks}")
    if not lines:
        return claim
    summary = f"A close language is the next most affected in {first} of {len(lines)} regions (holds if in most)."
    return claim.judged(2 * first > len(lines), summary, *lines)


def _samples(claim: Finding, effects: pd.DataFrame, own: pd.Series) -> Finding:
    rows = measures.monolingual(effects)
    milestones = sorted(rows.loc[rows["kind"] == "monolingual", "samples"].unique())
    if len(milestones) < 2:
        return claim
    small = measures.monolingual_matrix(effects, milestone=0)
    targets = [code for code in own.index if code in small.index]
    before = pd.Series({code: small.at[code, code] for code in targets})
    paired = measures.estimate(own[targets] - before)
    return claim.judged(
        paired.low > 0,
        f"Own language at {formats.count(milestones[0])} samples {described(measures.estimate(before))}, at "
        f"{formats.count(milestones[-1])} samples {described(measures.estimate(own[targets]))}.",
        f"Paired by region, more over fewer samples: {described(paired)}.",
    )


def _described(setting: tuple[str, float]) -> str:
    scope, ratio = setting
    return f"{formats.percent(ratio)} {formats.scope(scope)}"
