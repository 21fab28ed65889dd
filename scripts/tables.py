"""Compute the result tables from the evidence, and the paper's tables with this run's figures beside.

python scripts/tables.py --removal results/demo/evaluations/perplexity/*.parquet --output results/demo/tables
"""

from pathlib import Path

from linguistic_regions.model import naming
from linguistic_regions.reporting import paper
from linguistic_regions.runtime import cli
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.statistics import tables
from linguistic_regions.statistics.domains import first
from linguistic_regions.text.languages import names as language_names


def main(
    *,
    output: Path,
    removal: tuple[Path, ...] = (),
    retraining: tuple[Path, ...] = (),
    freezing: tuple[Path, ...] = (),
    further: tuple[Path, ...] = (),
    stability: tuple[Path, ...] = (),
    languages: tuple[str, ...] = (),
    domains: tuple[str, ...] = (),
    model: Path | None = None,
    model_name: str | None = None,
    paper_figures: Path = paper.RESOURCES / "paper",
) -> None:
    """Compute the result tables from the evidence, and the paper's tables with this run's figures beside.

    A table without evidence is not written; one that an earlier config left there is removed.

    Args:
        output: folder for the tables (CSV) and the paper's tables (paper_*.md).
        removal: evidence of the perplexity of the intact model and without regions.
        retraining: evidence of training on after a removal.
        freezing: evidence of continued pretraining with a region frozen.
        further: evidence of continued pretraining per language.
        stability: pieces of the table of how well the regions of two halves of the samples agree.
        languages: language codes in the order in which rows stand.
        domains: kinds of text, likewise; the paper's tables show the first.
        model: folder of the base model, if it was fetched: source.json there has its name.
        model_name: name under which this run's figures stand in the paper's tables; None: what `model` says.
        paper_figures: folder with the paper's figures.
    """
    measured = {"removal": removal, "retraining": retraining, "freezing": freezing, "further": further}
    found = {name: tables.from_evidence(paths, name) for name, paths in measured.items() if paths}
    if stability:
        found["stability"] = tables.joined(stability, "stability")
    made = {name: tables.ordered(table, name, languages, domains) for name, table in found.items()}
    for left in [*(output / f"{name}.csv" for name in (*measured, "stability")), *output.glob("paper_*.md")]:
        left.unlink(missing_ok=True)
    for name, table in made.items():
        tables.write(table, output / f"{name}.csv")

    made = {name: first(table) for name, table in made.items()}
    printed = paper.load(paper_figures)
    names, model_name = language_names(), naming.run_model_name(model_name, model)
    pages = {}
    if "removal" in made:
        pages["paper_core_removal"] = paper.core_removal(made["removal"], model_name, names, printed["core_removal"])
        pages["paper_monolingual"] = paper.monolingual(made["removal"], model_name, names, printed["monolingual"])
    if "retraining" in made:
        pages["paper_retraining"] = paper.retraining(made["retraining"], model_name, names, printed["retraining"])
    for name, grids in pages.items():
        if grids:
            with atomic_write(output / f"{name}.md") as part:
                part.write_text(paper.markdown(grids), encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
