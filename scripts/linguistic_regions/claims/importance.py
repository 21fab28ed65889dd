"""Claims on the scores themselves: they are stable, and they predict the exact change of the loss."""

from linguistic_regions.claims.claim import Claim, Measured
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics import correlation
from linguistic_regions.statistics.intervals import Interval, t_interval

AGREEMENT = 0.95  # Jaccard index from which two regions count as the same: each contains 97 % of the other


def chance(ratio: float) -> float:
    """The expected Jaccard index of two random regions with this share of the weights."""
    return ratio / (2 - ratio)


def _agreement(run: Run) -> Measured:
    """The agreement at each language's last check, which may be early because of `stop_at`."""
    stability = run.table("stability").sort_values("samples", kind="stable")
    last = stability.groupby("language", sort=False).last()
    samples = sorted({int(last["samples"].min()), int(last["samples"].max())})
    note = f"after {' to '.join(map(str, samples))} samples; two random regions: {chance(last['ratio'].iloc[0]):.3f}"
    return Measured(t_interval(last["jaccard"], "languages"), note)


def _fidelity(run: Run) -> Measured:
    """The rank correlation of the Taylor score with the exact change, over the weights that were sampled."""
    table = run.table("fidelity")
    totals = table[table["matrix"] == "all"].set_index("estimator")
    if "taylor" not in totals.index:
        raise NotMeasured("too few weights were set to zero, one at a time")
    taylor = totals.loc["taylor"]
    interval = Interval(taylor["spearman"], taylor["low"], taylor["high"], int(taylor["n"]), "weights", "Fisher z")
    others = ", ".join(f"{name} {row['spearman']:.2f}" for name, row in totals.drop(index="taylor").iterrows())
    p_value = correlation.p_value(taylor["spearman"], interval.n)
    return Measured(interval, f"other scores: {others}", p_value)


CLAIMS = [
    Claim(
        id="stability",
        sentence="Regions are stable: two halves of the samples give the same one",
        statistic="Jaccard index of the two halves' top regions, mean over languages",
        unit="Jaccard index",
        above=AGREEMENT,
        control="none; two random regions agree by chance",
        measure=_agreement,
        source="tables/stability.csv: language, samples, jaccard",
    ),
    Claim(
        id="fidelity",
        sentence="The Taylor score predicts the exact change of the loss",
        statistic="rank correlation over single weights of the score with the change of the loss without the weight",
        unit="rank correlation",
        above=0.0,
        test="z test",
        control="a score that says nothing of the change",
        measure=_fidelity,
        source="tables/fidelity.csv: estimator, matrix, n, spearman, low, high",
    ),
]
