"""The minimal pairs that a config asks for: their languages, sources and files."""

from collections.abc import Iterable
from glob import escape
from pathlib import Path

from linguistic_regions.planning.corpora import matching_files
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text import questions
from linguistic_regions.text.languages import fill
from linguistic_regions.text.minimal_pairs import templates

OWN = "own"  # among the languages of questions: that of the pair
# Maximum number of pairs that a source has of a language, where the config sets none.
MOST = {"templates": 1000, "corruptions": 3000, "hub": 70_000, "files": 10_000}


def languages(config: dict) -> list[str]:
    """The languages that have pairs: those of the run that `probes` names."""
    return [language for language in config["probes"]["languages"] if language in config["languages"]]


def sources(config: dict, language: str) -> list[str]:
    """The sources of a language's pairs: those of `probes.sources` that have some.

    Raises:
        UserError: none of them has.
    """
    lacking = {source: _lacking(config, language, source) for source in config["probes"]["sources"]}
    found = [source for source, reason in lacking.items() if not reason]
    if not found:
        reasons = "; ".join(lacking.values())
        raise UserError(f"probes.languages: {language!r} has no pairs ({reasons}): add a source, such as corruptions")
    return found


def most(config: dict, language: str) -> int:
    """The maximum number of pairs of a language."""
    count = config["probes"]["pairs"]
    return sum(MOST[source] if count is None else count for source in sources(config, language))


def check_questions(config: dict) -> None:
    """Check that what is asked about the pairs can be asked.

    Raises:
        UserError: there are no questions in a language, or fillers belong to a question that is not asked.
    """
    settings = config["probes"]["prompted"]
    if not settings["pairs"]:
        return
    known = questions.languages()
    for code in settings["languages"]:
        if code not in (OWN, *known):
            raise UserError(
                f"probes.prompted.languages: there are no questions in {code!r}: add resources/questions/{code}.yaml, "
                f"or choose from {', '.join(known)}"
            )
    for code in languages(config):
        if not asked_in(code, settings["languages"]):
            raise UserError(
                f"probes.prompted.languages: there are no questions in {code!r}: add resources/questions/{code}.yaml, "
                "or another language to ask in, such as en"
            )
    wording = settings["fillers"]["wording"]
    if any(settings["fillers"]["counts"]) and wording not in settings["wordings"]:
        raise UserError(
            f"probes.prompted.fillers.wording: {wording!r} is not in probes.prompted.wordings: add it there"
        )


def asked_in(language: str, chosen: Iterable[str]) -> list[str]:
    """The languages in which pairs of a language are asked about, each once.

    Args:
        language: that of the pairs.
        chosen: languages; `own` is that of the pairs, if there are questions in it.
    """
    named = (language if code == OWN else code for code in chosen)
    return [code for code in dict.fromkeys(named) if code in questions.languages()]


def _lacking(config: dict, language: str, source: str) -> str:
    """Why a source has no pairs of a language; empty if it has."""
    if source == "templates" and not templates.path(language).is_file():
        return f"templates: there is no resources/minimal_pairs/{language}.yaml"
    if source == "files" and not config["probes"]["files"]["paths"]:
        return "files: probes.files.paths is empty"
    if source == "hub":
        try:
            hub(config, language)
        except UserError as error:
            return f"hub: {str(error).split(':')[0]}"
    return ""


def hub(config: dict, language: str) -> dict:
    """The settings of a language's published set, filled in.

    Raises:
        UserError: the set does not have the language.
    """
    section = config["probes"]["hub"]
    settings = {key: value for key, value in section.items() if key != "languages"}
    settings |= section["languages"].get(language, {})
    return settings | {key: settings[key] and fill(settings[key], language) for key in ("repo", "config")}


def options(config: dict, language: str) -> dict:
    """The options of pairs.py for a language."""
    settings, found = config["probes"], sources(config, language)
    chosen = {"language": language, "sources": found, "count": settings["pairs"]}
    if "corruptions" in found:
        chosen["seed"] = config["seed"]
    if "files" in found:
        chosen["paths"] = settings["files"]["paths"]
    if "hub" in found:
        published = hub(config, language)
        chosen |= {"dataset_config": published.pop("config"), **published}
    return chosen


def files(config: dict, language: str) -> list[str]:
    """The user's files that pairs come from, so that edits of them are detected."""
    found, patterns = sources(config, language), []
    if "files" in found:
        patterns += config["probes"]["files"]["paths"]
    if "hub" in found and Path(folder := hub(config, language)["repo"]).is_dir():
        patterns.append(f"{escape(folder)}/**")
    return matching_files(patterns)
