"""Entries of Debian's fortunes packages (quotations, proverbs, verse), which are separated by a line with %."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

FOLDER = PurePosixPath("usr/share/games/fortunes")
OFFENSIVE = "off"  # folder of entries that are marked as offensive
INDEX = (".dat", ".u8")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # terminal escape sequences
ATTRIBUTION = re.compile(r"\s*(--|\u2014|\u2015)")
SPACELESS = re.compile(r"(?<=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]) (?=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef])")


def is_fortune(name: str) -> bool:
    """Whether an archive member, such as `./usr/share/games/fortunes/ru/love`, is a file of entries."""
    path = PurePosixPath(name)
    return FOLDER in path.parents and OFFENSIVE not in path.parts and path.suffix not in INDEX


def entries(folder: Path, files: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the id (file name and number) and the paragraphs of each entry of an extracted package.

    Lines are wrapped for a terminal, so the lines of a paragraph are joined. A line that names the author is a
    paragraph of its own.

    Args:
        folder: the package, extracted by `fetch_package.py`.
        files: names of the files to read, separated by spaces; empty: all.
    """
    paths = [path for path in (folder / FOLDER).rglob("*") if path.is_file()]
    for path in sorted(path for path in paths if not files or path.name in files.split()):
        text = COLOURS.sub("", path.read_text(encoding="utf-8"))
        for number, entry in enumerate(re.split(r"^%.*$", text, flags=re.MULTILINE)):
            yield f"{path.relative_to(folder / FOLDER).as_posix()}/{number}", _paragraphs(entry)


def _paragraphs(entry: str) -> list[str]:
    gathered: list[list[str]] = [[]]
    for line in entry.splitlines():
        if not line.strip() or ATTRIBUTION.match(line):
            gathered.append([])
        gathered[-1].append(line.strip())
    joined = (" ".join(" ".join(lines).split()) for lines in gathered)
    return [SPACELESS.sub("", paragraph) for paragraph in joined if paragraph]
