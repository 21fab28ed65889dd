"""What the schema of the config cannot express: values that name something, and constraints between keys.

Each mistake is a line that begins with its key. All are found, so that they can be told at once.
"""

import math
import re
from collections.abc import Callable, Iterator

from linguistic_regions.model import sources
from linguistic_regions.planning import catalog, corpora, explanations, pairs, plan
from linguistic_regions.planning.costs.gpus import gpu
from linguistic_regions.regions import recipes
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.kinship import lineage
from linguistic_regions.text.languages import fields_of, language

ESTIMATORS = ("taylor", "taylor_abs", "fisher", "magnitude")
BY_MICRO_BATCH = ("taylor_abs", "fisher")
TEMPLATES = ("packages", "repo", "config", "paths")  # keys in which {language} and other fields are filled in


def lookup(config: dict, key: str):
    """The value of a key such as "importance.languages"."""
    for part in key.split("."):
        config = config[part]
    return config


def misnamed(config: dict) -> Iterator[str]:
    """Yield the values that name nothing: models, patterns, languages, fields, GPUs; and numbers that are none."""
    yield from _infinite(config)
    if config["model"]["pretrained"]:
        yield from _told(sources.parse_source, config["model"]["pretrained"])
    for key in ("model.include", "model.exclude"):
        for pattern in lookup(config, key):
            try:
                re.compile(pattern)
            except re.error as error:
                yield f"{key}: {pattern!r} is not a valid regular expression ({error})"
    for code in config["languages"]:
        unknown = [*_told(language, code)] or [*_told(lineage, code)]
        yield from (f"languages: {message}" for message in unknown)
    for code in config["generations"]["prompts"]:
        yield from (f"generations.prompts: {message}" for message in _told(language, code))
    if config["gpu"] is not None:
        yield from _told(gpu, config["gpu"])
    templates = [*_templates(config["corpora"], "corpora"), *_templates(config["probes"]["hub"], "probes.hub")]
    yield from templates or _told(corpora.texts, config)


def conflicts(config: dict) -> Iterator[str]:
    """Yield the constraints between keys that a config violates, if no value is misnamed."""
    yield from _texts(config)
    yield from _languages(config)
    yield from _milestones(config)
    yield from _samples(config)
    yield from _scratch(config)
    yield from _told(plan.prompts, config)
    yield from _probes(config)
    yield from _regions(config)


def _templates(section: dict, path: str) -> Iterator[str]:
    """The templates of a section and those below it that name a field which languages do not have."""
    for key, value in section.items():
        where = f"{path}.{key}"
        if isinstance(value, dict):
            yield from _templates(value, where)
        elif key in TEMPLATES and value:
            for template in [value] if isinstance(value, str) else value:
                yield from (f"{where}: {message}" for message in _told(fields_of, template))


def _texts(config: dict) -> Iterator[str]:
    yield from _outside(config, "corpora.languages", "languages")
    for domain in corpora.further_domains(config):
        key = f"corpora.domains.{domain}"
        if domain == config["corpora"]["domain"]:
            yield f"{key}: corpora.domain has the same name; choose another"
        if not any(text.endswith(f"/{domain}") for text in corpora.texts(config)):
            yield f"{key}: no language has text of this domain; check its source, or set it to null"
    for code in config["languages"]:
        if corpora.corpus(config, code)["source"] == "debian":
            yield from _in_packages(config, code)
    yield from _unread(config)
    if config["corpora"]["test"] + config["corpora"]["valid"] >= 1:
        yield "corpora.test + corpora.valid: no text is left for training; lower them"


def _in_packages(config: dict, code: str) -> Iterator[str]:
    try:
        found = corpora.in_packages(config, code)
    except UserError as error:  # a language without fortunes, say
        yield f"corpora.debian.packages: {error}"
        return
    if not found:
        yield (
            f"corpora.source: debian has no text in {language(code)['name']}; give another source under "
            f"corpora.languages.{code}, or remove {code!r} from languages"
        )


def _unread(config: dict) -> Iterator[str]:
    """Files of text or of pairs that are named and would not be read."""
    own = config["corpora"]["languages"]
    sections = {"corpora": (config["corpora"], corpora.texts(config))}
    sections |= {f"corpora.languages.{code}": (own[code], [code]) for code in own if code in config["languages"]}
    for key, (section, texts) in sections.items():
        sources = sorted({corpora.corpus(config, text)["source"] for text in texts})
        if section.get("files", {}).get("paths") and "files" not in sources:
            yield f"{key}.files.paths: not read, because {key}.source is {', '.join(sources)}; set it to files"
    probes = config["probes"]
    if probes["files"]["paths"] and probes["languages"]:
        if "files" not in probes["sources"]:
            yield "probes.files.paths: not read, because 'files' is not in probes.sources; add it"
        if not pairs.languages(config):
            yield (
                "probes.files.paths: not read, because no language of probes.languages "
                f"({', '.join(probes['languages'])}) is in languages; set it to those of your pairs"
            )


def _languages(config: dict) -> Iterator[str]:
    """The languages of each experiment must be among those that it needs."""
    experiments = set(config["experiments"])
    at_further = config["importance"]["at"] == "further"
    scored = "further.languages" if at_further else "languages"
    if experiments and at_further:
        yield from _outside(config, "further.languages", "languages")
    if experiments:
        yield from _outside(config, "importance.languages", scored)
    if "monolingual" in experiments:
        yield from _outside(config, "monolingual.languages", "importance.languages")
        yield from _outside(config, "monolingual.kin", scored)
        for code in config["monolingual"]["kin"]:
            if code in config["monolingual"]["languages"]:
                yield f"monolingual.kin: {code!r} is in monolingual.languages too; remove it from one"
        if config["monolingual"]["subtract"] is not None:
            yield from _outside(config, "monolingual.subtract", "importance.languages")
        for code in config["monolingual"]["languages"]:
            if not catalog.subtracted(config, code):
                yield (
                    f"monolingual.subtract: nothing is subtracted from the region of {code}; add another language, "
                    "or leave monolingual out of experiments"
                )
    if "retraining" in experiments:
        yield from _outside(config, "retraining.languages", "languages")
        yield from _outside(config, "retraining.evaluate", "languages")
    if "freezing" in experiments:
        yield from _outside(config, "freezing.languages", "languages")
    if "fidelity" in experiments and config["fidelity"]["languages"]:
        yield from _outside(config, "fidelity.languages", "importance.languages")


def _milestones(config: dict) -> Iterator[str]:
    for key in ("further.milestones", "retraining.milestones", "freezing.milestones"):
        yield from _out_of_order(config, key)
        yield from _no_multiples(config, key, config["training"]["batch_size"], "training.batch_size")


def _samples(config: dict) -> Iterator[str]:
    """Milestones and stability checks of importance."""
    importance = config["importance"]
    checks = importance["stability"]["checks"]
    scored = {importance["estimator"], *config["removal"]["curve"]["estimators"]}
    by_micro_batch = bool(scored & set(BY_MICRO_BATCH))
    for key in ("importance.samples", "importance.stability.checks"):
        yield from _out_of_order(config, key)
        if by_micro_batch:
            yield from _no_multiples(config, key, importance["micro_batch"], "importance.micro_batch")
    if checks and by_micro_batch and checks[0] < 2 * importance["micro_batch"]:
        yield (
            f"importance.stability.checks: {checks[0]} samples are fewer than two micro-batches "
            f"(importance.micro_batch {importance['micro_batch']}), one for each half; increase them"
        )
    if importance["stability"]["stop_at"] is not None and not checks:
        yield ("importance.stability.stop_at: there are no checks at which to stop; set importance.stability.checks")


def _scratch(config: dict) -> Iterator[str]:
    scratch = config["model"]["scratch"]
    width, heads = scratch["width"], scratch["heads"]
    if width % heads or heads % scratch["kv_heads"]:
        yield "model.scratch: width must be a multiple of heads, and heads of kv_heads"
    elif width // heads % 2:
        yield (
            f"model.scratch: a head has width / heads = {width // heads} dimensions, which rotary positions need to be "
            "an even number; change one of them"
        )
    if scratch["samples"] < scratch["batch_size"]:
        yield "model.scratch.samples: fewer than one batch (model.scratch.batch_size); increase it"


def _probes(config: dict) -> Iterator[str]:
    """Sources of minimal pairs, and questions about them."""
    for code in pairs.languages(config):
        yield from _told(pairs.sources, config, code)
    yield from _told(pairs.check_questions, config)


def _regions(config: dict) -> Iterator[str]:
    """Regions that a recipe or the removals name, and the scores of recipes."""
    importance, declared = config["importance"], catalog.declared(config)
    for name in config["removal"]["regions"]:
        if name not in declared:
            yield f"removal.regions: no region {name!r} is declared{explanations.nearest(name, declared)}"
    for name, recipe in config["regions"].items():
        unknown = [other for other in recipes.dependencies(recipe) if other not in declared]
        for other in unknown:
            yield f"regions.{name}: no region {other!r} is declared{explanations.nearest(other, declared)}"
        if not unknown:
            yield from _told(recipes.needed, name, declared)
    scored = [f"{code}/{samples}" for code in importance["languages"] for samples in importance["samples"]]
    for name, recipe in config["regions"].items():
        for scores in recipes.ranked_by(recipe):
            estimator, _, rest = scores.partition("/") if scores.count("/") == 2 else ("", "", scores)
            key = f"regions.{name}.scores"
            if rest not in scored:
                yield f"{key}: {scores!r} is not one of {', '.join(scored)}"
            elif estimator and estimator not in ESTIMATORS:
                yield f"{key}: {estimator!r} is not one of {', '.join(ESTIMATORS)}"
            elif recipe.get("match") == "magnitude" and estimator != "magnitude":
                yield f"{key}: {scores!r} is not of the estimator magnitude: write magnitude/{rest}"


def _told(check: Callable, *arguments) -> Iterator[str]:
    """Yield what is wrong by a function that raises it."""
    try:
        check(*arguments)
    except UserError as error:
        yield str(error)


def _infinite(value, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _infinite(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _infinite(inner, f"{path}.{place}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is not a finite number"


def _outside(config: dict, key: str, of: str) -> Iterator[str]:
    allowed = lookup(config, of)
    for code in lookup(config, key):
        if code not in allowed:
            yield f"{key}: {code!r} is not in {of} ({', '.join(allowed)})"


def _out_of_order(config: dict, key: str) -> Iterator[str]:
    values = lookup(config, key)
    if values != sorted(set(values)):
        yield f"{key}: {values} must be in ascending order, without duplicates"


def _no_multiples(config: dict, key: str, of: int, named: str) -> Iterator[str]:
    for value in lookup(config, key):
        if value % of:
            yield f"{key}: {value} is not a multiple of {named} ({of})"
