"""Lists and numbers in words."""

from collections.abc import Mapping, Sequence

from linguistic_regions.reporting import formats


def listed(words: Sequence[object]) -> str:
    """Join words as in "a, b and c"."""
    words = [str(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def named(codes: Sequence[str], names: Mapping[str, str]) -> str:
    return listed([names.get(code, code) for code in codes])


def counts(numbers: Sequence[float]) -> str:
    return listed([formats.count(number) for number in numbers])


def many(number: int, noun: str) -> str:
    return f"{formats.count(number)} {noun}{'' if number == 1 else 's'}"
