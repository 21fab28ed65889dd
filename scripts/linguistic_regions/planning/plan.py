"""What a config asks for: which text, which regions, which arms, and the files that follow. Pure functions of it.

Paths begin with <results>, which the Snakefile turns into the run's folder.
"""

import json
from glob import escape, glob
from itertools import product
from pathlib import Path

from linguistic_regions.model import naming, sources
from linguistic_regions.model.modelfiles import patterns
from linguistic_regions.planning import catalog
from linguistic_regions.regions.recipes import Recipes
from linguistic_regions.text.languages import can_fill, fill, languages
from linguistic_regions.training.arms import ARMS


def domains(config: dict) -> list[str]:
    """The kinds of text: the one that models are trained and scored on, and those that they are tested on as well."""
    return [config["corpora"]["domain"], *further_domains(config)]


def further_domains(config: dict) -> dict[str, dict]:
    """The settings of the domains that models are only tested on, by name."""
    return {name: settings for name, settings in config["corpora"]["domains"].items() if settings is not None}


def texts(config: dict) -> list[str]:
    """Every text that is tested on: of each language, named by its code, and language/domain of a further domain."""
    further = [
        f"{language}/{domain}"
        for domain in further_domains(config)
        for language in config["languages"]
        if _has_text(config, f"{language}/{domain}")
    ]
    return [*config["languages"], *further]


def _has_text(config: dict, text: str) -> bool:
    """Whether a language has text of a further domain: the source has an id for it, or files match."""
    settings, language = corpus(config, text), text.split("/")[0]
    if settings["source"] == "files":
        return bool(corpus_files(config, text))
    wanted = {"debian": settings["debian"]["packages"], "huggingface": [settings["huggingface"]["config"] or ""]}
    return all(can_fill(template, language) for template in wanted[settings["source"]])


def corpus(config: dict, text: str) -> dict:
    """The corpora section as it stands for one text: a language, or language/domain."""
    language, _, domain = text.partition("/")
    sections = [config["corpora"]]
    sections += [further_domains(config)[domain]] if domain else []
    settings: dict = {}
    for section in [*sections, *(section.get("languages", {}).get(language, {}) for section in sections[-1:])]:
        for key, value in section.items():
            if key not in ("languages", "domain", "domains"):
                settings[key] = settings.get(key, {}) | value if isinstance(value, dict) else value
    return settings


def trained_text(text: str) -> list[str]:
    """The text whose training split a further domain's shares no paragraph with: that of its language."""
    language, _, domain = text.partition("/")
    return [language] if domain else []


def packages(config: dict, text: str) -> list[str]:
    """The Debian packages that a text comes from."""
    settings, language = corpus(config, text), text.split("/")[0]
    names = settings["debian"]["packages"] if settings["source"] == "debian" else []
    return [fill(name, language) for name in names]


def corpus_options(config: dict, text: str) -> dict:
    """The options of corpus.py for one text: its source's settings, filled in, and the bounds and splits."""
    settings, language = corpus(config, text), text.split("/")[0]
    source = settings["source"]
    options = dict(settings[source]) if source != "debian" else {}
    for name in {"repo", "config"} & options.keys():
        options[name] = options[name] and fill(options[name], language)
    options["dataset_config"] = options.pop("config", None)
    shared = {key: settings[key] for key in ("test", "valid", "max_documents", "max_characters")}
    domain = text.partition("/")[2] or config["corpora"]["domain"]
    return {"language": language, "domain": domain, "source": source, **options, **shared}


def scores(made: Recipes) -> list[str]:
    """The folders of importance scores that recipes rank by."""
    folders = {folder for recipe in made.values() for folder in recipe.get("scores", [])}
    return [f"<results>/importance/{folder}" for folder in sorted(folders)]


def regions(names) -> list[str]:
    """The files of regions."""
    return [f"<results>/regions/{name}.safetensors" for name in names]


def known_of(text: str) -> str:
    """What the table of languages says of a text's language, as JSON."""
    return json.dumps(languages().get(text.split("/")[0], {}))


def corpus_files(config: dict, text: str) -> list[str]:
    """The person's own files that a text comes from, so that a change of them is noticed."""
    settings, language = corpus(config, text), text.split("/")[0]
    if settings["source"] == "files":
        wanted = [fill(pattern, language) for pattern in settings["files"]["paths"]]
    elif settings["source"] == "huggingface":
        folder = Path(fill(settings["huggingface"]["repo"], language))
        wanted = [f"{escape(str(folder))}/**"] if folder.is_dir() else []
    else:
        wanted = []
    return matching(wanted)


def matching(wanted: list[str]) -> list[str]:
    """The files that match one of these patterns."""
    found = {path for pattern in wanted for path in glob(pattern, recursive=True)}  # noqa: PTH207 (absolute ones)
    return sorted(path for path in found if Path(path).is_file())


def model_files(config: dict) -> list[str]:
    """The local files of a model, a folder's or a GGUF file, for the same reason; none of one that is fetched."""
    if not config["model"]["pretrained"]:
        return []
    match sources.source(config["model"]["pretrained"]):
        case sources.Folder(folder):
            wanted = patterns(config["model"]["trust_remote_code"])
            return sorted({str(path) for pattern in wanted for path in folder.glob(pattern)})
        case sources.GgufFile(path):
            return [str(path)]
    return []


def stamps(files: list[str]) -> str:
    """Size and last change of files: a file that takes another's place is noticed by them, be it older or newer."""
    found = [(path, Path(path).stat()) for path in files]
    return json.dumps([[path, stat.st_size, stat.st_mtime_ns] for path, stat in found])


def named_files(config: dict) -> list[str]:
    """The files outside the workflow's own that the config names: people's texts, and the files of a model."""
    corpora = [path for text in texts(config) for path in corpus_files(config, text)]
    return [*corpora, *model_files(config)]


def downloads(config: dict) -> list[str]:
    """The outputs of all that the network is needed for: the text, and a model that is fetched, with its tokenizer."""
    made = [f"<results>/corpora/{text}/manifest.json" for text in texts(config)]
    return made + ["<results>/models/base", "<results>/models/tokenizer"] * bool(config["model"]["pretrained"])


def core_cut(config: dict, cut: str) -> Recipes:
    """The core's top and bottom at one cut, such as "0.03" or, ranked over the whole model, "0.03-model"."""
    scope = "model" if cut.endswith("-model") else "tensor"
    return catalog.core_at(config, float(cut.removesuffix("-model")), scope, replicates=0)


def removals(config: dict) -> dict[str, list[str]]:
    """For each removal job the regions that it removes, the model being loaded once for all of them.

    Experiments are not mixed, so that an edit of one reruns its jobs alone. The first job measures the intact
    model as well.
    """
    experiments = config["experiments"]
    asked = {
        "core": list(catalog.core(config)) if "removal" in experiments else [],
        "monolingual": catalog.measured(catalog.monolingual(config)) if "monolingual" in experiments else [],
        "declared": config["removal"]["regions"],
    }
    size = config["jobs"]["regions"]
    jobs = {
        f"{family}-{start // size + 1}": names[start : start + size]
        for family, names in asked.items()
        for start in range(0, len(names), size)
    }
    return jobs or {"base-1": []}


def chunks(items: list[str], size: int) -> list[str]:
    """Items that share a job, joined by "+": the job's name says what it covers."""
    return ["+".join(items[start : start + size]) for start in range(0, len(items), size)]


def arm_regions(arms: str, ratio: float) -> dict[str, str]:
    """The region files that some arms, joined by "+", work with; keys as the flags of further_pretrain.py."""
    names = {"top": f"top-{ratio:g}", "bottom": f"bottom-{ratio:g}", "random": f"random-{ratio:g}-1"}
    used = {kind for arm in arms.split("+") for kind in ARMS[arm].values()}
    return {kind: regions([name])[0] for kind, name in names.items() if kind in used}


def pieces(config: dict) -> dict[str, list[str]]:
    """For each table the files that it is made of, as the config's experiments ask for them."""
    retraining, freezing, per_job = config["retraining"], config["freezing"], config["jobs"]
    found = {
        "removal": [f"<results>/removal/{job}.csv" for job in removals(config)],
    }
    if config["experiments"] and config["importance"]["at"] == "further":
        found["further"] = [
            f"<results>/further/{languages}.csv"
            for languages in chunks(config["further"]["languages"], per_job["languages"])
        ]
    if config["experiments"] and checks(config):
        found["stability"] = [
            f"<results>/stability/{languages}.csv"
            for languages in chunks(config["importance"]["languages"], per_job["languages"])
        ]
    if "retraining" in config["experiments"]:
        found["retraining"] = [
            f"<results>/retraining/{language}-{arms}.csv"
            for language, arms in product(retraining["languages"], chunks(retraining["arms"], per_job["arms"]))
        ]
    if "freezing" in config["experiments"]:
        found["freezing"] = [
            f"<results>/freezing/{language}-{arms}-{rate:g}-{seed}.csv"
            for language, arms, rate, seed in product(
                freezing["languages"],
                chunks(freezing["arms"], per_job["arms"]),
                freezing["learning_rates"],
                freezing["seeds"],
            )
        ]
    return found


def tables(config: dict) -> list[str]:
    """The tables of the run: as data, and as the paper prints them."""
    printed = {"removal": "core_removal", "monolingual": "monolingual", "retraining": "retraining"}
    names = [f"{name}.csv" for name in pieces(config)]
    names += [f"paper_{printed[name]}.md" for name in printed if name in config["experiments"]]
    return [f"<results>/tables/{name}" for name in names]


def model_name(config: dict) -> str:
    """The name of the model before it is fetched; source.json beside it has the one under which its figures stand."""
    if config["model"]["name"] or config["model"]["pretrained"]:
        return config["model"]["name"] or naming.public_name(config["model"]["pretrained"])
    return "tiny Llama pretrained here, {layers} layers x {width}".format(**config["model"]["scratch"])


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


def checks(config: dict) -> list[int]:
    """The numbers of samples after which two halves are compared: none beyond the last sample, none without samples."""
    importance = config["importance"]
    if importance["estimator"] == "magnitude":
        return []
    return [samples for samples in importance["stability"]["checks"] if samples <= importance["samples"][-1]]


def scored_models(config: dict, languages: list[str]) -> list[str]:
    """The models at whose weights these languages' importance is measured."""
    if config["importance"]["at"] == "base":
        return ["<results>/models/base"]
    return [f"<results>/models/further/{language}" for language in languages]
