"""Which pairs are kept: those that can be told apart, and of these a number spread over phenomena and templates."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice, zip_longest

from tokenizers import Tokenizer

from linguistic_regions.text.minimal_pairs import Pair


class Sieve:
    """Lets the pairs through that can be told apart, each once, and counts the others.

    Attributes:
        tokenizer: the model's tokenizer.
        dropped: the number of pairs that were left out, by reason.
    """

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.dropped = dict.fromkeys(("identical", "repeated", "in both orders", "tokenized alike"), 0)
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield those of the pairs that are kept.

        Of pairs that are repeated, or given in both orders, also between calls, the first is kept.
        """
        for pair in pairs:
            sentences = (pair.good, pair.bad)
            good, bad = (self.tokenizer.encode(text, add_special_tokens=False).ids for text in sentences)
            if pair.good == pair.bad:
                self.dropped["identical"] += 1
            elif sentences in self.seen:
                self.dropped["repeated"] += 1
            elif sentences[::-1] in self.seen:
                self.dropped["in both orders"] += 1
            elif good == bad:
                self.dropped["tokenized alike"] += 1
            else:
                self.seen.add(sentences)
                yield pair


def select(pairs: Iterable[Pair], count: int | None) -> list[Pair]:
    """Choose pairs evenly: one of each phenomenon in turn, and for each phenomenon one of each template in turn.

    Of many phenomena, templates or pairs those are taken that lie evenly spaced. The order of the pairs is kept.

    Args:
        pairs: the pairs.
        count: maximum number; None: all.
    """
    pairs = list(pairs)
    phenomena = [
        _in_turn([_spread(of_template) for of_template in _groups(of_phenomenon, "template")])
        for of_phenomenon in _groups(pairs, "phenomenon")
    ]
    chosen = {pair.item for pair in islice(_in_turn(phenomena), count)}
    return [pair for pair in pairs if pair.item in chosen]


def _groups(pairs: Iterable[Pair], field: str) -> list[list[Pair]]:
    found = defaultdict(list)
    for pair in pairs:
        found[getattr(pair, field)].append(pair)
    return list(found.values())


def _in_turn(groups: list[Iterable[Pair]]) -> Iterator[Pair]:
    """Yield one of each group, then another of each, and so on."""
    return (pair for pair in chain.from_iterable(zip_longest(*_spread(groups))) if pair is not None)


def _spread(items: list) -> list:
    """Items in an order in which the first few lie evenly spaced: first, half, quarter, three quarters, ..."""
    return [items[number] for number in sorted(range(len(items)), key=lambda number: f"{number:032b}"[::-1])]
