"""The catalog of regions that a config declares: those of the experiments, and its own."""

from functools import reduce

from linguistic_regions.regions.recipes import Recipes


def declared(config: dict) -> Recipes:
    """All regions that a config declares: those of the experiments, and its own under `regions`."""
    training = [core(config, config[name]["ratio"]) for name in ("retraining", "freezing")]
    built_in = reduce(lambda a, b: a | b, [*cuts(config).values(), *training, monolingual(config)])
    return built_in | {name: _with_estimator(config, recipe) for name, recipe in config["regions"].items()}


def cuts(config: dict) -> dict[str, Recipes]:
    """Experiment 1: the core and its controls, by cut: "0.03" or, ranked over the whole model, "0.03-model"."""
    removal = config["removal"]
    return {
        _cut(ratio, scope): core(config, ratio, scope, removal["replicates"])
        for scope in removal["scopes"]
        for ratio in removal["ratios"]
    }


def core(config: dict, ratio: float, scope: str = "tensor", replicates: int = 1) -> Recipes:
    """The core region at one ratio, its bottom counterpart, and random controls of its size (paper, section 3)."""
    importance = config["importance"]
    samples, cut = importance["samples"][-1], _cut(ratio, scope)
    scores = [score(config, language, samples) for language in importance["languages"]]
    ranked = {"scores": scores, "ratio": ratio, "scope": scope}
    recipes = {
        f"{kind}-{cut}": {"select": kind, **ranked, "label": _label(kind, ratio, samples, scope=scope, target="core")}
        for kind in ("top", "bottom")
    }
    for replicate in range(1, replicates + 1):
        recipes[f"random-{cut}-{replicate}"] = {
            "select": "random",
            "like": f"top-{cut}",
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
        for language in languages:
            ranked = {"scores": [score(config, language, samples)], "ratio": ratio, "scope": "tensor"}
            label = _label("top", ratio, samples, target=language)
            recipes[f"top-{language}-{samples}"] = {"select": "top", **ranked, "label": label}
    return recipes | {name: recipe for made in monolingual_sets(config).values() for name, recipe in made.items()}


def monolingual_sets(config: dict) -> dict[str, Recipes]:
    """Each monolingual region and its controls, by the region's name, without the top regions that it is made of."""
    settings = config["monolingual"]
    languages, ratio = settings["languages"], settings["ratio"]
    sets = {}
    for samples in config["importance"]["samples"]:
        for language in languages:
            name = f"monolingual-{language}-{samples}"
            top = [f"top-{language}-{samples}"]
            others = [f"top-{other}-{samples}" for other in languages if other != language]
            label = _label("monolingual", ratio, samples, target=language)
            sets[name] = {name: {"select": "difference", "of": top + others, "label": label}}
            bottom = {"select": "bottom", "scores": [score(config, language, samples)], "like": name}
            sets[name][f"{name}-bottom"] = bottom | {"label": label | {"kind": "bottom"}}
            for replicate in range(1, settings["replicates"] + 1):
                drawn = {"select": "random", "like": name, "seed": config["seed"] + replicate}
                drawn["label"] = label | {"kind": "random", "replicate": replicate}
                sets[name][f"{name}-random-{replicate}"] = drawn
    return sets


def score(config: dict, language: str, samples: int) -> str:
    """The name of a language's scores, below importance/."""
    return f"{config['importance']['estimator']}/{language}/{samples}"


def _with_estimator(config: dict, recipe: dict) -> dict:
    """A recipe whose scores all name their estimator: "ru/40" is of the config's, "magnitude/ru/40" of another."""
    if "scores" not in recipe:
        return recipe
    scores = [name if name.count("/") == 2 else score(config, *name.split("/")) for name in recipe["scores"]]
    return recipe | {"scores": scores}


def _cut(ratio: float, scope: str) -> str:
    return f"{ratio:g}" if scope == "tensor" else f"{ratio:g}-{scope}"


def _label(kind: str, ratio: float, samples: int, replicate: int = 0, scope: str = "tensor", target: str = "") -> dict:
    return {
        "kind": kind,
        "ratio": ratio,
        "samples": samples,
        "replicate": replicate,
        "scope": scope,
        "target": target,
    }
