"""Which difference of accuracies a number of pairs can tell, stated before any is measured."""

import math

from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

DISCORDANT = 0.3  # share of the pairs that two measurements judge differently
ALIKE = 0.1  # correlation of the differences of two pairs of one template


def detectable(
    pairs: int,
    templates: int,
    discordant: float = DISCORDANT,
    alike: float = ALIKE,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """The smallest difference of two accuracies on the same pairs that is found with this power.

    The variance of a paired difference d is the share of discordant pairs minus d squared (Connor 1987, Sample Size for
    Testing Differences in Proportions for the Paired-Sample Design), times the design effect of templates of equal size
    (Kish 1965, Survey Sampling, 5.4), over the number of pairs. The test is two-sided, by Student's t over templates.

    Args:
        pairs: number of minimal pairs that both accuracies are measured on.
        templates: number of templates that they are spread over evenly, two or more.
        discordant: share of pairs right in one measurement and wrong in the other.
        alike: correlation of the differences of two pairs of one template.
        alpha, power: level of the test, and probability that it finds the difference.

    Returns:
        The difference, from 0 to `discordant`, the largest there can be; NaN if even that is too small to be found.
    """
    design = 1 + (pairs / templates - 1) * alike
    quantiles = float(stdtrit(templates - 1, 1 - alpha / 2) + ndtri(power))

    def excess(difference: float) -> float:
        return difference - quantiles * math.sqrt((discordant - difference**2) * design / pairs)

    return brentq(excess, 0.0, discordant) if excess(discordant) > 0 else math.nan
