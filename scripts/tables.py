"""Compute the result tables from evidence, and the paper's tables with this run's values."""

import logging
from pathlib import Path

from linguistic_regions.model import naming
from linguistic_regions.reporting import paper
from linguistic_regions.reporting.generations import grids as layout
from linguistic_regions.runtime import cli
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import File, OutputFolder
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.statistics import effects, evidence, probes, selectivity, tables
from linguistic_regions.statistics.domains import first
from linguistic_regions.statistics.fidelity import correlations
from linguistic_regions.statistics.fidelity import read as read_weights
from linguistic_regions.text.languages import names as language_names

WRITTEN = (
    "removal",
    "retraining",
    "freezing",
    "further",
    "generations",
    "lm_eval",
    "probes",
    "probe_differences",
    "probe_prompts",
    "stability",
    "fidelity",
    "selectivity",
    "effects",
)


def main(
    *,
    output: OutputFolder,
    removal: tuple[File, ...] = (),
    retraining: tuple[File, ...] = (),
    freezing: tuple[File, ...] = (),
    further: tuple[File, ...] = (),
    generations: tuple[File, ...] = (),
    lm_eval: tuple[File, ...] = (),
    direct: tuple[File, ...] = (),
    prompted: tuple[File, ...] = (),
    stability: tuple[File, ...] = (),
    fidelity: tuple[File, ...] = (),
    outliers: File | None = None,
    languages: tuple[str, ...] = (),
    domains: tuple[str, ...] = (),
    model: Path | None = None,
    model_name: str | None = None,
    paper_figures: Path = paper.RESOURCES / "paper",
) -> None:
    """Compute the result tables from evidence, and the paper's tables with this run's values.

    A table without evidence is not written, and is removed if an earlier config left one.

    Example: .venv/bin/python scripts/tables.py --removal results/demo/evaluations/perplexity/intact.parquet
    results/demo/evaluations/perplexity/core-0.01.parquet --model results/demo/models/base --output tables

    Args:
        output: folder for the tables (CSV), the paper's tables (paper_*.md) and what the model said (generations.md).
        removal: evidence files of the intact model and of removals.
        retraining: evidence files of retraining after a removal.
        freezing: evidence files of continued pre-training with a region frozen.
        further: evidence files of continued pre-training per language.
        generations: evidence files of continued prompts.
        lm_eval: evidence files of tasks of the evaluation harness.
        direct: evidence files of minimal pairs scored directly.
        prompted: evidence files of minimal pairs that prompts ask about.
        stability: parts of the table of agreement between the regions of two halves of the samples.
        fidelity: exact changes of the loss and scores of single weights, a table per language.
        outliers: the table of outliers.py, which stays; without it, one that an earlier config left is removed too.
        languages: language codes in row order.
        domains: domains in row order; the paper's tables show the first.
        model: folder of the base model, if it was fetched; its source.json has the model's name.
        model_name: name of the model in the paper's tables; None: from `model`.
        paper_figures: folder with the paper's values.
    """
    measured = {
        "removal": removal,
        "retraining": retraining,
        "freezing": freezing,
        "further": further,
        "generations": generations,
        "lm_eval": lm_eval,
    }
    if not any((*measured.values(), direct, prompted, stability, fidelity)):
        raise UserError("no evidence is given, and tables without evidence are removed: name its files (--removal ...)")
    found = {name: tables.from_evidence(paths, name) for name, paths in measured.items() if paths}
    if removal:
        items, labels = evidence.read(removal, "window")
        found["selectivity"] = selectivity.by_region(items, labels)
        found["effects"] = effects.effects(items, labels, found["selectivity"])
    if stability:
        found["stability"] = tables.joined(stability, "stability")
    if fidelity:
        found["fidelity"] = correlations(read_weights(fidelity))
    found = {name: table for name, table in found.items() if len(table)}
    if direct or prompted:
        (scored, labels), (asked, others) = evidence.read(direct, "margin"), evidence.read(prompted, "filler")
        found |= probes.tables(scored, asked, labels | others)
    made = {name: tables.ordered(table, name, languages, domains) for name, table in found.items()}
    old_tables = [output / f"{name}.csv" for name in (*WRITTEN, *["outliers"] * (outliers is None))]
    for old in [*old_tables, *output.glob("paper_*.md"), output / "generations.md"]:
        if old.suffix == ".csv" and old.exists() and old.stem not in made:
            logging.info("%s: removed, because no evidence of it is given", old)
        old.unlink(missing_ok=True)
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
    if "generations" in made:
        pages["generations"] = layout(made["generations"], names)
    for name, grids in pages.items():
        if grids:
            with atomic_write(output / f"{name}.md") as part:
                part.write_text(paper.markdown(grids), encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
