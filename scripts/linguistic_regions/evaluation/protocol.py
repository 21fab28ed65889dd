"""What an evaluation is: from a live model and its items to a row per item.

A new evaluation is a module of this package that is named in planning/evaluations.py. It has a function `planned`,
which says what a config asks of it (None: nothing, so that it is not run), and a class `Measurement` as described here. It imports torch only where it
measures, because planning imports it too. CONTRIBUTING.md has the steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Columns = Mapping[str, Sequence]


@dataclass
class Subject:
    """A live model under test, and how it computes.

    Attributes:
        model: a causal language model, in whatever condition it is in.
        folder: of the model, where its tokenizer is.
        batch_tokens: tokens in one forward pass.
        precision: "fp32", "bf16" or "auto" (bf16 where the device has it).
        trust_remote_code: whether Python code that comes with the model may run.
    """

    model: "PreTrainedModel"
    folder: Path
    batch_tokens: int
    precision: str
    trust_remote_code: bool = False

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The model's own tokenizer."""
        from linguistic_regions.model.tokenizer import load_tokenizer

        return load_tokenizer(self.folder, self.trust_remote_code)


class Measurement(Protocol):
    """Something to measure on a model: a dataclass whose fields, all with defaults, are options of the program."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to measure; with its defaults there is not."""

    def fingerprint(self) -> str:
        """Identifies the items and settings that the rows follow from, besides the model."""

    def measure(self, subject: Subject) -> Columns:
        """A row per item.

        Returns:
            Columns of equal length, `evidence.COLUMNS` but for `condition` among them.
        """
