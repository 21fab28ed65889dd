"""The catalog of regions that a config declares: those of the experiments, and those under `regions`."""

from functools import reduce

from linguistic_regions.regions.recipes import Recipes


def declared(config: dict) -> Recipes:
    """The recipes of all regions that a config declares, by name."""
    cores = [core(config, config[name]["ratio"]) for name in ("retraining", "freezing", "controls")]
    sets = [*cuts(config).values(), *cores, controls(config), *curves(config).values(), monolingual(config)]
    built_in = reduce(lambda a, b: a | b, sets)
    return built_in | {name: _with_estimator(config, recipe) for name, recipe in config["regions"].items()}


def cuts(config: dict) -> dict[str, Recipes]:
    """Experiment 1: the core region and its controls for each ratio and scope.

    Returns:
        Recipes by cut: "0.03" if ranked within each matrix, "0.03-model" if ranked over the whole model.
    """
    removal = config["removal"]
    return {
        _cut_name(ratio, scope): core(config, ratio, scope, removal["replicates"])
        for scope in removal["scopes"]
        for ratio in removal["ratios"]
    }


def core(config: dict, ratio: float, scope: str = "tensor", replicates: int = 1) -> Recipes:
    """The core region at one ratio, the bottom region, and random regions of the same size (paper, section 3)."""
    importance = config["importance"]
    samples, cut = importance["samples"][-1], _cut_name(ratio, scope)
    scores = [score_name(config, language, samples) for language in importance["languages"]]
    ranked = {"scores": scores, "ratio": ratio, "scope": scope}
    recipes = {
        f"{kind}-{cut}": {
            "select": kind,
            **ranked,
            "label": _label(kind, ratio, samples, scope=scope, target="core", estimator=importance["estimator"]),
        }
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


def controls(config: dict) -> Recipes:
    """What could explain the core's effect instead: outliers, magnitude, or chance at the same magnitude or dimensions.

    The paper compares the core with a random region and the bottom alone.
    """
    importance, settings = config["importance"], config["controls"]
    ratio, samples = settings["ratio"], importance["samples"][-1]
    top, outliers = f"top-{ratio:g}", "outlier_dimensions"
    weights = _summed(config, "magnitude")
    recipes = {
        f"magnitude-{ratio:g}": {"select": "top", "scores": weights, "ratio": ratio, "scope": "tensor"},
        f"without_outliers-{ratio:g}": {"select": "difference", "of": [top, outliers]},
        f"only_outliers-{ratio:g}": {"select": "intersection", "of": [top, outliers]},
    }
    for name, recipe in recipes.items():
        ranked = "magnitude" if recipe["select"] == "top" else importance["estimator"]
        recipe["label"] = _label(name.split("-")[0], ratio, samples, scope="tensor", target="core", estimator=ranked)
    for kind in ("dimensions", "rows", "weights"):
        label = _label("outliers", 0.0, 0)
        recipes[f"outlier_{kind}"] = {"select": "outliers", "like": top, "kind": kind, "label": label}
    for match, scores in {"magnitude": {"scores": weights}, "dimensions": {}}.items():
        for replicate in range(1, settings["replicates"] + 1):
            recipes[f"random_{match}-{ratio:g}-{replicate}"] = {
                "select": "random",
                "like": top,
                "seed": config["seed"] + replicate,
                "match": match,
                **scores,
                "label": _label(f"random_{match}", ratio, samples, replicate, "tensor", "core"),
            }
    return recipes


def curves(config: dict) -> dict[str, Recipes]:
    """Regions of many sizes, for perplexity against size: the top by each estimator, and random ones.

    Returns:
        Recipes by estimator, the last "random". A region without the outlier dimensions keeps the ratio of the whole.
    """
    settings, samples = config["removal"]["curve"], config["importance"]["samples"][-1]
    if not settings["estimators"]:
        return {}
    sets: dict[str, Recipes] = {name: {} for name in (*settings["estimators"], "random")}
    for ratio in settings["ratios"]:
        for estimator in settings["estimators"]:
            ranked = {"scores": _summed(config, estimator), "ratio": ratio, "scope": "tensor"}
            label = _label("curve", ratio, samples, estimator=estimator)
            sets[estimator][f"curve-{estimator}-{ratio:g}"] = {"select": "top", **ranked, "label": label}
        sets["random"][f"curve-random-{ratio:g}"] = {
            "select": "random",
            "like": f"curve-{settings['estimators'][0]}-{ratio:g}",
            "seed": config["seed"],
            "label": _label("curve", ratio, samples),
        }
    if settings["without_outliers"]:
        for recipes in sets.values():
            for name, recipe in list(recipes.items()):
                label = recipe["label"] | {"kind": "curve_without_outliers"}
                without = {"select": "difference", "of": [name, "outlier_dimensions"], "label": label}
                recipes[f"{name}-without_outliers"] = without
    return sets


def monolingual(config: dict) -> Recipes:
    """Experiment 2: the top region of each language, the monolingual regions, and their controls (paper, section 4)."""
    settings = config["monolingual"]
    languages, ratio = settings["languages"], settings["ratio"]
    recipes = {}
    for samples in config["importance"]["samples"]:
        for language in [*languages, *settings["kin"]]:
            ranked = {"scores": [score_name(config, language, samples)], "ratio": ratio, "scope": "tensor"}
            label = _label("top", ratio, samples, target=language, estimator=config["importance"]["estimator"])
            recipes[f"top-{language}-{samples}"] = {"select": "top", **ranked, "label": label}
    return recipes | {name: recipe for each in monolingual_sets(config).values() for name, recipe in each.items()}


def monolingual_sets(config: dict) -> dict[str, Recipes]:
    """The recipes of each monolingual region and its controls, by the region's name."""
    settings = config["monolingual"]
    languages, ratio = settings["languages"], settings["ratio"]
    sets = {}
    for samples in config["importance"]["samples"]:
        for language in languages:
            name = f"monolingual-{language}-{samples}"
            top = [f"top-{language}-{samples}"]
            others = [f"top-{other}-{samples}" for other in languages if other != language]
            label = _label("monolingual", ratio, samples, target=language, estimator=config["importance"]["estimator"])
            sets[name] = {name: {"select": "difference", "of": top + others, "label": label}}
            if "bottom" in settings["controls"]:
                bottom = {"select": "bottom", "scores": [score_name(config, language, samples)], "like": name}
                sets[name][f"{name}-bottom"] = bottom | {"label": label | {"kind": "bottom"}}
            count = settings["replicates"] if "random" in settings["controls"] else 0
            for replicate in range(1, count + 1):
                drawn = {"select": "random", "like": name, "seed": config["seed"] + replicate}
                drawn["label"] = label | {"kind": "random", "replicate": replicate, "estimator": ""}
                sets[name][f"{name}-random-{replicate}"] = drawn
    return sets


def score_name(config: dict, language: str, samples: int) -> str:
    """The path of a language's scores in importance/: estimator/language/samples."""
    return f"{config['importance']['estimator']}/{language}/{samples}"


def _summed(config: dict, estimator: str) -> list[str]:
    """The scores of an estimator whose sum ranks a core; magnitude is the same for each language."""
    importance = config["importance"]
    languages = importance["languages"][:1] if estimator == "magnitude" else importance["languages"]
    return [f"{estimator}/{language}/{importance['samples'][-1]}" for language in languages]


def _with_estimator(config: dict, recipe: dict) -> dict:
    """Add the config's estimator to scores that name none: "ru/40" becomes "taylor/ru/40"."""
    if "scores" not in recipe:
        return recipe
    scores = [name if name.count("/") == 2 else score_name(config, *name.split("/")) for name in recipe["scores"]]
    return recipe | {"scores": scores}


def _cut_name(ratio: float, scope: str) -> str:
    return f"{ratio:g}" if scope == "tensor" else f"{ratio:g}-{scope}"


def _label(
    kind: str,
    ratio: float,
    samples: int,
    replicate: int = 0,
    scope: str = "tensor",
    target: str = "",
    estimator: str = "",
) -> dict:
    return {
        "kind": kind,
        "ratio": ratio,
        "samples": samples,
        "replicate": replicate,
        "scope": scope,
        "target": target,
        "estimator": estimator,
    }
