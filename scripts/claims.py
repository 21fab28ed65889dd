"""Judge the paper's claims and their controls by a run's tables and evidence."""

from pathlib import Path

from linguistic_regions.claims.claims import CLAIMS, judged
from linguistic_regions.claims.run import Run
from linguistic_regions.reporting import claims, paper
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import File, Folder, OutputFile
from linguistic_regions.statistics import evidence
from linguistic_regions.statistics.tables import read_folder, write
from linguistic_regions.text.kinship import close_languages
from linguistic_regions.text.languages import names


def judge(
    *,
    tables: Folder,
    output: OutputFile,
    removal: tuple[File, ...] = (),
    direct: tuple[File, ...] = (),
    prompted: tuple[File, ...] = (),
    paper_figures: Path = paper.RESOURCES / "paper",
) -> None:
    """Write the claims table of a run: estimates with intervals, tests and verdicts.

    Example: .venv/bin/python scripts/claims.py judge --tables results/demo/tables --removal
    results/demo/evaluations/perplexity/intact.parquet results/demo/evaluations/perplexity/core-0.01.parquet --output
    claims.csv

    Args:
        tables: folder with the run's tables.
        output: the table, CSV.
        removal: evidence files of the intact model and of removals.
        direct: evidence files of minimal pairs scored directly.
        prompted: evidence files of minimal pairs that prompts ask about.
        paper_figures: folder with the paper's values.
    """
    if output.parent.absolute() == tables.absolute() and output.name != "claims.csv" and output.exists():
        raise UserError(f"--output: {output} is one of the run's tables: name another file")
    pairs = {"direct": evidence.read(direct, "margin")[0], "prompted": evidence.read(prompted, "margin")[0]}
    close = close_languages(list(names()))
    measured = Run(read_folder(tables), *evidence.read(removal, "window"), close, **pairs, names=names())
    write(judged(measured, paper.load(paper_figures)), output)


def page() -> None:
    """Print docs/claims.md, the rule of each claim."""
    print(claims.page(CLAIMS, paper.load()), end="")


if __name__ == "__main__":
    run(judge, page)
