"""All claims, in the order of the report: by experiment, on the scores, on what lesions do to grammar."""

from collections.abc import Mapping

import pandas as pd

from linguistic_regions.claims import (
    claim,
    controls,
    core,
    freezing,
    importance,
    kinship,
    monolingual,
    probes,
    retraining,
)
from linguistic_regions.claims.run import Run

CLAIMS = [
    *core.CLAIMS,
    *controls.CLAIMS,
    *monolingual.CLAIMS,
    *kinship.CLAIMS,
    *retraining.CLAIMS,
    *freezing.CLAIMS,
    *importance.CLAIMS,
    *probes.CLAIMS,
]


def judged(run: Run, printed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The claims table of a run.

    Args:
        run: what it measured.
        printed: the paper's tables, from `paper.load`.
    """
    return claim.table([each.judge(run) for each in CLAIMS], printed)
