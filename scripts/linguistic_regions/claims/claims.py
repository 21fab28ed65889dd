"""The paper's claims, judged by a run's tables.

Every figure and every verdict is computed from the tables. Intervals are 95 % bootstrap intervals; comparisons of two
arms are paired.
"""

from collections.abc import Mapping

import pandas as pd

from linguistic_regions.claims.controls import control_findings
from linguistic_regions.claims.finding import FAILS, HOLDS, UNDECIDED, UNTESTED, Finding
from linguistic_regions.claims.lesions import core_findings, monolingual_findings
from linguistic_regions.claims.stability import importance_findings
from linguistic_regions.claims.training import freezing_findings, retraining_findings

__all__ = ["FAILS", "HOLDS", "UNDECIDED", "UNTESTED", "Finding", "findings"]


def findings(
    tables: Mapping[str, pd.DataFrame], printed: Mapping[str, pd.DataFrame], names: Mapping[str, str]
) -> list[Finding]:
    """Return all claims, on the scores first and then by experiment; those that a run did not measure are `UNTESTED`.

    Args:
        tables: the run's tables by name, from `tables.read_folder`.
        printed: the paper's tables, from `paper.load`.
        names: English names of languages by code.
    """
    removal = tables.get("removal")
    return [
        *importance_findings(tables.get("stability")),
        *core_findings(removal, printed["core_removal"]),
        *control_findings(removal),
        *retraining_findings(tables.get("retraining"), printed["retraining"]),
        *monolingual_findings(removal, printed["monolingual"], names),
        *freezing_findings(tables.get("freezing")),
    ]
