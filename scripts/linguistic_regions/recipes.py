"""Recipes: which regions a run declares, by name, and how one is made. Needs numpy and safetensors only.

A recipe is a dict of JSON values with one of these shapes (scores are folders below importance/, "language/samples"):

    {select: top | bottom, scores: [...], ratio: r, scope: tensor | model}    ranked by the sum of the scores
    {select: top | bottom, scores: [...], like: region}                       as many per matrix as that region
    {select: random, like: region, seed: n}                                   the same, drawn at random
    {select: union | intersection, of: [region, ...]}
    {select: difference, of: [region, ...]}                                   the first without the others
    {select: complement, of: [region]}                                        all selectable weights but those

An optional `label` says what the region stands for in the tables: kind, ratio, samples, replicate, scope, target.
"""

from collections.abc import Callable
from functools import lru_cache, reduce
from pathlib import Path

from linguistic_regions import regions
from linguistic_regions.commands import UserError
from linguistic_regions.regions import Region
from linguistic_regions.scores import Scores

Recipes = dict[str, dict]


def catalog(config: dict) -> Recipes:
    """All regions that a config declares: those of the experiments, and its own under `regions`."""
    training = [core_at(config, config[name]["ratio"]) for name in ("retraining", "freezing")]
    built_in = reduce(lambda a, b: a | b, [core(config), *training, monolingual(config)])
    return built_in | config["regions"]


def core(config: dict) -> Recipes:
    """Experiment 1: top, bottom and random regions of the languages' summed importance (paper, section 3)."""
    removal = config["removal"]
    recipes = {}
    for scope in removal["scopes"]:
        for ratio in removal["ratios"]:
            recipes |= core_at(config, ratio, scope, removal["replicates"])
    return recipes


def core_at(config: dict, ratio: float, scope: str = "tensor", replicates: int = 1) -> Recipes:
    """The core region at one ratio, its bottom counterpart, and random controls of its size."""
    importance = config["importance"]
    samples = importance["samples"][-1]
    suffix = "" if scope == "tensor" else f"-{scope}"
    scores = [f"{language}/{samples}" for language in importance["languages"]]
    ranked = {"scores": scores, "ratio": ratio, "scope": scope}
    recipes = {
        f"{kind}-{ratio:g}{suffix}": {
            "select": kind,
            **ranked,
            "label": _label(kind, ratio, samples, scope=scope, target="core"),
        }
        for kind in ("top", "bottom")
    }
    for replicate in range(1, replicates + 1):
        recipes[f"random-{ratio:g}{suffix}-{replicate}"] = {
            "select": "random",
            "like": f"top-{ratio:g}{suffix}",
            "seed": config["seed"] + replicate,
            "label": _label("random", ratio, samples, replicate, scope, "core"),
        }
    return recipes


def monolingual(config: dict) -> Recipes:
    """Experiment 2: what is in the top of one language and in no other's (paper, section 4), and controls."""
    settings = config["monolingual"]
    languages, ratio = settings["languages"], settings["ratio"]
    recipes = {}
    for samples in config["importance"]["samples"]:
        tops = {language: f"top-{language}-{samples}" for language in languages}
        for language, top in tops.items():
            ranked = {"scores": [f"{language}/{samples}"], "ratio": ratio, "scope": "tensor"}
            recipes[top] = {"select": "top", **ranked, "label": _label("top", ratio, samples, target=language)}
        for language, top in tops.items():

            def label(kind: str, replicate: int = 0, language: str = language, samples: int = samples) -> dict:
                return _label(kind, ratio, samples, replicate, target=language)

            name = f"monolingual-{language}-{samples}"
            others = [tops[other] for other in languages if other != language]
            recipes[name] = {"select": "difference", "of": [top, *others], "label": label("monolingual")}
            bottom = {"select": "bottom", "scores": [f"{language}/{samples}"], "like": name}
            recipes[f"{name}-bottom"] = {**bottom, "label": label("bottom")}
            for replicate in range(1, settings["replicates"] + 1):
                drawn = {"select": "random", "like": name, "seed": config["seed"] + replicate}
                recipes[f"{name}-random-{replicate}"] = {**drawn, "label": label("random", replicate)}
    return recipes


def _label(kind: str, ratio: float, samples: int, replicate: int = 0, scope: str = "tensor", target: str = "") -> dict:
    return {
        "kind": kind,
        "ratio": ratio,
        "samples": samples,
        "replicate": replicate,
        "scope": scope,
        "target": target,
    }


def ingredients(recipe: dict) -> list[str]:
    """The names of the regions that a recipe needs."""
    return [recipe["like"]] if "like" in recipe else recipe.get("of", [])


def needed(name: str, recipes: Recipes) -> Recipes:
    """The recipe `name` and all that it needs, ingredients first.

    Raises:
        UserError: a region is not declared, or is made of itself.
    """
    found: Recipes = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise UserError(f"regions.{path[0]}: it is made of itself ({' of '.join((*path, name))})")
        if name not in recipes:
            raise UserError(f"regions.{path[-1] if path else name}: no region {name!r} is declared")
        for ingredient in ingredients(recipes[name]):
            visit(ingredient, (*path, name))
        found.setdefault(name, recipes[name])

    visit(name, ())
    return found


def build(made: Recipes, importance: Path, built: Callable[[str], Region]) -> dict[str, Region]:
    """Regions by recipe; nothing is computed before their masks are asked for, and sums of scores are shared.

    Args:
        made: as described above, ingredients first.
        importance: the folder of the scores.
        built: gives an ingredient that is not among `made`, by its name.
    """
    sums = lru_cache(maxsize=None)(lambda *folders: Scores(importance / folder for folder in folders))
    found: dict[str, Region] = {}
    for name, recipe in made.items():
        parts = [found[part] if part in found else built(part) for part in ingredients(recipe)]
        found[name] = _make(recipe, parts, sums)
    return found


def _make(recipe: dict, parts: list[Region], sums: Callable[..., Scores]) -> Region:
    kind = recipe["select"]
    if kind in ("top", "bottom"):
        like = parts[0] if parts else None
        scope = recipe.get("scope", "tensor")
        return regions.select(sums(*recipe["scores"]), recipe.get("ratio"), like, scope, top=kind == "top")
    if kind == "random":
        return regions.random(parts[0], recipe["seed"])
    if kind == "intersection":
        return reduce(lambda a, b: a & b, parts)
    if kind == "union":
        return regions.union(parts)
    if kind == "difference":
        return parts[0] - regions.union(parts[1:])
    if kind == "complement":
        return ~parts[0]
    raise UserError(f"recipe: select is {kind!r}; docs/method.md lists what it can be")


def measured(made: Recipes) -> list[str]:
    """The names of the monolingual regions and their controls, without the top regions that they are made of."""
    return [name for name, recipe in made.items() if recipe["select"] != "top"]
