"""Claims on training: recovery after a removal, and forgetting with the core frozen."""

import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.claims.finding import Finding, described
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import domains

ENGLISH = "en"
RECOVERED = 0.5  # share of the lost log perplexity that must be regained before recoveries are compared


def retraining_findings(retraining: pd.DataFrame | None, printed: pd.DataFrame) -> list[Finding]:
    """Return the claims on retraining after the core was removed.

    Args:
        retraining: the retraining table, or None.
        printed: the paper's retraining table, as text.
    """
    paper = printed.astype(dict.fromkeys(("top_freeze", "bottom_freeze", "top_unfreeze"), float))
    chinese = paper[paper["language"] == "Chinese"].iloc[1]
    english = paper[paper["language"] == "English"]
    claims = [
        Finding(
            "With the core held at zero, recovery is slower than with the core trainable",
            f"LLaMA-2, Chinese after {formats.count(int(chinese['train_samples_chinese']))} samples: perplexity "
            f"{formats.perplexity(chinese['top_freeze'])} with the core held at zero, "
            f"{formats.perplexity(chinese['top_unfreeze'])} with the core trainable.",
        ),
        Finding(
            "English deteriorates while another language is trained",
            "LLaMA-2, perplexity of English after training: "
            f"{formats.perplexity(english['top_freeze'].iloc[-1])} with the core held at zero, "
            f"{formats.perplexity(english['bottom_freeze'].iloc[-1])} with the bottom held at zero; before training, "
            f"{formats.perplexity(english['bottom_freeze'].iloc[0])}.",
        ),
    ]
    if retraining is None:
        return claims
    return [_recovery(claims[0], retraining), _english(claims[1], retraining)]


def _recovery(claim: Finding, retraining: pd.DataFrame) -> Finding:
    own = retraining[retraining["language"] == retraining["train_language"]]
    curves = _curves(own)
    if not {"top_freeze", "top_unfreeze"} <= set(curves.columns):
        return claim
    later = curves[curves.index.get_level_values("samples") > 0]
    controls = [arm for arm in ("top_unfreeze", "bottom_freeze", "random_freeze") if arm in later]
    gaps = later[controls].rsub(later["top_freeze"], axis=0).dropna(subset="top_unfreeze")
    if gaps.empty:
        return claim
    names = {"top_unfreeze": "core trainable", "bottom_freeze": "bottom frozen", "random_freeze": "random frozen"}
    milestones = gaps.index.get_level_values("samples")
    lines = [
        f"After {formats.count(samples)} samples, core held at zero over "
        + ", ".join(f"{names[arm]} {formats.factor(gaps[milestones == samples][arm].mean())}" for arm in controls)
        for samples in (milestones.min(), milestones.max())
    ]
    regained = _regained(curves)
    if regained < RECOVERED:
        return claim.undecided(
            f"With the core trainable, the model regained {formats.percent(round(regained, 3))} of the lost log "
            f"perplexity, less than {formats.percent(RECOVERED)}: too few samples to compare.",
            *lines,
        )
    first = gaps.loc[milestones == milestones.min(), "top_unfreeze"]
    runs = f"mean of {len(first)} runs (holds if true of each)" if len(first) > 1 else "one run, hence no interval"
    return claim.judged(bool((first > 0).all()), f"{lines[0]}; {runs}", *dict.fromkeys(lines[1:]))


def _regained(curves: pd.DataFrame) -> float:
    """Return the share of the log perplexity lost by removing the core that training with the core trainable regained.

    The value before the removal is approximated by that with the bottom removed; 1 if there is no such arm, or nothing
    was lost.
    """
    if "bottom_freeze" not in curves:
        return 1.0
    means = curves.groupby("samples").mean()
    intact, removed = means["bottom_freeze"].iloc[0], means["top_unfreeze"].iloc[0]
    lost = removed - intact
    return float((removed - means["top_unfreeze"].iloc[-1]) / lost) if lost > 0 else 1.0


def _english(claim: Finding, retraining: pd.DataFrame) -> Finding:
    english = _curves(retraining[(retraining["language"] == ENGLISH) & (retraining["train_language"] != ENGLISH)])
    if not {"top_freeze", "bottom_freeze"} <= set(english.columns):
        return claim
    means = english.groupby("samples").mean()
    start, end = means["bottom_freeze"].iloc[0], means.iloc[-1]
    names = {
        "top_freeze": "core held at zero",
        "top_unfreeze": "core removed, then trainable",
        "bottom_freeze": "bottom held at zero",
    }
    changes = {arm: end[arm] - start for arm in names if arm in end}
    return claim.judged(
        bool(min(changes["top_freeze"], changes["bottom_freeze"]) > 0),
        f"Perplexity of English after {formats.count(means.index[-1])} samples, relative to the model with the bottom "
        "removed before training: "
        + ", ".join(f"{names[arm]} {formats.factor(change)}" for arm, change in changes.items()),
    )


def _curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Return log perplexity: a row per run and milestone, a column per arm."""
    keys = ["train_language", "language", "learning_rate", "seed", "samples", "arm"]
    return rows.groupby(keys)["nll"].mean().unstack("arm")


def freezing_findings(freezing: pd.DataFrame | None) -> list[Finding]:
    """Return the claims on continued pre-training with the core frozen (experiment 3).

    Args:
        freezing: the freezing table, or None.
    """
    claims = [
        Finding(
            "Freezing the core reduces forgetting",
            "LLaMA-2, top 5 % frozen, learning rates 5e-5 and 5e-6: forgetting is mitigated (curves only).",
        ),
        Finding(
            "… more than freezing as many random parameters does",
            "Not compared in the paper; without it, freezing as such could be the cause.",
        ),
        Finding(
            "… and the trained language is learnt as well as without freezing",
            "Shown as curves only.",
        ),
    ]
    if freezing is None:
        return claims
    changes = measures.forgetting(measures.forgetting_rows(freezing))
    untrained = measures.untrained(changes)
    forgotten = _forgotten(untrained, domains(freezing)[:2][-1])
    return [
        _less_forgetting(claims[0], untrained, "full", forgotten),
        _less_forgetting(claims[1], untrained, "random_frozen", forgotten),
        _cost(claims[2], measures.trained(changes)),
    ]


def _forgotten(untrained: pd.DataFrame, domain: str) -> tuple[bool, str]:
    """Return whether full training forgets, at the learning rate at which it forgets most, and a sentence on it.

    Without forgetting there is nothing that freezing could reduce: claims on forgetting are then not tested.
    """
    if "full" not in untrained or untrained["full"].dropna().empty:
        return True, f"Measured on {domain or 'the test text'}."
    by_rate = untrained["full"].dropna().groupby("learning_rate")
    most = measures.estimate(by_rate.get_group(by_rate.mean().idxmax()))
    rate = formats.rate(by_rate.mean().idxmax())
    verdict = "forgetting is detected" if most.low > 0 else "no forgetting is detected"
    measured = f"Full training at {rate} changes the other languages' perplexity by {described(most)} ({domain})"
    return most.low > 0, f"{measured}: {verdict}."


def _less_forgetting(claim: Finding, changes: pd.DataFrame, other: str, forgotten: tuple[bool, str]) -> Finding:
    """Judge whether less log perplexity is lost with the core frozen than in the arm `other`, in paired comparison.

    Not tested if full training forgets nothing.
    """
    if not {"core_frozen", other} <= set(changes.columns):
        return claim
    pairs = changes.dropna(subset=["core_frozen", other])
    if pairs.empty:
        return claim
    saved = measures.estimate(pairs[other] - pairs["core_frozen"])
    lost = pairs[other].mean()
    share = f"; {100 * saved.mean / lost:.1f} % of the forgetting in arm {_name(other)}" if lost > 0 else ""
    by_rate = (pairs[other] - pairs["core_frozen"]).groupby("learning_rate").mean()
    rates = [
        f"Learning rate {formats.rate(rate)}: {_name(other)} over core frozen {formats.factor(mean)}"
        for rate, mean in by_rate.items()
    ]
    measured = (
        f"Paired by language, learning rate and seed: {_name(other)} over core frozen {described(saved)}{share}, "
        f"{saved.count} pairs.",
        forgotten[1],
        f"Perplexity of the other languages, end over start: {_arms(changes)}",
        *rates,
    )
    return claim.judged(saved.low > 0, *measured) if forgotten[0] else claim.undecided(*measured)


def _cost(claim: Finding, changes: pd.DataFrame) -> Finding:
    """Judge whether the trained language gains no less with the core frozen than in full training, by the interval."""
    if not {"core_frozen", "full"} <= set(changes.columns):
        return claim
    pairs = changes.dropna(subset=["core_frozen", "full"])
    if pairs.empty:
        return claim
    cost = measures.estimate(pairs["core_frozen"] - pairs["full"])
    return claim.judged(
        cost.low <= 0,
        f"Paired by language, learning rate and seed: core frozen over full {described(cost)}, {cost.count} pairs "
        "(holds unless the whole interval is above 1, where freezing impairs learning).",
        f"Perplexity of the trained language, end over start: {_arms(changes)}",
    )


def _arms(changes: pd.DataFrame) -> str:
    order = [arm for arm in ("full", "core_frozen", "random_frozen", "region_only") if arm in changes]
    return ", ".join(f"{_name(arm)} {formats.factor(changes[arm].mean())}" for arm in order)


def _name(arm: str) -> str:
    return arm.replace("_", " ")
