"""Number formats of tables, findings and figures."""

import math

PLAIN = 1e4  # perplexities and factors from here on are written as powers of ten
TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"  # so that no line breaks within a number
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def perplexity(value: float) -> str:
    """Format a perplexity: three decimals below 1000, one below 10 000, then a power of ten, as in 2.55 × 10⁸."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value < 1000:
        return f"{value:.3f}"
    return f"{value:,.1f}" if round(value, 1) < PLAIN else scientific(value, 2)


def from_nll(nll: float) -> str:
    """Format the perplexity of a mean negative log-likelihood per token, in nats."""
    return perplexity(math.exp(nll) if nll < 700 else math.inf if nll >= 700 else math.nan)


def factor(log_ratio: float) -> str:
    """Format a log ratio as a factor: ×2.00 for 0.693, ×6.0 × 10⁴ for 11; with more digits near 1."""
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
    """Format a number in scientific notation: 5.7 × 10⁴ for 57000 and one decimal."""
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}{TIMES}10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def tick(value: float, _position: int | None = None) -> str:
    """Format a perplexity or a factor as an axis tick: 5, 1,000, 10⁴, 2 × 10⁴."""
    if value < PLAIN:
        return f"{value:,g}"
    return scientific(value, 0).removeprefix(f"1{TIMES}")


def factor_interval(low: float, high: float) -> str:
    """Format the interval of a factor, given the ends of its logarithm."""
    return f"[{factor(low)}, {factor(high)}]"


def percent(ratio: float) -> str:
    """Format a share in percent, without trailing zeros: 3 % for 0.03."""
    return f"{100 * ratio:.4g} %"


def count(number: float) -> str:
    """Format an integer with thousands separators."""
    return f"{number:,.0f}"


def rate(learning_rate: float) -> str:
    """Format a learning rate: 5 × 10⁻⁵ for 0.00005, 10⁻³ for 0.001."""
    mantissa = float(f"{learning_rate:e}".split("e")[0])
    return scientific(learning_rate, len(f"{mantissa:g}".partition(".")[2])).removeprefix(f"1{TIMES}")


def probability(p: float) -> str:
    """Format a p-value: 0.04, and 4.3 × 10⁻⁴ below 0.001."""
    return f"{p:.2g}" if p >= 1e-3 or p == 0 else scientific(p, 1)


def scope(name: str) -> str:
    """Describe the scope of a region's ranking."""
    return {"tensor": "ranked within each tensor", "model": "ranked over the whole model"}.get(name, name)
