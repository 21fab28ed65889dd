"""Which jobs a config asks for: what Snakemake would plan in an empty folder."""

from pathlib import Path

from linguistic_regions.planning import catalog, corpora, plan
from linguistic_regions.regions.recipes import Recipes, needed


def packages(config: dict) -> set[str]:
    """The Debian packages that text comes from."""
    return {name for text in corpora.texts(config) for name in corpora.packages(config, text)}


def regions(config: dict) -> Recipes:
    """The regions that a run builds: those that it removes, those of the arms, and what these are made of."""
    names = plan.removed(config)
    for experiment in ("retraining", "freezing"):
        for training in plan.trainings(config, experiment):
            names += [Path(file).stem for file in plan.arm_regions(config, experiment, training["arm"]).values()]
    declared = catalog.declared(config)
    return {made: recipe for name in names for made, recipe in needed(name, declared).items()}


def scores(config: dict) -> list[tuple[str, str]]:
    """The estimator and language of each job that scores importance: what regions or the table of stability ask for."""
    wanted = [folder for recipe in regions(config).values() for folder in recipe.get("scores", [])]
    wanted += [f"{Path(path).parent.name}/{Path(path).stem}" for path in plan.stability(config)]
    return sorted({tuple(name.split("/")[:2]) for name in wanted})


def trained(config: dict) -> list[str]:
    """The languages on which pretraining is continued: those that are scored there, and those of the table."""
    scored = {language for _, language in scores(config)} if config["importance"]["at"] == "further" else set()
    return sorted(scored | {Path(path).stem for path in plan.evidence(config).get("further", [])})
