"""Many tests at once."""

import math
from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for being asked at once (Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure).

    In at most 5 % of all cases is any true null hypothesis among those below 0.05, however the tests are correlated.

    Args:
        p_values: shape (n,); NaN stands for what was not tested, stays NaN and does not count.

    Returns:
        The adjusted p-values in the same order, shape (n,).
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.sum(~np.isnan(p_values))]  # NaN comes last
    adjusted = np.full(len(p_values), math.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted
