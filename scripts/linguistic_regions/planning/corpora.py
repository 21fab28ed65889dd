"""The texts that a config asks for: their sources, files and sizes."""

import json
import math
from collections.abc import Iterable
from glob import escape, glob
from pathlib import Path

from linguistic_regions.text.languages import can_fill, fill, languages

DEFAULT_CHARACTERS = 1_300_000  # per language, if the config sets no limit: the maximum of the demo's packages


def domains(config: dict) -> list[str]:
    """The names of all domains, beginning with the one on which models are trained and scored."""
    return [config["corpora"]["domain"], *further_domains(config)]


def further_domains(config: dict) -> dict[str, dict]:
    """The settings of the domains on which models are only tested, by name."""
    return {name: settings for name, settings in config["corpora"]["domains"].items() if settings is not None}


def texts(config: dict) -> list[str]:
    """The names of all texts: the code of each language, and language/domain for further domains.

    The order of `languages` is that of tables and figures. Here it has no meaning, so a change of it changes nothing.
    """
    codes = sorted(config["languages"])
    further = [
        f"{language}/{domain}"
        for domain in further_domains(config)
        for language in codes
        if _has_text(config, f"{language}/{domain}")
    ]
    return [*codes, *further]


def _has_text(config: dict, text: str) -> bool:
    """Whether a text of a further domain exists: the source has an id for the language, or files match."""
    settings, language = corpus(config, text), text.split("/")[0]
    if settings["source"] == "files":
        return bool(corpus_files(config, text))
    templates = {"debian": settings["debian"]["packages"], "huggingface": [settings["huggingface"]["config"] or ""]}
    return all(can_fill(template, language) for template in templates[settings["source"]])


def corpus(config: dict, text: str) -> dict:
    """The settings of `corpora` that apply to a text (a language, or language/domain)."""
    language, _, domain = text.partition("/")
    sections = [config["corpora"]]
    sections += [further_domains(config)[domain]] if domain else []
    settings: dict = {}
    for section in [*sections, *(section.get("languages", {}).get(language, {}) for section in sections[-1:])]:
        for key, value in section.items():
            if key not in ("languages", "domain", "domains"):
                settings[key] = settings.get(key, {}) | value if isinstance(value, dict) else value
    return settings


def training_text(text: str) -> list[str]:
    """The texts whose training paragraphs are dropped from a text: for a further domain, that of its language."""
    language, _, domain = text.partition("/")
    return [language] if domain else []


def packages(config: dict, text: str) -> list[str]:
    """The names of the Debian packages that a text comes from."""
    settings, language = corpus(config, text), text.split("/")[0]
    names = settings["debian"]["packages"] if settings["source"] == "debian" else []
    return [fill(name, language) for name in names]


def in_packages(config: dict, text: str) -> bool:
    """Whether the table of languages has the language of a text in one of its Debian packages."""
    row = languages()[text.split("/")[0]]
    return any(row["debian"] or name == row["fortunes"] for name in packages(config, text))


def corpus_options(config: dict, text: str) -> dict:
    """The options of corpus.py for a text: the settings of its source, filled in, and limits and splits."""
    settings, language = corpus(config, text), text.split("/")[0]
    source = settings["source"]
    options = dict(settings[source]) if source != "debian" else {}
    for name in {"repo", "config"} & options.keys():
        options[name] = options[name] and fill(options[name], language)
    options["dataset_config"] = options.pop("config", None)
    shared = {key: settings[key] for key in ("test", "valid", "max_documents", "max_characters")}
    domain = text.partition("/")[2] or config["corpora"]["domain"]
    return {"language": language, "domain": domain, "source": source, **options, **shared}


def language_row(text: str) -> str:
    """The row of a text's language in the table of languages, as JSON."""
    return json.dumps(languages().get(text.split("/")[0], {}))


def corpus_files(config: dict, text: str) -> list[str]:
    """The user's files that a text comes from, so that edits of them are detected."""
    settings, language = corpus(config, text), text.split("/")[0]
    if settings["source"] == "files":
        patterns = [fill(pattern, language) for pattern in settings["files"]["paths"]]
    elif settings["source"] == "huggingface":
        folder = Path(fill(settings["huggingface"]["repo"], language))
        patterns = [f"{escape(str(folder))}/**"] if folder.is_dir() else []
    else:
        patterns = []
    return matching_files(patterns)


def matching_files(patterns: list[str]) -> list[str]:
    """The files that match one of the glob patterns, in ascending order."""
    found = {path for pattern in patterns for path in glob(pattern, recursive=True)}  # noqa: PTH207 (absolute ones)
    return sorted(path for path in found if Path(path).is_file())


def file_stamps(files: list[str]) -> str:
    """Size and modification time of files, as JSON: detects a replaced file, whether it is older or newer."""
    found = [(path, Path(path).stat()) for path in files]
    return json.dumps([[path, stat.st_size, stat.st_mtime_ns] for path, stat in found])


def max_characters(config: dict, text: str) -> int:
    """An upper bound of the characters of a text (the last document may exceed it)."""
    return corpus(config, text)["max_characters"] or DEFAULT_CHARACTERS


def max_tokens(config: dict, texts: Iterable[str], split: str) -> float:
    """An upper bound of the tokens of a split that are measured in one condition, at one token per character."""
    size, blocks = config["tokens"]["block_size"], config["tokens"][f"{split}_blocks"] or math.inf
    return sum(min(blocks * size, max_characters(config, text) * corpus(config, text)[split]) for text in texts)
