"""Claims on kinship: what two languages have in common, against how closely they are related."""

import math

from linguistic_regions.claims.claim import Claim, Measured
from linguistic_regions.claims.run import NotMeasured, Run
from linguistic_regions.statistics.intervals import Interval

LANGUAGES = 5  # fewer have too few orders to tell
CLOSE = 3  # pairs of related languages; fewer could stand anywhere by chance
SOURCE = "tables/kinship.csv: measure, distance, n, close, correlation, p"


def _association(run: Run, measure: str) -> Measured:
    """The partial correlation with genealogical closeness, and the p-value of the Mantel test."""
    if "kinship" not in run.tables:
        raise NotMeasured(f"not tested with fewer than {LANGUAGES} languages whose regions were removed")
    table = run.tables["kinship"]
    rows = table[(table["measure"] == measure) & (table["distance"] == "genealogy")]
    if rows.empty:
        raise NotMeasured(f"the measure {measure} was not tested")
    row = rows.iloc[0]
    enough = row["n"] >= LANGUAGES and row["close"] >= CLOSE
    note = f"{row['close']} of {row['pairs']} pairs are related"
    if not enough:
        note += f"; needs at least {LANGUAGES} languages and {CLOSE} related pairs"
    interval = Interval(row["correlation"], math.nan, math.nan, int(row["n"]), "languages", "Mantel")
    return Measured(interval, note, float(row["p"]) if enough else math.nan)


CLAIMS = [
    Claim(
        id="kinship-overlap",
        sentence="The regions of related languages overlap more",
        statistic="partial correlation over pairs of languages of the Jaccard index of their top regions with "
        "genealogical closeness, given the script",
        unit="correlation",
        above=0.0,
        test="Mantel test, one-sided",
        control="the same regions under the names of other languages",
        measure=lambda run: _association(run, "jaccard_top"),
        source=SOURCE,
    ),
    Claim(
        id="kinship-damage",
        sentence="Removing the region of a language damages related languages more",
        statistic="partial correlation over pairs of languages of the damage to the second with genealogical "
        "closeness, given the script",
        unit="correlation",
        above=0.0,
        test="Mantel test, one-sided",
        control="the same damage under the names of other languages",
        measure=lambda run: _association(run, "damage"),
        source=SOURCE,
    ),
]
