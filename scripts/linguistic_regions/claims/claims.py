"""All claims, in the order of the report: on the scores, then by experiment."""

from collections.abc import Mapping

import pandas as pd

from linguistic_regions.claims import claim, controls, core, freezing, importance, kinship, monolingual, retraining
from linguistic_regions.claims.run import Run

CLAIMS = [
    *core.CLAIMS,
    *controls.CLAIMS,
    *monolingual.CLAIMS,
    *kinship.CLAIMS,
    *retraining.CLAIMS,
    *freezing.CLAIMS,
    *importance.CLAIMS,
]


def judged(run: Run, printed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The claims table of a run.

    Args:
        run: what it measured.
        printed: the paper's tables, from `paper.load`.
    """
    return claim.table([each.judge(run) for each in CLAIMS], printed)
