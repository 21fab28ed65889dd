"""The claim on the scores themselves: other samples of a language would give the same region."""

from linguistic_regions.claims.claim import Claim, Measured
from linguistic_regions.claims.run import Run
from linguistic_regions.statistics.intervals import t_interval

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
]
