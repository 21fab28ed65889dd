"""Text of one language: documents from a source (`debian`, `huggingface`, `files`), split and cleaned by `splits`.

A source is anything that satisfies `Source`; each lives in a module of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Document(NamedTuple):
    """A page, an article, a file: what is split as one piece.

    `id` names it within its corpus. In `text` a line break ends a paragraph. `source` says where it comes from.
    """

    id: str
    text: str
    source: str


class Source(Protocol):
    """Where the documents of one language come from."""

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents in an order that depends on the source's content only.

        Raises `UserError` if they cannot be had.
        """

    def origin(self) -> dict:
        """Say, once iterated over, what the manifest should keep: versions, and what was left out (JSON)."""


def paragraphs(text: str) -> list[str]:
    """Split at line breaks; fold white space and NUL within a paragraph to single spaces; drop the empty ones."""
    folded = (" ".join(line.split()) for line in text.replace("\0", " ").splitlines())
    return [paragraph for paragraph in folded if paragraph]
