"""The jobs of a run, as Snakemake would plan them in an empty folder."""

from pathlib import Path

from linguistic_regions.planning import catalog, corpora, plan
from linguistic_regions.regions.recipes import Recipes, needed, ranked_by


def packages(config: dict) -> set[str]:
    """The Debian packages that are downloaded."""
    return {name for text in corpora.texts(config) for name in corpora.packages(config, text)}


def regions(config: dict) -> Recipes:
    """The recipes of the regions that a run builds: those removed or compared, those of the arms, and their
    dependencies."""
    names = plan.removed_regions(config) + list(plan.compared_tops(config).values())
    for experiment in ("retraining", "freezing"):
        for training in plan.trainings(config, experiment):
            names += [
                Path(file).stem
                for file in plan.arm_regions(config, experiment, training["arm"], training["seed"]).values()
            ]
    declared = catalog.declared(config)
    return {region: recipe for name in names for region, recipe in needed(name, declared).items()}


def needs_outliers(config: dict) -> bool:
    """Whether a region that the run builds selects outliers."""
    return any(plan.outlier_files(recipe) for recipe in regions(config).values())


def scores(config: dict) -> list[tuple[str, str]]:
    """The estimator and language of each scoring job, which regions or the table `stability` need."""
    folders = [folder for recipe in regions(config).values() for folder in ranked_by(recipe)]
    folders += [f"{Path(path).parent.name}/{Path(path).stem}" for path in plan.stability(config)]
    return sorted({tuple(name.split("/")[:2]) for name in folders})


def continued_languages(config: dict) -> list[str]:
    """The languages of continued pre-training: those whose models are scored, and those of the table `further`."""
    scored = {language for _, language in scores(config)} if config["importance"]["at"] == "further" else set()
    return sorted(scored | {Path(path).stem for path in plan.evidence(config).get("further", [])})
