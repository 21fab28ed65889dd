"""The interface of an evaluation, which measures a live model and returns a row per item.

To add an evaluation, add a module to this package and name it in planning/evaluations.py. It needs a function
`planned`, which returns what a config asks it to measure (None: nothing, and it is not run), and a class `Measurement`
as defined here. It must import torch only where it measures, because planning imports it too. CONTRIBUTING.md lists
the steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from linguistic_regions.evaluation.conditions import wanted_under

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Columns = Mapping[str, Sequence]


@dataclass
class Subject:
    """A live model to evaluate, and its numerical settings.

    Attributes:
        model: a causal language model, in any condition.
        folder: folder of the model and its tokenizer.
        batch_tokens: tokens per forward pass.
        precision: "fp32", "bf16" or "auto" (bf16 where the device supports it).
        trust_remote_code: whether to run Python code that comes with the model.
    """

    model: "PreTrainedModel"
    folder: Path
    batch_tokens: int
    precision: str
    trust_remote_code: bool = False

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The model's tokenizer."""
        from linguistic_regions.model.tokenizer import load_tokenizer

        return load_tokenizer(self.folder, self.trust_remote_code)

    def chat(self, prompt: str) -> str | None:
        """A conversation that begins with a prompt, up to where the model answers; None without a chat template."""
        if not self.tokenizer.chat_template:
            return None
        turns = [{"role": "user", "content": prompt}]
        return self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


class OfLanguages:
    """What measurements of items in some languages share: none without languages, and in conditions of some regions.

    Attributes:
        languages: languages of the items.
        regions: kinds of regions under which to measure, those of the core and of `languages`, once each.
    """

    languages: tuple[str, ...]
    regions: tuple[str, ...]

    @property
    def wanted(self) -> bool:
        """Whether there is anything to measure."""
        return bool(self.languages)

    def wanted_in(self, labels: Mapping) -> bool:
        """Whether to measure in a condition: the intact model, or a region of these kinds."""
        return wanted_under(labels, self.regions, self.languages)


class Measurement(Protocol):
    """A measurement of a model: a dataclass whose fields, all with defaults, are options of the program."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to measure; False with all defaults."""

    def wanted_in(self, labels: Mapping) -> bool:
        """Whether to measure in a condition with these labels, such as its `kind`."""

    def fingerprint(self) -> str:
        """Identify the items and settings that the rows depend on, besides the model."""

    def measure(self, subject: Subject) -> Columns:
        """Return a row per item: columns of equal length, including all of `evidence.COLUMNS` except `condition`."""
