"""How numbers read: one way for tables, findings and figures."""

import math

PLAIN = 1e4  # perplexities and factors from here on are powers of ten
TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"  # no line ends within a number
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def perplexity(value: float) -> str:
    """Three decimals below 1000, one below 10 000, a power of ten beyond: 254772480 reads 2.55 × 10⁸."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value < 1000:
        return f"{value:.3f}"
    return f"{value:,.1f}" if round(value, 1) < PLAIN else scientific(value, 2)


def from_nll(nll: float) -> str:
    """The perplexity of a mean negative log-likelihood per token."""
    return perplexity(math.exp(nll) if nll < 700 else math.inf if nll >= 700 else math.nan)


def factor(log_ratio: float) -> str:
    """A log ratio as the factor it stands for: 0.693 reads ×2.00, 11 reads ×6.0 × 10⁴.

    More digits near 1, where effects are small.
    """
    if math.isnan(log_ratio):
        return "–"
    if log_ratio > 700:  # exp would overflow
        return "×∞"
    value = math.exp(log_ratio)
    if round(value) >= PLAIN:
        return f"×{scientific(value, 1)}"
    if value >= 100:
        return f"×{value:,.0f}"
    return f"×{value:.1f}" if value >= 10 else f"×{value:.2f}" if value >= 2 else f"×{value:.3f}"


def scientific(value: float, decimals: int) -> str:
    """A power of ten with so many decimals before it: 57000 reads 5.7 × 10⁴."""
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}{TIMES}10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def tick(value: float, _position: int | None = None) -> str:
    """A perplexity or a factor beside an axis: 5, 1,000, 10⁴, 2 × 10⁴."""
    if value < PLAIN:
        return f"{value:,g}"
    return scientific(value, 0).removeprefix(f"1{TIMES}")


def factor_interval(low: float, high: float) -> str:
    """The interval of a factor, from the ends of its logarithm."""
    return f"[{factor(low)}, {factor(high)}]"


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


def scope(name: str) -> str:
    """What a region was ranked over, in words."""
    return {"tensor": "ranked within each tensor", "model": "ranked over the whole model"}.get(name, name)
