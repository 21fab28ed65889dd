"""Source `debian`: documentation and fortunes packages, which `scripts/fetch_package.py` has downloaded.

A document is a page of documentation, or an entry of a fortunes package. Translations are often partial, so English
paragraphs are dropped from them: those equal to one of the package's English pages, and those that look English (see
`untranslated`).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.documents import Document
from linguistic_regions.text.fortunes import entries
from linguistic_regions.text.languages import language
from linguistic_regions.text.pages import page_paragraphs
from linguistic_regions.text.untranslated import is_english

LAYOUTS = {"usr/share/help/{}": "*.page", "usr/share/doc/*/html/{}": "*.html"}  # a language's folder: its pages


class Debian:
    """The documents of one language in some packages.

    Args:
        code: The language.
        packages: Folders that `fetch_package.py` made.
    """

    def __init__(self, code: str, packages: Sequence[Path]):
        self.code = code
        self.packages = [(folder, _description(folder)) for folder in packages]
        self.untranslated = 0

    def __iter__(self) -> Iterator[Document]:
        self.untranslated = 0
        found = False
        for folder, description in self.packages:
            name = description["package"]
            row = language(self.code)
            if name == row["fortunes"]:
                english, pages = set(), entries(folder, row["fortune_files"])
            else:
                english = {paragraph for _, page in _pages(folder, "en") for paragraph in page}
                pages = _pages(folder, self.code)
            for page_id, page in pages:
                found = True
                kept = page if self.code == "en" else self._translated(page, english)
                yield Document(f"{name}/{page_id}", "\n".join(kept), name)
        if not found:
            names = ", ".join(description["package"] for _, description in self.packages)
            raise UserError(
                f"no text in {row['name']} in {names} (folders: {row['debian'] or 'none'}): "
                "choose another source for this language"
            )

    def origin(self) -> dict:
        return {
            "packages": [description for _, description in self.packages],
            "untranslated_paragraphs": self.untranslated,
        }

    def _translated(self, page: list[str], english: set[str]) -> list[str]:
        script = language(self.code)["script"]
        kept = [text for text in page if text not in english and not is_english(text, script)]
        self.untranslated += len(page) - len(kept)
        return kept


def _description(folder: Path) -> dict:
    try:
        return json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{folder} is no package that fetch_package.py made: run it first") from None


def _pages(folder: Path, code: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each page of a language with its path below the language's folder, which translations share.

    Where a package has several variants of a language, the first that the table names is used: two variants of one
    page are near copies, and would fall into different splits.
    """
    for layout, names in LAYOUTS.items():
        for locale in language(code)["debian"].split():
            roots = sorted(folder.glob(layout.format(locale)))
            for root in roots:
                for page in sorted(root.rglob(names)):
                    yield page.relative_to(root).as_posix(), page_paragraphs(page)
            if roots:
                break
