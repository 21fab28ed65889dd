"""Documents, and the protocol of their sources: `debian`, `huggingface` and `files`, one module each."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Document(NamedTuple):
    """A page, an article, a file: the unit that is assigned to a split.

    Attributes:
        id: unique within the corpus.
        text: its text; a line break ends a paragraph.
        source: where it comes from.
    """

    id: str
    text: str
    source: str


class Source(Protocol):
    """Where the documents of one language come from."""

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents, in an order that depends only on the source's content.

        Raises:
            UserError: the documents cannot be read.
        """

    def origin(self) -> dict:
        """After the iteration: the manifest's description of the source, such as versions (JSON)."""


def paragraphs(text: str) -> list[str]:
    """Split text at line breaks, collapse white space and NUL to single spaces, and drop empty paragraphs."""
    collapsed = (" ".join(line.split()) for line in text.replace("\0", " ").splitlines())
    return [paragraph for paragraph in collapsed if paragraph]
