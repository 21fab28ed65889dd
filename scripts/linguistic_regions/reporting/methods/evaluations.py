"""What is measured besides perplexity, in words."""

from collections.abc import Mapping

from linguistic_regions.reporting.methods.words import listed, many, named

SOURCES = {
    "templates": "templates of the workflow",
    "corruptions": "corruptions of the test text",
    "hub": "published sets",
    "files": "local files",
}
TEMPLATES = {"plain": "as the beginning of a text", "chat": "through the chat template, if the model has one"}


def generations(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    if not settings["languages"]:
        return []
    return [
        f"A prompt in {named(settings['languages'], names)} is continued by the most likely token at each step, one "
        f"prompt at a time, up to {many(settings['tokens'], 'token')} or the end of the text, by the intact model"
        f"{_lesions(settings)}.",
        "If the model has a chat template, the prompt is also put to it as a user's message.",
    ]


def probes(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    if not settings["languages"]:
        return []
    most = f"at most {many(settings['pairs'], 'pair')}" if settings["pairs"] else "all pairs"
    return [
        f"In {named(settings['languages'], names)}, two sentences that differ in little, of which one is grammatical, "
        f"are compared: {most} of each language and source, evenly over phenomena.",
        f"They come from {listed([_source(source, settings) for source in settings['sources']])}.",
        "The direct measure is which sentence has the higher summed log-probability, in the intact model"
        f"{_lesions(settings)}.",
        *_prompted(settings["prompted"], names),
    ]


def _source(source: str, settings: Mapping) -> str:
    hub = settings["hub"]
    repos = dict.fromkeys(hub["languages"].get(code, {}).get("repo", hub["repo"]) for code in settings["languages"])
    return SOURCES[source] + (f" ({', '.join(repos)})" if source == "hub" else "")


def _prompted(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    if not settings["pairs"]:
        return []
    wordings = listed([wording.replace("_", " ") for wording in settings["wordings"]])
    tongues = named(settings["languages"], {**names, "own": "the language of the pair"})
    put = listed([TEMPLATES[template] for template in settings["templates"]])
    sentences = [
        f"{many(settings['pairs'], 'pair')} of each language at most are also asked about, in {tongues}, "
        f"in both orders of the options; the wordings: {wordings}.",
        f"A question is put {put}, to the intact model{_lesions(settings)}; the prompted measure is which of the two "
        "answers has the higher log-probability.",
    ]
    fillers = settings["fillers"]
    if fillers["counts"]:
        kinds = {"dots": "dots", "spaces": "spaces", "instruction": "the instruction repeated"}
        sentences.append(
            f"The wording {fillers['wording'].replace('_', ' ')} is also asked with {listed(fillers['counts'])} filler "
            f"tokens before the answer: {listed([kinds[kind] for kind in fillers['kinds']])}."
        )
    return sentences


def _lesions(settings: Mapping) -> str:
    """Say which kinds of regions are removed, as the continuation of a sentence on the intact model."""
    kinds = [kind.replace("_", " ") for kind in settings["regions"]]
    return f" and without these kinds of regions: {listed(kinds)}" if kinds else ""


def lm_eval(settings: Mapping) -> list[str]:
    if not settings["tasks"]:
        return []
    limit = f", at most {many(settings['limit'], 'document')} of each task" if settings["limit"] else ""
    return [
        f"lm-evaluation-harness puts these to the model and scores its answers{limit}: {listed(settings['tasks'])}."
    ]
