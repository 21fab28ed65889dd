"""Source `debian`: documentation and fortunes packages, downloaded by `scripts/fetch_package.py`.

A document is a page of documentation, or an entry of a fortunes package. Translations are often incomplete, so
paragraphs in English are dropped from them: those that also occur in the package's English pages, and those that look
like English (see `untranslated`).
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

LAYOUTS = {"usr/share/help/{}": "*.page", "usr/share/doc/*/html/{}": "*.html"}  # folder of a locale: its pages


class Debian:
    """The documents of one language in several packages.

    Args:
        code: code of the language.
        packages: folders made by `fetch_package.py`.

    Raises:
        UserError: a folder was not made by `fetch_package.py`, or the packages have no text in the language.
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
                "choose another package or source for this language"
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
        raise UserError(f"{folder} has no readable package.json: download the package with fetch_package.py") from None


def _pages(folder: Path, code: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the path of each page below the language's folder, which translations share, and its paragraphs.

    If a package has several variants of a language, only the first one in the table of languages is used: variants of
    a page are nearly identical, and could end up in different splits.
    """
    for layout, names in LAYOUTS.items():
        for locale in language(code)["debian"].split():
            roots = sorted(folder.glob(layout.format(locale)))
            for root in roots:
                for page in sorted(root.rglob(names)):
                    yield page.relative_to(root).as_posix(), page_paragraphs(page)
            if roots:
                break
