"""Each monolingual region's effect on its own language beside that on the language it affects next."""

from collections.abc import Mapping

import pandas as pd

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.paper import ABSENT, Grid
from linguistic_regions.statistics import measures

KINDS = {"monolingual": "Region", "contrast": "Contrast region"}


def grid(removal: pd.DataFrame, model: str, names: Mapping[str, str]) -> Grid | None:
    """Return a row per region; None if no region of a language was removed.

    Args:
        removal: the removal table, in one domain.
        model: name of the run's model.
        names: English names of languages by code.
    """
    effects = measures.log_ratios(removal)
    rows = []
    for kind, name in KINDS.items():
        for code, losses in measures.monolingual_matrix(effects, kind).iterrows():
            others = losses.drop(code, errors="ignore").dropna().sort_values(ascending=False, kind="stable")
            own = losses.get(code, float("nan"))
            told = [formats.factor(own), ABSENT, ABSENT, ABSENT]
            if len(others):
                rank = f"{1 + (others > own).sum()} of {1 + len(others)}" if own == own else ABSENT
                told[1:] = names.get(others.index[0], others.index[0]), formats.factor(others.iloc[0]), rank
            rows.append((f"{name} of {names.get(code, code)}", *told))
    if not rows:
        return None
    headings = ("own language", "next worst", "its factor", "rank of the own")
    note = "Perplexity relative to the intact model. Next worst: the most affected of all other languages."
    return Grid("The own language and the next worst", ("Removed",), ((model, headings),), tuple(rows), (note,))
