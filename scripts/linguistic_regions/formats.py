"""How numbers read: one way for tables, findings and figures."""

import math


def perplexity(value: float) -> str:
    """Three decimals below 1000, thousands separators below a million, a power of ten beyond."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value < 1000:
        return f"{value:.3f}"
    return f"{value:,.1f}" if value < 1e6 else f"{value:.3e}"


def factor(log_ratio: float) -> str:
    """A log ratio as the factor it stands for: 0.693 reads ×2.00."""
    if log_ratio > 700:  # exp would overflow
        return "×∞"
    value = math.exp(log_ratio)
    if value >= 1e6:
        return f"×{value:.1e}"
    return f"×{value:,.0f}" if value >= 100 else f"×{value:.3g}" if value >= 10 else f"×{value:.2f}"


def factor_interval(low: float, high: float) -> str:
    """The interval of a factor, from the ends of its logarithm."""
    return f"[{factor(low)}, {factor(high)}]"


def factor_fine(log_ratio: float) -> str:
    """A factor close to 1, with three decimals: differences between two ways of training are small."""
    return f"×{math.exp(log_ratio):.3f}" if abs(log_ratio) < 1 else factor(log_ratio)


def interval_fine(low: float, high: float) -> str:
    """The interval of a factor close to 1."""
    return f"[{factor_fine(low)}, {factor_fine(high)}]"


def percent(ratio: float) -> str:
    """A share in percent, with no more digits than it has: 0.03 reads 3 %."""
    return f"{100 * ratio:.4g} %"


def count(number: float) -> str:
    """A whole number with thousands separators."""
    return f"{number:,.0f}"


def rate(learning_rate: float) -> str:
    """A learning rate: 0.00005 reads 5e-5."""
    mantissa, exponent = f"{learning_rate:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
