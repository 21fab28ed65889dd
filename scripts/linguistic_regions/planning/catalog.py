"""The catalog of regions that a config declares: those of the experiments, and those under `regions`."""

from collections.abc import Iterable
from functools import reduce
from itertools import product

from linguistic_regions.regions.recipes import Recipes

DESIGNS = {"difference": "monolingual", "contrast": "contrast"}  # of a language's region: its kind and its name's start


def declared(config: dict) -> Recipes:
    """The recipes of all regions that a config declares, by name."""
    cores = [core(config, config["controls"]["ratio"])]
    for experiment in ("retraining", "freezing"):
        seeds, ratio = config[experiment]["seeds"], config[experiment]["ratio"]
        cores.append(core(config, ratio, replicates=[random_region(seed) for seed in seeds]))
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
        _cut_name(ratio, scope): core(config, ratio, scope, range(1, removal["replicates"] + 1))
        for scope in removal["scopes"]
        for ratio in removal["ratios"]
    }


def random_region(seed: int) -> int:
    """The number of the random region of a training with this seed."""
    return seed + 1


def core(config: dict, ratio: float, scope: str = "tensor", replicates: Iterable[int] = (1,)) -> Recipes:
    """The core region at one ratio, the bottom region, and random regions of the same size (paper, section 3).

    Args:
        config: a checked config.
        ratio: share of the weights.
        scope: what scores are ranked over.
        replicates: the numbers of the random regions.
    """
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
    for replicate in replicates:
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
    ratio = settings["ratio"]
    recipes = {}
    for samples in config["importance"]["samples"]:
        scored = [*settings["languages"], *(settings["subtract"] or []), *settings["kin"]]
        for language in dict.fromkeys(scored):
            ranked = {"scores": [score_name(config, language, samples)], "ratio": ratio, "scope": "tensor"}
            label = _label("top", ratio, samples, target=language, estimator=config["importance"]["estimator"])
            recipes[f"top-{language}-{samples}"] = {"select": "top", **ranked, "label": label}
    if settings["size"] == "smallest":
        recipes |= {f"{name}-uncut": recipe for name, recipe in _of_one_language(config).items()}
    return recipes | {name: recipe for each in monolingual_sets(config).values() for name, recipe in each.items()}


def subtracted(config: dict, language: str) -> list[str]:
    """The languages that are subtracted from the region of one language."""
    settings = config["monolingual"]
    return [code for code in settings["subtract"] or settings["languages"] if code != language]


def _of_one_language(config: dict) -> Recipes:
    """The region of each language by each design and at each milestone, before it is cut to a common size."""
    languages, milestones = config["monolingual"]["languages"], config["importance"]["samples"]
    return {
        f"{kind}-{language}-{samples}": _by_design(config, kind, language, samples)
        for samples, language, kind in product(milestones, languages, _kinds(config))
    }


def _by_design(config: dict, kind: str, language: str, samples: int) -> dict:
    others = subtracted(config, language)
    if kind == DESIGNS["difference"]:
        return {"select": "difference", "of": [f"top-{code}-{samples}" for code in (language, *others)]}
    own, *minus = (score_name(config, code, samples) for code in (language, *others))
    ratio = config["monolingual"]["ratio"]
    return {"select": "top", "scores": [own], "minus": minus, "ratio": ratio, "scope": "tensor"}


def _kinds(config: dict) -> list[str]:
    return [DESIGNS[design] for design in config["monolingual"]["designs"]]


def _cut_to_smallest(name: str, recipes: Recipes, own: str) -> dict:
    """The recipe of one region cut to the size of the smallest; `own`: the scores of its language."""
    ranked = {"scores": [own], **{key: value for key, value in recipes[name].items() if key == "minus"}}
    of = [f"{other}-uncut" for other in (name, *(other for other in recipes if other != name))]
    return {"select": "cut", **ranked, "of": of}


def monolingual_sets(config: dict) -> dict[str, Recipes]:
    """The recipes of each monolingual region and its controls, by the region's name."""
    settings = config["monolingual"]
    languages, ratio, recipes = settings["languages"], settings["ratio"], _of_one_language(config)
    sets = {}
    for samples in config["importance"]["samples"]:
        for language, kind in product(languages, _kinds(config)):
            name, prefix = f"{kind}-{language}-{samples}", "" if kind == "monolingual" else f"{kind}_"
            recipe = recipes[name]
            if settings["size"] == "smallest":
                recipe = _cut_to_smallest(name, recipes, score_name(config, language, samples))
            label = _label(kind, ratio, samples, target=language, estimator=config["importance"]["estimator"])
            label["subtracted"] = " ".join(subtracted(config, language))
            sets[name] = {name: recipe | {"label": label}}
            if "bottom" in settings["controls"]:
                bottom = {"select": "bottom", "scores": [score_name(config, language, samples)], "like": name}
                sets[name][f"{name}-bottom"] = bottom | {"label": label | {"kind": f"{prefix}bottom"}}
            count = settings["replicates"] if "random" in settings["controls"] else 0
            for replicate in range(1, count + 1):
                drawn = {"select": "random", "like": name, "seed": config["seed"] + replicate}
                drawn["label"] = label | {"kind": f"{prefix}random", "replicate": replicate, "estimator": ""}
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

    def whole(name: str) -> str:
        return name if name.count("/") == 2 else score_name(config, *name.split("/"))

    return recipe | {key: list(map(whole, recipe[key])) for key in ("scores", "minus") if key in recipe}


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
