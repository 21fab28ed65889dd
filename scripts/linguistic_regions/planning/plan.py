"""What a config asks for: which regions, conditions and trainings, and the files that follow. Pure functions of it.

Paths begin with <results>, which the Snakefile turns into the run's folder.
"""

from itertools import product

from linguistic_regions.model import naming, sources
from linguistic_regions.model.modelfiles import patterns
from linguistic_regions.planning import catalog, corpora
from linguistic_regions.planning.arms import ARMS

EVIDENCE = "<results>/evaluations/perplexity"


def results(config: dict) -> str:
    """The run's folder."""
    return f"results/{config['run']}"


def model_files(config: dict) -> list[str]:
    """The local files of a model, a folder's or a GGUF file, so that an edit of them is noticed."""
    if not config["model"]["pretrained"]:
        return []
    match sources.parse_source(config["model"]["pretrained"]):
        case sources.Folder(folder):
            wanted = patterns(config["model"]["trust_remote_code"])
            return sorted({str(path) for pattern in wanted for path in folder.glob(pattern)})
        case sources.GgufFile(path):
            return [str(path)]
    return []


def model_name(config: dict) -> str:
    """The name of the model before it is fetched; source.json beside it has the one under which its figures stand."""
    if config["model"]["name"] or config["model"]["pretrained"]:
        return config["model"]["name"] or naming.public_name(config["model"]["pretrained"])
    return "tiny Llama pretrained here, {layers} layers x {width}".format(**config["model"]["scratch"])


def named_files(config: dict) -> list[str]:
    """The files outside the workflow's own that the config names: people's texts, and the files of a model."""
    texts = [path for text in corpora.texts(config) for path in corpora.corpus_files(config, text)]
    return [*texts, *model_files(config)]


def downloads(config: dict) -> list[str]:
    """The outputs of all that the network is needed for: the text, and a model that is fetched, with its tokenizer."""
    made = [f"<results>/corpora/{text}/manifest.json" for text in corpora.texts(config)]
    return made + ["<results>/models/base", "<results>/models/tokenizer"] * bool(config["model"]["pretrained"])


# --- importance ---


def scored_model(config: dict, language: str) -> str:
    """The model at whose weights a language's importance is measured."""
    return "<results>/models/base" if config["importance"]["at"] == "base" else f"<results>/models/further/{language}"


def checks(config: dict) -> list[int]:
    """The numbers of samples after which two halves are compared: none beyond the last sample."""
    importance = config["importance"]
    return [samples for samples in importance["stability"]["checks"] if samples <= importance["samples"][-1]]


def wanted_samples(config: dict) -> dict[str, dict[str, int]]:
    """For each key that says how many training blocks a step takes, their number by language."""
    experiments = config["experiments"]
    wanted = {}
    if experiments:
        wanted["importance.samples"] = ("importance", config["importance"]["samples"])
        if config["importance"]["at"] == "further":
            wanted["further.milestones"] = ("further", config["further"]["milestones"])
    for name in ("retraining", "freezing"):
        if name in experiments:
            wanted[f"{name}.milestones"] = (name, config[name]["milestones"])
    return {key: dict.fromkeys(config[section]["languages"], steps[-1]) for key, (section, steps) in wanted.items()}


# --- regions and conditions ---


def regions(names) -> list[str]:
    """The files of regions."""
    return [f"<results>/regions/{name}.safetensors" for name in names]


def scores(recipe: dict) -> list[str]:
    """The folders of importance scores that a recipe ranks by."""
    return [f"<results>/importance/{folder}" for folder in recipe.get("scores", [])]


def conditions(config: dict) -> dict[str, list[str]]:
    """The conditions that are measured, in sets that share a job and a file: a region and its controls.

    Returns:
        For each set the regions that are removed, one after another; none for the intact model.
    """
    experiments = config["experiments"]
    found: dict[str, list[str]] = {"intact": []}
    if "removal" in experiments:
        for cut, made in catalog.cuts(config).items():
            found[f"core-{cut}"] = list(made)
    if "monolingual" in experiments:
        for name, made in catalog.monolingual_sets(config).items():
            found[name] = list(made)
    return found | {f"region-{name}": [name] for name in config["removal"]["regions"]}


def removed(config: dict) -> list[str]:
    """The names of all regions that are removed."""
    return [name for names in conditions(config).values() for name in names]


# --- training ---


def arm_regions(config: dict, experiment: str, arm: str) -> dict[str, str]:
    """The files of the regions that an arm of `retraining` or `freezing` zeroes, freezes or trains alone."""
    ratio = config[experiment]["ratio"]
    names = {"top": f"top-{ratio:g}", "bottom": f"bottom-{ratio:g}", "random": f"random-{ratio:g}-1"}
    return {role: regions([names[kind]])[0] for role, kind in ARMS[arm].items()}


def trainings(config: dict, experiment: str) -> list[dict]:
    """The trainings of `retraining` or `freezing`: language, arm, rate and seed of each."""
    settings = config[experiment]
    if experiment not in config["experiments"]:
        return []
    rates = settings.get("learning_rates") or [settings["learning_rate"]]
    seeds = settings.get("seeds", [config["seed"]])
    each = product(settings["languages"], rates, seeds, settings["arms"])
    return [{"language": code, "rate": f"{rate:g}", "seed": seed, "arm": arm} for code, rate, seed, arm in each]


# --- tables ---


def evidence(config: dict) -> dict[str, list[str]]:
    """For each table that is computed from evidence its files, as the config's experiments ask for them."""
    found = {"removal": [f"{EVIDENCE}/{name}.parquet" for name in conditions(config)]}
    if config["experiments"] and config["importance"]["at"] == "further":
        found["further"] = [f"{EVIDENCE}/further/{language}.parquet" for language in config["further"]["languages"]]
    paths = {"retraining": "{language}-{arm}", "freezing": "{language}-{arm}-{rate}-{seed}"}
    for experiment, path in paths.items():
        if made := trainings(config, experiment):
            found[experiment] = [f"{EVIDENCE}/{experiment}/{path.format(**training)}.parquet" for training in made]
    return found


def stability(config: dict) -> list[str]:
    """The pieces of the table of how stable the scores are."""
    importance = config["importance"]
    if not config["experiments"] or not checks(config) or importance["estimator"] == "magnitude":
        return []
    return [f"<results>/stability/{importance['estimator']}/{language}.csv" for language in importance["languages"]]


def tables(config: dict) -> list[str]:
    """The tables of the run: as data, and as the paper prints them."""
    printed = {"removal": "core_removal", "monolingual": "monolingual", "retraining": "retraining"}
    names = [f"{name}.csv" for name in (*evidence(config), *["stability"] * bool(stability(config)))]
    names += [f"paper_{printed[name]}.md" for name in printed if name in config["experiments"]]
    return [f"<results>/tables/{name}" for name in names]
