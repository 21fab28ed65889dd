"""Perplexity of held-out text, block by block; statistics/perplexity.py computes means and intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from linguistic_regions.evaluation.protocol import Columns, Subject
from linguistic_regions.planning import corpora, plan
from linguistic_regions.planning.evaluations import Plan
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.text import tokens
from linguistic_regions.text.tokens import Blocks


def planned(config: dict) -> Plan:
    """Return what a run measures: the test blocks of all texts."""
    texts = corpora.texts(config)
    return Plan(
        inputs=[f"<results>/tokens/{text}/test.parquet" for text in texts],
        options={
            "tokens_folder": f"{plan.results(config)}/tokens",
            "texts": texts,
            "domain": config["corpora"]["domain"],
            "max_blocks": config["tokens"]["test_blocks"],
        },
        tokens=corpora.max_tokens(config, texts, "test"),
    )


@dataclass(frozen=True)
class Measurement:
    """Negative log-likelihood of each block of held-out text.

    Attributes:
        tokens_folder: folder of the blocks: {text}/{split}.parquet.
        texts: texts to measure: a language, or language/domain for a further domain; none: nothing is measured.
        domain: the domain of a text that is named by its language alone.
        split: which split of the text.
        max_blocks: maximum number of blocks of each text, evenly spaced; None: all.
    """

    tokens_folder: Path = Path("tokens")
    texts: tuple[str, ...] = ()
    domain: str = ""
    split: Literal["valid", "test"] = "test"
    max_blocks: int | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to measure."""
        return bool(self.texts)

    def wanted_in(self, labels: Mapping) -> bool:
        """Whether to measure in a condition: in all of them."""
        return True

    @cached_property
    def blocks(self) -> dict[str, Blocks]:
        """The blocks to measure, by text."""
        return tokens.read_split(self.tokens_folder, self.texts, self.split, self.max_blocks)

    def fingerprint(self) -> str:
        """Identify the blocks and their labels."""
        return fingerprint([(text, self.domain, blocks.fingerprint) for text, blocks in self.blocks.items()])

    @property
    def items(self) -> list[str]:
        """The name of each block: its document and its row in the file of blocks."""
        return [
            f"{document}/{row}"
            for blocks in self.blocks.values()
            for document, row in zip(blocks.documents, blocks.rows, strict=True)
        ]

    def measure(self, subject: Subject) -> Columns:
        """Return a row per block, with more columns: `window`, the block size, and `bos`, whether BOS comes first.

        A forward pass may take blocks of several texts, so that few blocks of each still fill it.
        """
        from linguistic_regions.model.loss import block_nll

        texts = self.blocks.values()
        input_ids = np.concatenate([blocks.input_ids for blocks in texts])
        nll = block_nll(subject.model, input_ids, subject.batch_tokens, subject.precision)
        labels = [tokens.labels(text, self.domain) for text, blocks in self.blocks.items() for _ in blocks.rows]
        window = input_ids.shape[1]
        return {
            "language": [label["language"] for label in labels],
            "domain": [label["domain"] for label in labels],
            "tokens": [window - 1] * len(input_ids),
            "window": [window] * len(input_ids),
            "bos": [blocks.bos for blocks in texts for _ in blocks.rows],
            "item": self.items,
            "document": [document for blocks in texts for document in blocks.documents],
            "nll": nll.tolist(),
            "bytes": [count for blocks in texts for count in blocks.bytes.tolist()],
        }
