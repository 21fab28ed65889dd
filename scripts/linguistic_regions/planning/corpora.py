"""The text that a config asks for: where each text comes from, and its files. Pure functions of the config."""

import json
import math
from collections.abc import Iterable
from glob import escape, glob
from pathlib import Path

from linguistic_regions.text.languages import can_fill, fill, languages

CHARACTERS = 1_300_000  # per language where the config sets no bound: the most that the demo's packages have


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


def stamps(files: list[str]) -> str:
    """Size and last change of files: a file that takes another's place is noticed by them, be it older or newer."""
    found = [(path, Path(path).stat()) for path in files]
    return json.dumps([[path, stat.st_size, stat.st_mtime_ns] for path, stat in found])


def characters(config: dict, text: str) -> int:
    """Of a text, at most; more by a document where the config sets a bound."""
    return corpus(config, text)["max_characters"] or CHARACTERS


def tokens(config: dict, texts: Iterable[str], split: str) -> float:
    """Tokens of the blocks of a split that one measurement takes, at most: a character is a token at most."""
    size, blocks = config["tokens"]["block_size"], config["tokens"][f"{split}_blocks"] or math.inf
    return sum(min(blocks * size, characters(config, text) * corpus(config, text)[split]) for text in texts)
