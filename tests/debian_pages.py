"""Packages of documentation as fetch_package.py leaves them, made on the spot."""

import json
from pathlib import Path


def write_pages(folder: Path, name: str, pages: dict[str, str]) -> Path:
    """A package as fetch_package.py leaves it."""
    for path, text in pages.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "package.json").write_text(json.dumps({"package": name, "version": "1", "sha256": "0"}))
    return folder


def mallard(*lines: str) -> str:
    body = "".join(f"<p>{line}</p>" for line in lines)
    return f'<page xmlns="http://projectmallard.org/1.0/"><info><desc>About</desc></info>{body}</page>'


# Splits
