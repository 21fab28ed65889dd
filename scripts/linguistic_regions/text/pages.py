"""The running text of a documentation page, HTML or Mallard (GNOME's help format), as paragraphs."""

from pathlib import Path

from lxml import etree

from linguistic_regions.text.documents import paragraphs

MARK = "\u2029"  # Unicode's paragraph separator: legal in XML, in no page, and a line break to `paragraphs`
LINE_BREAKS = str.maketrans("\r\n", "  ")  # in a page these are mere spaces

HTML_BLOCKS = (
    "p div section article main body blockquote caption figcaption table tr th td ul ol li dl dt dd br pre"
    " h1 h2 h3 h4 h5 h6"
)
# Terminal dumps and code are no language; tables of contents and navigation repeat the titles of other pages.
HTML_SKIPPED = etree.XPath(
    "//head | //script | //style | //pre | //nav | //sup | //*[@id='banner' or @id='title']"
    " | //*[contains(concat(' ', @class, ' '), ' docnav ') or contains(concat(' ', @class, ' '), ' toc ')]"
)

MALLARD_BLOCKS = "p title subtitle desc item td th cite"
# `code` is a dump where it stands by itself, and a word of the sentence where it stands inside a paragraph.
MALLARD_SKIPPED = etree.XPath(
    "//m:credit | //m:license | //m:comment | //m:screen | //m:info/m:title"
    " | //m:code[not(ancestor::m:p or ancestor::m:title or ancestor::m:desc)]",
    namespaces={"m": "http://projectmallard.org/1.0/"},
)
MALLARD_JOINTS = {"keyseq": "+", "guiseq": " ▸ "}  # what a reader sees between the keys, and between the menus


def page_paragraphs(path: Path) -> list[str]:
    """Extract the paragraphs of a page, in reading order, white space folded.

    Args:
        path: A file `*.page` (Mallard) or `*.html`.
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
    for name, joint in MALLARD_JOINTS.items():
        for sequence in root.iter("{*}" + name):
            for part in sequence[:-1]:
                part.tail = joint
    return _paragraphs(root, MALLARD_SKIPPED(root), MALLARD_BLOCKS)


def _parse(page: bytes, parser: etree.XMLParser | etree.HTMLParser) -> etree._Element:
    """Parse what can be parsed; of an empty page make an empty element."""
    root = etree.fromstring(page, parser) if page.strip() else None
    return etree.Element("empty") if root is None else root


def _paragraphs(root: etree._Element, skipped: list[etree._Element], blocks: str) -> list[str]:
    """Cut the text at both ends of every block: a block in a block is its own paragraph, no text comes twice."""
    for element in skipped:
        del element[:]
        element.text = None
    for block in root.iter(*("{*}" + name for name in blocks.split())):
        block.text = MARK + (block.text or "")
        block.tail = MARK + (block.tail or "")
    return paragraphs(root.xpath("string()").translate(LINE_BREAKS))
