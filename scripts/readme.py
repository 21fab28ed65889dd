"""Show the demo's results in the README: `collect` extracts them from a run, `render` writes them to the README."""

import json
from datetime import UTC, datetime
from pathlib import Path

from linguistic_regions.reporting import demo
from linguistic_regions.reporting.figures.overview import overview
from linguistic_regions.reporting.figures.style import save, styled
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, read_json
from linguistic_regions.statistics.domains import first
from linguistic_regions.statistics.tables import read_folder
from linguistic_regions.text.kinship import close_languages
from linguistic_regions.text.languages import names as language_names

ROOT = Path(__file__).parents[1]


def collect(*, results: Path = ROOT / "results" / "demo", docs: Path = ROOT / "docs") -> None:
    """Extract the README's values and figure from a run, as demo.json and demo.svg; without a run nothing changes.

    Args:
        results: folder of the run.
        docs: folder for the two files.
    """
    record = results / "provenance.json"
    if not record.exists():
        print(f"{results}: no finished run; {docs / 'demo.json'} was not changed")
        return
    tables, config, made = read_folder(results / "tables"), read_json(results / "config.json"), read_json(record)
    if "removal" not in tables:
        raise UserError(f"{results / 'tables'}: no removal.csv; run the demo first (make run)")
    date = made.get("date") or datetime.fromtimestamp(record.stat().st_mtime, UTC).date().isoformat()
    shown = demo.collect(tables, config, made, str(date), language_names(), close_languages(list(language_names())))
    with atomic_write(docs / "demo.json") as part:
        part.write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with styled():
        figure = overview(first(tables["removal"]), config["languages"])
        if figure is not None:
            save(figure, docs / "demo", ["svg"])


def render(*, readme: Path = ROOT / "README.md", docs: Path = ROOT / "docs") -> None:
    """Render demo.json between the README's markers.

    Args:
        readme: file with the markers.
        docs: folder of demo.json.

    Raises:
        UserError: if the file does not have each marker exactly once, in order.
    """
    shown = docs / "demo.json"
    new = demo.block(read_json(shown) if shown.exists() else None)
    old = readme.read_text(encoding="utf-8")
    try:
        text = demo.replaced(old, new)
    except ValueError as error:
        raise UserError(f"{readme}: {error}") from None
    if text != old:
        with atomic_write(readme) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(collect, render)
