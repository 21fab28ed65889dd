"""The plan of a run: which regions, conditions, trainings and files a config asks for.

Paths begin with <results>, which the Snakefile replaces by the run's folder.
"""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

from linguistic_regions.model import naming, sources
from linguistic_regions.model.modelfiles import patterns
from linguistic_regions.planning import catalog, corpora
from linguistic_regions.planning import pairs as minimal_pairs
from linguistic_regions.planning.arms import ARMS
from linguistic_regions.regions import recipes
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.prompts import shipped_prompts

EVIDENCE = "<results>/evaluations/perplexity"
PROBES = ("probes", "probe_differences", "probe_prompts")  # tables from the evidence of direct and prompted


def results(config: dict) -> str:
    """The run's folder."""
    return f"results/{config['run']}"


def model_files(config: dict) -> list[str]:
    """The local files of the model (a folder's, or a GGUF file), so that edits of them are detected."""
    if not config["model"]["pretrained"]:
        return []
    match sources.parse_source(config["model"]["pretrained"]):
        case sources.Folder(folder):
            globs = patterns(config["model"]["trust_remote_code"])
            return sorted({str(path) for pattern in globs for path in folder.glob(pattern)})
        case sources.GgufFile(path):
            return [str(path)]
    return []


def model_name(config: dict) -> str:
    """The name of the model before it is downloaded; source.json of the downloaded model has its public name."""
    if config["model"]["name"] or config["model"]["pretrained"]:
        return config["model"]["name"] or naming.public_name(config["model"]["pretrained"])
    return "tiny Llama pretrained here, {layers} layers x {width}".format(**config["model"]["scratch"])


def user_files(config: dict) -> list[str]:
    """The user's files that the config names: texts, minimal pairs, and the files of a model and of tasks."""
    texts = [path for text in corpora.texts(config) for path in corpora.corpus_files(config, text)]
    sentences = [path for code in minimal_pairs.languages(config) for path in minimal_pairs.files(config, code)]
    return [*texts, *sentences, *model_files(config), *task_files(config["lm_eval"]["include_path"])]


def task_files(folder: str | Path | None) -> list[str]:
    """The files of further tasks for the evaluation harness, in ascending order; none without a folder."""
    found = [path for path in Path(folder).rglob("*") if path.is_file()] if folder else []
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


def downloads(config: dict) -> list[str]:
    """The outputs of the rules that need the network: texts, published pairs, and a pretrained model and tokenizer."""
    manifests = [f"<results>/corpora/{text}/manifest.json" for text in corpora.texts(config)]
    published = pairs(config) if "hub" in config["probes"]["sources"] else []
    return (
        manifests
        + published
        + ["<results>/models/base", "<results>/models/tokenizer"] * bool(config["model"]["pretrained"])
    )


# --- importance ---


def scored_model(config: dict, language: str) -> str:
    """The folder of the model at whose weights a language's importance is measured."""
    return "<results>/models/base" if config["importance"]["at"] == "base" else f"<results>/models/further/{language}"


def checks(config: dict) -> list[int]:
    """The numbers of samples after which the two halves are compared, up to the last milestone."""
    importance = config["importance"]
    return [samples for samples in importance["stability"]["checks"] if samples <= importance["samples"][-1]]


def required_samples(config: dict) -> dict[str, dict[str, int]]:
    """For each config key that sets a number of training blocks: the number required, by language."""
    experiments = config["experiments"]
    required = {}
    if experiments:
        required["importance.samples"] = ("importance", config["importance"]["samples"])
        if config["importance"]["at"] == "further":
            required["further.milestones"] = ("further", config["further"]["milestones"])
    for name in ("retraining", "freezing"):
        if name in experiments:
            required[f"{name}.milestones"] = (name, config[name]["milestones"])
    languages = {key: config[section]["languages"] for key, (section, _) in required.items()}
    if experiments:
        languages["importance.samples"] = [*languages["importance.samples"], *compared_tops(config)]
    return {key: dict.fromkeys(languages[key], steps[-1]) for key, (_, steps) in required.items()}


# --- regions and conditions ---


def region_files(names) -> list[str]:
    """The files of regions."""
    return [f"<results>/regions/{name}.safetensors" for name in names]


def score_folders(recipe: dict, key: str = "scores") -> list[str]:
    """The folders of importance scores that a recipe ranks by: those of `scores`, or those of `minus`."""
    return [f"<results>/importance/{folder}" for folder in recipe.get(key, [])]


def outlier_files(recipe: dict) -> list[str]:
    """The file of the model's outliers, if a recipe selects them."""
    return ["<results>/outliers.json"] if recipe["select"] == "outliers" else []


def conditions(config: dict) -> dict[str, list[str]]:
    """The sets of conditions that share a job and a file, such as a region and its controls.

    Returns:
        For each set, the names of the regions that are removed one at a time; empty for the intact model.
    """
    experiments = config["experiments"]
    found: dict[str, list[str]] = {"intact": []}
    if "removal" in experiments:
        for cut, recipes in catalog.cuts(config).items():
            found[f"core-{cut}"] = list(recipes)
        found |= {f"curve-{score}": list(recipes) for score, recipes in catalog.curves(config).items() if recipes}
    if "controls" in experiments:
        top = f"top-{config['controls']['ratio']:g}"
        measured = [name for names in found.values() for name in names]
        found["controls"] = [top] * (top not in measured) + controls(config, config["controls"]["regions"])
        for name in perturbations(config):
            found[name] = controls(config, ("outlier_rows", "outlier_weights"))
    if "monolingual" in experiments:
        for name, recipes in catalog.monolingual_sets(config).items():
            found[name] = list(recipes)
    return found | {f"region-{name}": [name] for name in config["removal"]["regions"]}


def controls(config: dict, kinds: Iterable[str]) -> list[str]:
    """The names of the core's control regions of some kinds; a name begins with its kind."""
    declared = catalog.controls(config)
    return [name for kind in kinds for name in declared if name.split("-")[0] == kind]


def perturbations(config: dict) -> dict[str, dict[str, float]]:
    """What is done to the regions of a set of conditions, where they are not removed: a `factor`, or `noise`."""
    settings = config["controls"]
    scaled = {f"outliers-x{factor:g}": {"factor": factor} for factor in settings["factors"]}
    return scaled | {f"outliers-noise{scale:g}": {"noise": scale} for scale in settings["noise"]}


def removed_regions(config: dict) -> list[str]:
    """The names of all regions that are removed or scaled."""
    return list(dict.fromkeys(name for names in conditions(config).values() for name in names))


def compared_regions(config: dict) -> list[str]:
    """The names of the regions whose overlap is measured: those removed, but for the curves, which are nested."""
    on_curves = {name for recipes in catalog.curves(config).values() for name in recipes}
    return [name for name in removed_regions(config) if name not in on_curves]


def compared_tops(config: dict) -> dict[str, str]:
    """The top region of each language that is compared with the others', by language."""
    if "monolingual" not in config["experiments"]:
        return {}
    samples, settings = config["importance"]["samples"][-1], config["monolingual"]
    return {language: f"top-{language}-{samples}" for language in [*settings["languages"], *settings["kin"]]}


def prompts(config: dict) -> dict[str, str]:
    """The prompts that are continued, by language: of those of the run that `generations` names.

    Raises:
        UserError: a language has no prompt.
    """
    settings = config["generations"]
    known = shipped_prompts() | settings["prompts"]
    for language in settings["languages"]:
        if language in config["languages"] and language not in known:
            raise UserError(f"generations.languages: {language!r} has no prompt: add it to generations.prompts")
    return {language: known[language] for language in settings["languages"] if language in config["languages"]}


# --- training ---


def arm_regions(config: dict, experiment: str, arm: str, seed: int) -> dict[str, str]:
    """The region files of an arm of `retraining` or `freezing`, by role: `zero`, `freeze` or `train_only`.

    Each seed has a random region of its own, so that several seeds tell how much depends on the draw.
    """
    ratio, number = config[experiment]["ratio"], catalog.random_region(seed)
    names = {"top": f"top-{ratio:g}", "bottom": f"bottom-{ratio:g}", "random": f"random-{ratio:g}-{number}"}
    return {role: region_files([names[kind]])[0] for role, kind in ARMS[arm].items()}


def trainings(config: dict, experiment: str) -> list[dict]:
    """The trainings of `retraining` or `freezing`: language, arm, rate and seed of each."""
    settings = config[experiment]
    if experiment not in config["experiments"]:
        return []
    rates = settings.get("learning_rates") or [settings["learning_rate"]]
    each = product(settings["languages"], rates, settings["seeds"], settings["arms"])
    return [{"language": code, "rate": f"{rate:g}", "seed": seed, "arm": arm} for code, rate, seed, arm in each]


# --- probes ---


def pairs(config: dict) -> list[str]:
    """The files of minimal pairs, one per language."""
    return [f"<results>/pairs/{language}.parquet" for language in minimal_pairs.languages(config)]


# --- tables ---


def evidence(config: dict) -> dict[str, list[str]]:
    """The files of evidence for each table that the config's experiments need."""
    found = {"removal": [f"{EVIDENCE}/{name}.parquet" for name in conditions(config)]}
    if config["experiments"] and config["importance"]["at"] == "further":
        found["further"] = [f"{EVIDENCE}/further/{language}.parquet" for language in config["further"]["languages"]]
    paths = {"retraining": "{language}-{arm}-{seed}", "freezing": "{language}-{arm}-{rate}-{seed}"}
    for experiment, path in paths.items():
        if planned := trainings(config, experiment):
            found[experiment] = [f"{EVIDENCE}/{experiment}/{path.format(**training)}.parquet" for training in planned]
    if prompts(config):
        found["generations"] = [f"<results>/evaluations/generations/{name}.parquet" for name in conditions(config)]
    if config["lm_eval"]["tasks"]:
        found["lm_eval"] = [f"<results>/evaluations/lm_eval/{name}.parquet" for name in conditions(config)]
    if pairs(config):
        found["direct"] = [f"<results>/evaluations/direct/{name}.parquet" for name in conditions(config)]
        if config["probes"]["prompted"]["pairs"]:
            found["prompted"] = [f"<results>/evaluations/prompted/{name}.parquet" for name in conditions(config)]
    return found


def stability(config: dict) -> list[str]:
    """The files that the table `stability` is made from, one per language."""
    importance = config["importance"]
    if not config["experiments"] or not checks(config) or importance["estimator"] == "magnitude":
        return []
    return [f"<results>/stability/{importance['estimator']}/{language}.csv" for language in importance["languages"]]


def fidelity(config: dict) -> list[str]:
    """The files that the table `fidelity` is made from, one per language."""
    if "fidelity" not in config["experiments"]:
        return []
    languages = config["fidelity"]["languages"] or config["importance"]["languages"][:1]
    return [f"<results>/fidelity/{language}.csv" for language in languages]


def outliers(config: dict) -> list[str]:
    """The table of the model's outliers, if a region that is removed follows from them."""
    declared = catalog.declared(config)
    needed = (recipe for name in removed_regions(config) for recipe in recipes.needed(name, declared).values())
    return ["<results>/tables/outliers.csv"] if any(map(outlier_files, needed)) else []


def evaluation_folders(config: dict) -> list[str]:
    """The folders of evidence, one per evaluation."""
    folders = {file.split("/")[2] for files in evidence(config).values() for file in files}
    return [f"{results(config)}/evaluations/{folder}" for folder in sorted(folders)]


def tables(config: dict) -> list[str]:
    """The run's tables: CSV, and Markdown in the layout of the paper."""
    printed = {"removal": "core_removal", "monolingual": "monolingual", "retraining": "retraining"}
    parts = {"stability": stability(config), "fidelity": fidelity(config)}
    measured = evidence(config)
    names = [f"{name}.csv" for name in measured if name not in ("direct", "prompted")]
    names += [f"{name}.csv" for name, files in parts.items() if files]
    names += [f"{name}.csv" for name in PROBES if {"direct", "prompted"} & measured.keys()]
    names += ["selectivity.csv"] * ("monolingual" in config["experiments"])
    names += ["effects.csv"] * bool({"removal", "controls", "monolingual"} & set(config["experiments"]))
    names += [f"paper_{printed[name]}.md" for name in printed if name in config["experiments"]]
    names += ["generations.md"] * bool(prompts(config))
    return [f"<results>/tables/{name}" for name in names]
