"""Paragraphs of documentation pages in HTML or Mallard (GNOME's help format)."""

from pathlib import Path

from lxml import etree

from linguistic_regions.text.documents import paragraphs

SEPARATOR = "\u2029"  # Unicode's paragraph separator: valid in XML, in no page, and a line break for `paragraphs`
LINE_BREAKS = str.maketrans("\r\n", "  ")  # line breaks of a page are spaces

HTML_BLOCKS = (
    "p div section article main body blockquote caption figcaption table tr th td ul ol li dl dt dd br pre"
    " h1 h2 h3 h4 h5 h6"
)
# Terminal output and code are not natural language; tables of contents and navigation repeat titles of other pages.
HTML_SKIPPED = etree.XPath(
    "//head | //script | //style | //pre | //nav | //sup | //*[@id='banner' or @id='title']"
    " | //*[contains(concat(' ', @class, ' '), ' docnav ') or contains(concat(' ', @class, ' '), ' toc ')]"
)

MALLARD_BLOCKS = "p title subtitle desc item td th cite"
# `code` is a listing if it is on its own, and a part of the sentence inside a paragraph.
MALLARD_SKIPPED = etree.XPath(
    "//m:credit | //m:license | //m:comment | //m:screen | //m:info/m:title"
    " | //m:code[not(ancestor::m:p or ancestor::m:title or ancestor::m:desc)]",
    namespaces={"m": "http://projectmallard.org/1.0/"},
)
MALLARD_SEPARATORS = {"keyseq": "+", "guiseq": " ▸ "}  # rendered between keys, and between menu items


def page_paragraphs(path: Path) -> list[str]:
    """Extract the paragraphs of a page, in reading order, with white space collapsed.

    Args:
        path: a Mallard (`*.page`) or HTML (`*.html`) file.
    """
    return (mallard_paragraphs if path.suffix == ".page" else html_paragraphs)(path.read_bytes())


def html_paragraphs(page: bytes) -> list[str]:
    """Extract the paragraphs of an HTML page: titles, paragraphs, list items, cells."""
    root = _parse(page, etree.HTMLParser(remove_comments=True, remove_pis=True))
    return _paragraphs(root, HTML_SKIPPED(root), HTML_BLOCKS)


def mallard_paragraphs(page: bytes) -> list[str]:
    """Extract the paragraphs of a Mallard page: description, titles, paragraphs, list items, cells."""
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=False, recover=True)
    root = _parse(page, parser)
    for name, separator in MALLARD_SEPARATORS.items():
        for sequence in root.iter("{*}" + name):
            for part in sequence[:-1]:
                part.tail = separator
    return _paragraphs(root, MALLARD_SKIPPED(root), MALLARD_BLOCKS)


def _parse(page: bytes, parser: etree.XMLParser | etree.HTMLParser) -> etree._Element:
    """Parse a page; an empty page gives an empty element."""
    root = etree.fromstring(page, parser) if page.strip() else None
    return etree.Element("empty") if root is None else root


def _paragraphs(root: etree._Element, skipped: list[etree._Element], blocks: str) -> list[str]:
    """Split the text at both ends of every block, so that a nested block is a paragraph of its own."""
    for element in skipped:
        del element[:]
        element.text = None
    for block in root.iter(*("{*}" + name for name in blocks.split())):
        block.text = SEPARATOR + (block.text or "")
        block.tail = SEPARATOR + (block.tail or "")
    return paragraphs(root.xpath("string()").translate(LINE_BREAKS))
