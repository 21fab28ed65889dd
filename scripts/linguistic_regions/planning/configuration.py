"""Validate the config: schema, consistency, files. Needs jsonschema only."""

import math
import os
import re
from contextlib import suppress
from copy import deepcopy
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from linguistic_regions.model import sources
from linguistic_regions.planning import catalog, corpora, plan
from linguistic_regions.planning.costs.gpus import gpu
from linguistic_regions.regions import recipes
from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.languages import fill, language

BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
ESTIMATORS = ("taylor", "taylor_abs", "fisher", "magnitude")
BY_MICRO_BATCH = ("taylor_abs", "fisher")
ANCHORS = "x-"  # keys that begin so may hold what YAML's anchors name
SCHEMA = ROOT / "schemas" / "config.schema.yaml"


def schema() -> dict:
    """The JSON schema of the config; each key has a description and, unless it is a section, a default."""
    return yaml.safe_load(checkout_file(SCHEMA).read_text(encoding="utf-8"))


def check(config: dict) -> dict:
    """Validate a config.

    Returns:
        The config, with defaults filled in, and without keys that begin with `ANCHORS`.

    Raises:
        UserError: a value is invalid; the message names the key, the value, and what to do.
    """
    rules = schema()
    config = {key: value for key, value in config.items() if not str(key).startswith(ANCHORS)}
    config = with_defaults(_coerce(deepcopy(config), rules, rules), rules)
    error = best_match(Draft202012Validator(rules).iter_errors(config))
    if error:
        raise UserError(f"config: {_explain(error)}")
    _check_consistency(config)
    return config


def resolve(rule: dict, rules: dict) -> dict:
    """Replace a `$ref` of a schema rule by the definition that it refers to."""
    if "$ref" not in rule:
        return rule
    return rules["$defs"][rule["$ref"].rsplit("/", 1)[-1]] | rule


def with_defaults(config, rules: dict):
    """Fill in missing keys with the schema's defaults, section by section, in place."""
    if isinstance(config, dict):
        for key, rule in rules.get("properties", {}).items():
            if key not in config and ("default" in rule or "properties" in rule):
                config[key] = deepcopy(rule.get("default", {}))
            if key in config:
                config[key] = with_defaults(config[key], rule)
    return config


def _coerce(value, rule: dict, rules: dict):
    """Convert values to the types of the schema.

    YAML reads 1e-4 as a string, and `no`, the code of Norwegian, as false. Snakemake reads all values inside a section
    that is given by --config as strings.
    """
    rule = resolve(rule, rules)
    if isinstance(value, dict):
        properties = rule.get("properties", {})
        named = {_original_name(key): item for key, item in value.items()}
        return {key: _coerce(item, properties.get(key, {}), rules) for key, item in named.items()}
    if isinstance(value, list):
        return [_coerce(item, rule.get("items", {}), rules) for item in value]
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, str) and value == "null" and "null" in kinds:
        return None
    if isinstance(value, str) and "string" not in kinds:
        for kind, convert in (
            ("integer", int),
            ("number", float),
            ("boolean", {"true": True, "false": False}.__getitem__),
        ):
            if kind in kinds:
                with suppress(ValueError, KeyError):
                    return convert(value)
    if kinds == ["string"] and isinstance(value, int | date):
        return _original_name(value)
    return value


def _original_name(value) -> str:
    """The original text of a name that YAML read as a boolean, a number or a date: no, 2026, 2026-01-02."""
    return {"False": "no", "True": "yes", "None": "null"}.get(str(value), str(value))


def _explain(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        path = unknown if where == "top level" else f"{where}.{unknown}"
        nearest = get_close_matches(unknown, known, 1, 0.5)
        advice = f"did you mean {nearest[0]!r}?" if nearest else f"known keys are {', '.join(known)}"
        return f"{path}: there is no such key; {advice}"
    if error.validator == "enum":
        allowed = ", ".join(str(value) for value in error.validator_value)
        return f"{where}: {error.instance!r} is not one of {allowed}"
    if error.validator in BOUNDS:
        return f"{where}: {error.instance!r} must be {BOUNDS[error.validator]} {error.validator_value}"
    description = error.schema.get("description", "")
    message = f"{error.instance!r} is not allowed" if error.validator == "pattern" else error.message
    return f"{where}: {message}" + (f" ({description})" if description else "")


def check_files(config: dict) -> None:
    """Check that the files that the config names exist and are readable.

    Raises:
        UserError: a GGUF file does not exist, no file matches a pattern, a file is not readable, or two languages have
            the same files.
    """
    model = sources.parse_source(config["model"]["pretrained"]) if config["model"]["pretrained"] else None
    if isinstance(model, sources.GgufFile):
        if not model.path.is_file():
            advice = "check the path (~ is not expanded)"
            raise UserError(f"config: model.pretrained: there is no file {model.path}; {advice}")
        if not os.access(model.path, os.R_OK):
            raise UserError(f"config: model.pretrained: {model.path} cannot be read: change its permissions")
    seen: dict[tuple[str, ...], str] = {}
    for text in corpora.texts(config):
        settings, code = corpora.corpus(config, text), text.split("/")[0]
        if settings["source"] != "files":
            continue
        for pattern in settings["files"]["paths"] or [""]:
            if not corpora.matching_files([fill(pattern, code)]):
                paths = fill(pattern, code) or "no path given"
                advice = f"use {paths}/*" if Path(paths).is_dir() and pattern else "check the path"
                raise UserError(f"config: corpora.files.paths: there is no file for {code} ({paths}); {advice}")
        files = corpora.corpus_files(config, text)
        for path in files:
            if not os.access(path, os.R_OK):
                raise UserError(f"config: corpora.files.paths: {path} cannot be read: change its permissions")
        if other := seen.get(tuple(files)):
            raise UserError(
                f"config: corpora.files.paths: {other} and {text} have the same files, such as {files[0]}; put "
                "{language} in the path"
            )
        seen[tuple(files)] = text


def _check_consistency(config: dict) -> None:
    """Check the constraints between keys, which the schema cannot express."""
    _check_finite(config, "")
    if config["model"]["pretrained"]:
        try:
            sources.parse_source(config["model"]["pretrained"])
        except UserError as error:
            raise UserError(f"config: {error}") from None
    for key in ("model.include", "model.exclude"):
        for pattern in _lookup(config, key):
            try:
                re.compile(pattern)
            except re.error as error:
                raise UserError(f"config: {key}: {pattern!r} is not a valid regular expression ({error})") from None
    for code in config["languages"]:
        try:
            language(code)
        except UserError as error:
            raise UserError(f"config: languages: {error}") from None
    _check_subset(config, "corpora.languages", config["languages"], "languages")
    for domain in corpora.further_domains(config):
        key = f"corpora.domains.{domain}"
        if domain == config["corpora"]["domain"]:
            raise UserError(f"config: {key}: corpora.domain has the same name; choose another")
        if not any(text.endswith(f"/{domain}") for text in corpora.texts(config)):
            raise UserError(f"config: {key}: no language has text of this domain; check its source, or set it to null")
    importance, experiments = config["importance"], set(config["experiments"])
    if experiments:
        _check_subset(config, "importance.languages", config["languages"], "languages")
        if importance["at"] == "further":
            _check_subset(config, "further.languages", config["languages"], "languages")
            _check_subset(config, "importance.languages", config["further"]["languages"], "further.languages")
    if "monolingual" in experiments:
        _check_subset(config, "monolingual.languages", importance["languages"], "importance.languages")
        _check_kin(config)
        _check_subtracted(config)
    if "retraining" in experiments:
        _check_subset(config, "retraining.languages", config["languages"], "languages")
        _check_subset(config, "retraining.evaluate", config["languages"], "languages")
    if "freezing" in experiments:
        _check_subset(config, "freezing.languages", config["languages"], "languages")
    if "fidelity" in experiments and config["fidelity"]["languages"]:
        _check_subset(config, "fidelity.languages", importance["languages"], "importance.languages")

    batch = config["training"]["batch_size"]
    for key in ("further.milestones", "retraining.milestones", "freezing.milestones"):
        _check_ascending(config, key)
        _check_multiples(config, key, batch, "training.batch_size")
    _check_samples(config)

    scratch = config["model"]["scratch"]
    if scratch["width"] % scratch["heads"] or scratch["heads"] % scratch["kv_heads"]:
        raise UserError("config: model.scratch: width must be a multiple of heads, and heads of kv_heads")
    if scratch["samples"] < scratch["batch_size"]:
        raise UserError("config: model.scratch.samples: fewer than one batch (model.scratch.batch_size); increase it")
    if config["corpora"]["test"] + config["corpora"]["valid"] >= 1:
        raise UserError("config: corpora.test + corpora.valid: no text is left for training; lower them")

    try:
        plan.prompts(config)
    except UserError as error:
        raise UserError(f"config: {error}") from None

    if config["gpu"] is not None:
        try:
            gpu(config["gpu"])
        except UserError as error:
            raise UserError(f"config: {error}") from None

    declared = catalog.declared(config)
    for name in [*config["regions"], *config["removal"]["regions"]]:
        recipes.needed(name, declared)
    scored = [f"{code}/{samples}" for code in importance["languages"] for samples in importance["samples"]]
    for name, recipe in config["regions"].items():
        for scores in recipes.ranked_by(recipe):
            estimator, _, rest = scores.partition("/") if scores.count("/") == 2 else ("", "", scores)
            if rest not in scored:
                raise UserError(f"config: regions.{name}.scores: {scores!r} is not one of {', '.join(scored)}")
            if recipe.get("match") == "magnitude" and estimator != "magnitude":
                told = f"{scores!r} is not of the estimator magnitude: write magnitude/{rest}"
                raise UserError(f"config: regions.{name}.scores: {told}")
            if estimator and estimator not in ESTIMATORS:
                raise UserError(f"config: regions.{name}.scores: {estimator!r} is not one of {', '.join(ESTIMATORS)}")


def _check_kin(config: dict) -> None:
    """Check the languages that are scored only to be compared."""
    scored = "further.languages" if config["importance"]["at"] == "further" else "languages"
    _check_subset(config, "monolingual.kin", _lookup(config, scored), scored)
    for code in config["monolingual"]["kin"]:
        if code in config["monolingual"]["languages"]:
            raise UserError(f"config: monolingual.kin: {code!r} is in monolingual.languages too; remove it from one")


def _check_subtracted(config: dict) -> None:
    """Check that something can be subtracted from the region of each language."""
    key = "monolingual.subtract"
    if config["monolingual"]["subtract"] is not None:
        _check_subset(config, key, config["importance"]["languages"], "importance.languages")
    for code in config["monolingual"]["languages"]:
        if not catalog.subtracted(config, code):
            raise UserError(f"config: {key}: nothing is subtracted from the region of {code}; add another language")


def _check_samples(config: dict) -> None:
    """Check the milestones and the stability checks of importance."""
    importance = config["importance"]
    checks = importance["stability"]["checks"]
    scored = {importance["estimator"], *config["removal"]["curve"]["estimators"]}
    by_micro_batch = bool(scored & set(BY_MICRO_BATCH))
    for key in ("importance.samples", "importance.stability.checks"):
        _check_ascending(config, key)
        if by_micro_batch:
            _check_multiples(config, key, importance["micro_batch"], "importance.micro_batch")
    if checks and by_micro_batch and checks[0] < 2 * importance["micro_batch"]:
        raise UserError(
            f"config: importance.stability.checks: {checks[0]} samples are fewer than two micro-batches "
            f"(importance.micro_batch {importance['micro_batch']}), one for each half; increase them"
        )
    if importance["stability"]["stop_at"] is not None and not checks:
        raise UserError(
            "config: importance.stability.stop_at: there are no checks at which to stop; set "
            "importance.stability.checks"
        )


def _lookup(config: dict, key: str):
    for part in key.split("."):
        config = config[part]
    return config


def _check_finite(value, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_finite(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _check_finite(inner, f"{path}.{place}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"config: {path}: {value} is not a finite number")


def _check_subset(config: dict, key: str, allowed: list[str], of: str) -> None:
    for code in _lookup(config, key):
        if code not in allowed:
            raise UserError(f"config: {key}: {code!r} is not in {of} ({', '.join(allowed)})")


def _check_ascending(config: dict, key: str) -> None:
    values = _lookup(config, key)
    if values != sorted(set(values)):
        raise UserError(f"config: {key}: {values} must be in ascending order, without duplicates")


def _check_multiples(config: dict, key: str, of: int, named: str) -> None:
    for value in _lookup(config, key):
        if value % of:
            raise UserError(f"config: {key}: {value} is not a multiple of {named} ({of})")
