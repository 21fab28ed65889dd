"""Which jobs a config asks for: what Snakemake would plan in an empty folder, in a moment."""

from itertools import product
from pathlib import Path

from linguistic_regions.planning import catalog, plan
from linguistic_regions.regions import recipes
from linguistic_regions.regions.recipes import Recipes


def packages(config: dict) -> set[str]:
    """The Debian packages that text comes from."""
    return {name for text in plan.texts(config) for name in plan.packages(config, text)}


def wanted_regions(config: dict) -> Recipes:
    """The regions that a run builds: those that it removes, those of the arms, and what these are made of."""
    names = [name for job in plan.removals(config).values() for name in job]
    for experiment in ("retraining", "freezing"):
        if experiment in config["experiments"]:
            settings = config[experiment]
            files = plan.arm_regions("+".join(settings["arms"]), settings["ratio"]).values()
            names += [Path(file).stem for file in files]
    declared = catalog.declared(config)
    return {needed: recipe for name in names for needed, recipe in recipes.needed(name, declared).items()}


def region_jobs(config: dict) -> dict[str, list[Recipes]]:
    """The jobs of the rules core_regions (top and bottom at one cut), monolingual_regions (all in one) and region (one
    each): what each builds."""
    wanted = wanted_regions(config)
    core = [name for name, recipe in wanted.items() if recipe.get("label", {}).get("target") == "core"]
    cuts = {name.split("-", 1)[1] for name in core if not name.startswith("random-")}
    monolingual = catalog.monolingual(config)
    jobs = {
        "core_regions": [plan.core_cut(config, cut) for cut in sorted(cuts)],
        "monolingual_regions": [monolingual] if monolingual.keys() & wanted.keys() else [],
    }
    together = {name for each in jobs.values() for made in each for name in made}
    return jobs | {"region": [{name: recipe} for name, recipe in wanted.items() if name not in together]}


def language_jobs(config: dict) -> dict[str, list[list[str]]]:
    """The jobs of further pre-training and of importance, of which there is one rule each: their languages.

    Importance is scored where a region asks for it, models are further pre-trained where importance does; and all of
    them for the tables of the scores' stability and of the models' perplexity.
    """
    regions = [made for jobs in region_jobs(config).values() for made in jobs]
    scored = {Path(folder).parent.name for made in regions for folder in plan.scores(made)}
    if config["experiments"] and plan.checks(config):
        scored |= set(config["importance"]["languages"])
    trained = scored if config["importance"]["at"] == "further" else set()
    if config["experiments"] and trained:
        trained = trained | set(config["further"]["languages"])
    return {"further": _chunks(config, "further", trained), "importance": _chunks(config, "importance", scored)}


def arm_jobs(config: dict, experiment: str) -> list[list[str]]:
    """The jobs of `retraining` or `freezing`: their arms; one for each language, rate and seed."""
    if experiment not in config["experiments"]:
        return []
    settings = config[experiment]
    repeats = product(settings["languages"], settings.get("learning_rates", [0]), settings.get("seeds", [0]))
    return [job.split("+") for _ in repeats for job in plan.chunks(settings["arms"], config["jobs"]["arms"])]


def _chunks(config: dict, rule: str, languages: set[str]) -> list[list[str]]:
    jobs = plan.chunks(config[rule]["languages"], config["jobs"]["languages"])
    return [job.split("+") for job in jobs if languages & set(job.split("+"))]
