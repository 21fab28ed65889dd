"""Minimal pairs scored directly: does the model find the grammatical sentence more likely than the other one?"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from linguistic_regions.evaluation.protocol import Columns, OfLanguages, Subject
from linguistic_regions.planning import pairs, plan
from linguistic_regions.planning.evaluations import Plan
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.text import minimal_pairs
from linguistic_regions.text.minimal_pairs import Pair
from linguistic_regions.text.tokens import BlockTokenizer

SENTENCE = 16  # tokens, on average


def planned(config: dict) -> Plan | None:
    """Return what a run measures: all pairs of the languages in `probes`; None without languages."""
    languages = pairs.languages(config)
    if not languages:
        return None
    return Plan(
        inputs=plan.pairs(config),
        options={
            "pairs": f"{plan.results(config)}/pairs",
            "languages": languages,
            "regions": config["probes"]["regions"],
            "bos": config["tokens"]["bos"],
        },
        tokens=2 * SENTENCE * sum(pairs.most(config, language) for language in languages),
    )


@dataclass(frozen=True)
class Measurement(OfLanguages):
    """The log-probabilities of both sentences of each pair.

    Attributes:
        pairs: folder of the pairs: {language}.parquet.
        languages: languages whose pairs are scored; none: nothing is measured.
        regions: kinds of regions under which to measure, those of the core and of `languages`, once each.
        bos: whether a sentence begins with BOS; None: if the tokenizer begins a text with BOS.
    """

    pairs: Path = Path("pairs")
    languages: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    bos: bool | None = None

    @cached_property
    def items(self) -> list[Pair]:
        """The pairs to measure."""
        return [pair for language in self.languages for pair in minimal_pairs.read(self.pairs / f"{language}.parquet")]

    def fingerprint(self) -> str:
        """Identify the pairs and the settings."""
        return fingerprint([self.bos, *self.items])

    def measure(self, subject: Subject) -> Columns:
        """Return a row per pair, with more columns: `phenomenon`, `margin`, `margin_per_token` and `bos`.

        Without BOS the first token of a sentence is not predicted, and does not count. `tokens` and `nll` are of both
        sentences together; `margin` is the summed log-probability of the good one minus that of the bad one, in nats,
        and `margin_per_token` the difference of their means over the predicted tokens.
        """
        from linguistic_regions.model.options import Question, log_probabilities

        tokenizer = BlockTokenizer.load(subject.folder, self.bos)
        head = [] if tokenizer.bos is None else [tokenizer.bos]
        sentences = [sentence for pair in self.items for sentence in (pair.good, pair.bad)]
        encoded = tokenizer.tokenizer.encode_batch(sentences, add_special_tokens=False)
        read = [[*head, *encoding.ids] for encoding in encoded]
        questions = [Question(ids[:1], [ids[1:]]) for ids in read]
        found = log_probabilities(subject.model, questions, subject.batch_tokens, subject.precision)
        sums = [float(value) for (value,) in found]
        counts = [len(ids) - 1 for ids in read]
        means = [value / max(1, count) for value, count in zip(sums, counts, strict=True)]
        good, bad = slice(0, None, 2), slice(1, None, 2)
        each = list(zip(sums[good], sums[bad], strict=True))
        return {
            "language": [pair.language for pair in self.items],
            "domain": [pair.source for pair in self.items],
            "item": [pair.item for pair in self.items],
            "document": [pair.template for pair in self.items],
            "tokens": [sum(both) for both in zip(counts[good], counts[bad], strict=True)],
            "nll": [-sum(both) for both in each],
            "bytes": [len(f"{pair.good}{pair.bad}".encode()) for pair in self.items],
            "phenomenon": [pair.phenomenon for pair in self.items],
            "margin": [one - other for one, other in each],
            "margin_per_token": [one - other for one, other in zip(means[good], means[bad], strict=True)],
            "bos": [tokenizer.bos is not None] * len(self.items),
        }
