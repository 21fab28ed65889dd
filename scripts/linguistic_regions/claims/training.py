"""What training shows: recovery after a removal, and forgetting with the core frozen."""

import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.claims.finding import Finding, described
from linguistic_regions.statistics import measures
from linguistic_regions.statistics.domains import domains

ENGLISH = "en"
RECOVERED = 0.5  # share of the lost log perplexity to be regained before two ways of regaining it are compared


def retraining_findings(retraining: pd.DataFrame | None, printed: pd.DataFrame) -> list[Finding]:
    """The claims about training on after the core was removed.

    Args:
        retraining: the retraining table, or None.
        printed: the paper's retraining table, as text.
    """
    paper = printed.astype(dict.fromkeys(("top_freeze", "bottom_freeze", "top_unfreeze"), float))
    chinese = paper[paper["language"] == "Chinese"].iloc[1]
    english = paper[paper["language"] == "English"]
    claims = [
        Finding(
            "With the core held at zero, recovery is slower than with the core free",
            f"LLaMA-2, Chinese after {formats.count(int(chinese['train_samples_chinese']))} samples: perplexity "
            f"{formats.perplexity(chinese['top_freeze'])} with the core held, "
            f"{formats.perplexity(chinese['top_unfreeze'])} with it free.",
        ),
        Finding(
            "English falls behind while another language is trained",
            f"LLaMA-2, English at the end: {formats.perplexity(english['top_freeze'].iloc[-1])} with the core held at "
            f"zero, {formats.perplexity(english['bottom_freeze'].iloc[-1])} undamaged; before, "
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
    names = {"top_unfreeze": "core free", "bottom_freeze": "bottom frozen", "random_freeze": "random frozen"}
    milestones = gaps.index.get_level_values("samples")
    lines = [
        f"After {formats.count(samples)} samples, core held over: "
        + ", ".join(f"{names[arm]} {formats.factor(gaps[milestones == samples][arm].mean())}" for arm in controls)
        for samples in (milestones.min(), milestones.max())
    ]
    regained = _regained(curves)
    if regained < RECOVERED:
        told = f"With the core free the model regained {formats.percent(round(regained, 3))} of the lost log perplexity"
        return claim.untold(f"{told}, less than {formats.percent(RECOVERED)}: too few samples to compare.", *lines)
    first = gaps.loc[milestones == milestones.min(), "top_unfreeze"]
    runs = f"in each of {len(first)} runs" if len(first) > 1 else "in one run, hence without interval"
    return claim.judged(bool((first > 0).all()), f"{lines[0]}; {runs}", *dict.fromkeys(lines[1:]))


def _regained(curves: pd.DataFrame) -> float:
    """The share of the log perplexity lost by the removal that training with the core free brought back, at its end.

    What the model had before is taken from the arm without its bottom; 1 where there is none, or nothing was lost.
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
    names = {"top_freeze": "core held at zero", "top_unfreeze": "core removed, then free", "bottom_freeze": "undamaged"}
    changes = {arm: end[arm] - start for arm in names if arm in end}
    return claim.judged(
        bool(min(changes["top_freeze"], changes["bottom_freeze"]) > 0),
        f"English after {formats.count(means.index[-1])} samples, over the undamaged model before: "
        + ", ".join(f"{names[arm]} {formats.factor(change)}" for arm, change in changes.items()),
    )


def _curves(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per run and milestone, a column per arm: log perplexity."""
    keys = ["train_language", "language", "learning_rate", "seed", "samples", "arm"]
    return rows.groupby(keys)["nll"].mean().unstack("arm")


def freezing_findings(freezing: pd.DataFrame | None) -> list[Finding]:
    """The claims about further pre-training with the core frozen (experiment 3)."""
    claims = [
        Finding(
            "Freezing the core reduces forgetting",
            "LLaMA-2, top 5 % frozen, learning rates 5e-5 and 5e-6: forgetting is mitigated (curves only).",
        ),
        Finding(
            "… more than freezing as many random parameters does",
            "Not compared in the paper; without it, the freezing itself could be the cause.",
        ),
        Finding(
            "… and the trained language is learnt as well as without",
            "Shown as curves, without figures.",
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
    """Whether full training forgets anything at the rate at which it forgets most, and that in words.

    Where nothing is forgotten, nothing can be kept from it: a claim on forgetting is then not tested.
    """
    if "full" not in untrained or untrained["full"].dropna().empty:
        return True, f"Measured on {domain or 'the test text'}."
    by_rate = untrained["full"].dropna().groupby("learning_rate")
    most = measures.estimate(by_rate.get_group(by_rate.mean().idxmax()))
    rate = formats.rate(by_rate.mean().idxmax())
    verdict = "something is forgotten" if most.low > 0 else "nothing is forgotten that can be told from noise"
    measured = f"Full training at {rate} changes the other languages' perplexity by {described(most)} ({domain})"
    return most.low > 0, f"{measured}: {verdict}."


def _less_forgetting(claim: Finding, changes: pd.DataFrame, other: str, forgotten: tuple[bool, str]) -> Finding:
    """Is log perplexity lost with the core frozen less than in the arm `other`, pair by pair?

    Not tested where full training forgets nothing.
    """
    if not {"core_frozen", other} <= set(changes.columns):
        return claim
    pairs = changes.dropna(subset=["core_frozen", other])
    if pairs.empty:
        return claim
    saved = measures.estimate(pairs[other] - pairs["core_frozen"])
    lost = pairs[other].mean()
    share = f"; {100 * saved.mean / lost:.1f} % of what {_name(other)} forgets" if lost > 0 else ""
    by_rate = (pairs[other] - pairs["core_frozen"]).groupby("learning_rate").mean()
    rates = [
        f"Learning rate {formats.rate(rate)}: {_name(other)} over core frozen {formats.factor(mean)}"
        for rate, mean in by_rate.items()
    ]
    measured = (
        f"Pair by pair (language, learning rate, seed): {_name(other)} over core frozen {described(saved)}{share}, "
        f"{saved.count} pairs.",
        forgotten[1],
        f"Perplexity of the other languages, end over start: {_arms(changes)}",
        *rates,
    )
    return claim.judged(saved.low > 0, *measured) if forgotten[0] else claim.untold(*measured)


def _cost(claim: Finding, changes: pd.DataFrame) -> Finding:
    """Is the trained language's gain with the core frozen at least that of full training, within the interval?"""
    if not {"core_frozen", "full"} <= set(changes.columns):
        return claim
    pairs = changes.dropna(subset=["core_frozen", "full"])
    if pairs.empty:
        return claim
    cost = measures.estimate(pairs["core_frozen"] - pairs["full"])
    return claim.judged(
        cost.low <= 0,
        f"Pair by pair: core frozen over full {described(cost)}, {cost.count} pairs. Above 1 is what freezing costs; "
        "the claim holds unless the whole interval is.",
        f"Perplexity of the trained language, end over start: {_arms(changes)}",
    )


def _arms(changes: pd.DataFrame) -> str:
    order = [arm for arm in ("full", "core_frozen", "random_frozen", "region_only") if arm in changes]
    return ", ".join(f"{_name(arm)} {formats.factor(changes[arm].mean())}" for arm in order)


def _name(arm: str) -> str:
    return arm.replace("_", " ")
