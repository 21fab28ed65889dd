"""Source `hub`: published sets of minimal pairs on the Hugging Face hub, such as BLiMP and MultiBLiMP."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.progress import progress
from linguistic_regions.text.huggingface import HuggingFace
from linguistic_regions.text.minimal_pairs import Pair


@dataclass(frozen=True)
class PublishedSet:
    """Where a set of pairs is, and what its columns are called.

    Attributes:
        repo: name of the data set on the hub, or a local folder.
        config: its configuration; None: all, each of which is a paradigm.
        split: its split.
        revision: commit, tag or branch.
        good: column of the grammatical sentence.
        bad: column of the other one.
        phenomenon: column of the phenomenon; None: the configuration.
    """

    repo: str = ""
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    good: str = "sentence_good"
    bad: str = "sentence_bad"
    phenomenon: str | None = None


def pairs(language: str, published: PublishedSet) -> Iterator[Pair]:
    """Yield the pairs of a published set, which is named by the last part of `repo`, such as `blimp`.

    The template of a pair is its paradigm; in a set without paradigms each pair is one of its own.

    Args:
        language: code of the language.
        published: the set.

    Raises:
        UserError: the set is not available, or lacks one of the columns.
    """
    source = Path(published.repo).name.lower()
    data = HuggingFace(published.repo, published.config, published.split, published.good, published.revision)
    columns = [column for column in (published.good, published.bad, published.phenomenon) if column]
    configs = [published.config] if published.config else data.configs()
    for config in progress(configs, f"{source}: {language}", unit="config"):
        data.config = config
        for number, row in enumerate(data.rows()):
            if missing := [column for column in columns if not row.get(column)]:
                raise UserError(
                    f"{published.repo} ({config}), row {number} has no '{missing[0]}' (its columns: {', '.join(row)}): "
                    "correct probes.hub"
                )
            phenomenon = row[published.phenomenon] if published.phenomenon else config
            item = f"{source}/{config}/{number:05d}"
            template = item if published.config else config
            yield Pair(language, source, phenomenon, template, item, row[published.good], row[published.bad])
