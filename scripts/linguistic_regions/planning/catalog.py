"""The catalog of regions that a config declares: those of the experiments, and its own."""

from functools import reduce

from linguistic_regions.regions.recipes import Recipes


def declared(config: dict) -> Recipes:
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


def measured(made: Recipes) -> list[str]:
    """The names of the monolingual regions and their controls, without the top regions that they are made of."""
    return [name for name, recipe in made.items() if recipe["select"] != "top"]
