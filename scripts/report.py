"""Write the report of a run, or a page that compares two runs: self-contained HTML files."""

from pathlib import Path
from typing import Annotated

import tyro

from linguistic_regions.model import naming
from linguistic_regions.reporting import citation, comparison, paper, report
from linguistic_regions.runtime import cli
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Folder, OutputFile
from linguistic_regions.runtime.storage import atomic_write, read_json
from linguistic_regions.statistics.tables import read_folder
from linguistic_regions.text.languages import names as language_names


def write(
    *,
    tables: Folder,
    figures: Folder,
    output: OutputFile,
    config: Path | None = None,
    provenance: Path | None = None,
    manifests: tuple[Path, ...] = (),
    languages: tuple[str, ...] = (),
    model: Path | None = None,
    model_name: str | None = None,
    evidence: tuple[Path, ...] = (),
    paper_figures: Folder = paper.RESOURCES / "paper",
    citations: Path = citation.FILE,
    template: Path = report.TEMPLATE,
) -> None:
    """Write the report of a run: a self-contained HTML file with findings, tables and figures.

    Example: .venv/bin/python scripts/report.py write --tables results/demo/tables --figures results/demo/figures
    --output report.html

    Args:
        tables: folder with the run's tables.
        figures: folder with the run's figures as SVG.
        output: the HTML file.
        config: JSON file with the run's settings.
        provenance: JSON file with the software, data and hardware of the run.
        manifests: manifest files of the texts.
        languages: language codes in display order.
        model: folder of the base model, if it was fetched; its source.json has the model's name.
        model_name: name of the run's model in the report; None: from `model`.
        evidence: folders of the evaluations, which the report links to; those that were removed are left out.
        paper_figures: folder with the paper's values.
        citations: the Citation File Format's file of this software, which names the paper too.
        template: Jinja template of the report.
    """
    linked = [path for path in sorted(tables.glob("*")) if path.suffix in (".csv", ".md")]
    linked += [path for path in sorted(figures.glob("*")) if path.suffix in (".svg", ".png")]
    linked += [path for path in evidence if path.is_dir()]
    linked += [path for path in (config, provenance) if path]
    page = report.render(
        tables=read_folder(tables),
        figures=report.embed(figures),
        config=read_json(config) if config else {},
        provenance=read_json(provenance) if provenance else {},
        manifests=[read_json(path) for path in manifests],
        languages=languages,
        model=naming.run_model_name(model_name, model),
        names=language_names(),
        printed=paper.load(paper_figures),
        cited=citation.load(citations),
        links=report.links_to(linked, output),
        template=template,
    )
    with atomic_write(output) as part:
        part.write_text(page, encoding="utf-8")


def compare(
    first: Annotated[Folder, tyro.conf.Positional],
    second: Annotated[Folder, tyro.conf.Positional],
    /,
    *,
    output: Annotated[OutputFile, tyro.conf.arg(aliases=["-o"])],
) -> None:
    """Write a page with two runs beside each other: what made them, their effects with differences, and verdicts.

    Example: .venv/bin/python scripts/report.py compare results/demo results/other --output comparison.html

    Args:
        first: folder of a finished run, such as results/demo.
        second: folder of another run.
        output: the HTML file.
    """
    if output.suffix != ".html":
        raise UserError(f"--output: {output}: name a file that ends in .html")
    if any(output.resolve() == (folder / "report.html").resolve() for folder in (first, second)):
        raise UserError(f"--output: {output} is the report of one of the runs: name another file")
    page = comparison.render(comparison.read(first), comparison.read(second))
    with atomic_write(output) as part:
        part.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    cli.run(write, compare)
