"""Validate the config: schema, consistency, files. Needs jsonschema only."""

import os
from contextlib import suppress
from copy import deepcopy
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from linguistic_regions.model import sources
from linguistic_regions.model.modelfiles import NO_WEIGHTS, TOKENIZER
from linguistic_regions.planning import consistency, corpora, pairs
from linguistic_regions.planning.explanations import explain
from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.languages import fill

ANCHORS = "x-"  # keys that begin so may hold what YAML's anchors name
LANGUAGES = {  # the languages of experiments, and what they must be among, which comes first
    "further.languages": "languages",
    "importance.languages": "languages",  # or further.languages
    "monolingual.languages": "importance.languages",
    "retraining.languages": "languages",
    "retraining.evaluate": "languages",
    "freezing.languages": "languages",
}
SCHEMA = ROOT / "schemas" / "config.schema.yaml"


def schema() -> dict:
    """The JSON schema of the config; each key has a description and, unless it is a section, a default."""
    return yaml.CSafeLoader(checkout_file(SCHEMA).read_text(encoding="utf-8")).get_single_data()


def check(config: dict) -> dict:
    """Validate a config.

    Returns:
        The config, with defaults filled in, and without keys that begin with `ANCHORS`.

    Raises:
        UserError: values are invalid; the lines of the message name each key, its value, and what to do.
    """
    rules = schema()
    config = {key: value for key, value in config.items() if not str(key).startswith(ANCHORS)}
    config = with_defaults(_coerce(deepcopy(config), rules, rules), rules)
    mistakes = _invalid_values(config, rules)
    mistakes = mistakes or list(consistency.misnamed(config))
    mistakes = mistakes or list(consistency.conflicts(_with_languages(config, rules)))
    if mistakes:
        raise UserError(*(f"config: {mistake}" for mistake in mistakes))
    return config


def _invalid_values(config: dict, rules: dict) -> list[str]:
    """What is wrong by the schema, in the order of the keys; of a value of the wrong type, only that."""
    errors = sorted(Draft202012Validator(rules).iter_errors(config), key=lambda error: list(map(str, error.path)))
    mistyped = {error.json_path for error in errors if error.validator == "type"}
    told = [error for error in errors if error.validator == "type" or error.json_path not in mistyped]
    return list(dict.fromkeys(explain(best_match([error])) for error in told))


def resolve(rule: dict, rules: dict) -> dict:
    """Replace a `$ref` of a schema rule by the definition that it refers to."""
    if "$ref" not in rule:
        return rule
    return rules["$defs"][rule["$ref"].rsplit("/", 1)[-1]] | rule


def with_defaults(config, rules: dict):
    """Fill in missing keys with the schema's defaults, section by section; keys are in the schema's order.

    A default that is written out, or keys in another order, thus give the same config.
    """
    if not isinstance(config, dict):
        return config
    filled = {}
    for key, rule in rules.get("properties", {}).items():
        if key in config or "default" in rule or "properties" in rule:
            value = config[key] if key in config else deepcopy(rule.get("default", {}))
            filled[key] = with_defaults(value, rule)
    return filled | {key: value for key, value in config.items() if key not in filled}


def _with_languages(config: dict, rules: dict) -> dict:
    """Replace the languages of experiments that are not given, where the defaults are not in `languages`, in place.

    They are replaced by as many of the languages that they must be among, from the first.
    """
    at_further = config["importance"]["at"] == "further"
    for key, among in {**LANGUAGES, "importance.languages": "further.languages" if at_further else "languages"}.items():
        section, name = key.split(".")
        default = rules["properties"][section]["properties"][name]["default"]
        allowed = consistency.lookup(config, among)
        if config[section][name] == default and not set(default) <= set(allowed):
            config[section][name] = allowed[: len(default)]
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


def check_files(config: dict) -> None:
    """Check that the files that the config names exist and are readable, and that the optional package that it needs
    is installed.

    Raises:
        UserError: a GGUF file or the folder of tasks does not exist, a model's folder has no tokenizer, no file matches
            a pattern, a file is not readable or lacks the column, two languages have the same files, or the package is
            missing.
    """
    tasks = config["lm_eval"]
    if tasks["tasks"] and not find_spec("lm_eval"):
        raise UserError("config: lm_eval.tasks: needs lm-eval: pip install -r envs/lm_eval.txt")
    if tasks["tasks"] and tasks["include_path"] and not Path(tasks["include_path"]).is_dir():
        raise UserError(f"config: lm_eval.include_path: there is no folder {tasks['include_path']}; check the path")
    if config["model"]["pretrained"]:
        _check_model(config["model"])
    if pairs.languages(config) and "files" in config["probes"]["sources"]:
        for pattern in config["probes"]["files"]["paths"]:
            if not corpora.matching_files([pattern]):
                advice = "give it without {}: each row names its language" if "{" in pattern else "check the path"
                raise UserError(f"config: probes.files.paths: there is no file {pattern}; {advice}")
        if find_spec("pyarrow"):
            _check_pairs(config)
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
        if find_spec("pyarrow"):
            _check_column(files[0], settings["files"]["column"])
        if other := seen.get(tuple(files)):
            raise UserError(
                f"config: corpora.files.paths: {other} and {text} have the same files, such as {files[0]}; put "
                "{language} in the path"
            )
        seen[tuple(files)] = text


def _check_pairs(config: dict) -> None:
    """Check that the user's pairs have each language that has no others."""
    from linguistic_regions.text.minimal_pairs import files  # imports pyarrow

    for language in pairs.languages(config):
        try:
            first = next(files.pairs(language, config["probes"]["files"]["paths"]), None)
        except UserError as error:
            raise UserError(f"config: probes.files: {error}") from None
        if not first and pairs.sources(config, language) == ["files"]:
            raise UserError(
                f"config: probes.languages: no row of probes.files.paths is of {language}: add pairs of it, add a "
                "source, or leave it out"
            )


def _check_column(file: str, column: str) -> None:
    """Check that a file of the user's text has the column of the text, if it has columns."""
    from linguistic_regions.text.files import check_column  # imports pyarrow

    try:
        check_column(Path(file), column)
    except UserError as error:
        raise UserError(f"config: corpora.files: {error}") from None


def _check_model(model: dict) -> None:
    """Check the file or folder that a section `model` names."""
    match sources.parse_source(model["pretrained"]):
        case sources.GgufFile(path):
            if not path.is_file():
                advice = "check the path (~ is not expanded)"
                raise UserError(f"config: model.pretrained: there is no file {path}; {advice}")
            if not os.access(path, os.R_OK):
                raise UserError(f"config: model.pretrained: {path} cannot be read: change its permissions")
        case sources.Folder(path) if (path / "config.json").exists() and not model["trust_remote_code"]:
            if not any(any(path.glob(pattern)) for pattern in TOKENIZER):
                raise UserError(
                    f"config: model.pretrained: {path} has no tokenizer ({TOKENIZER[0]}): save its own there"
                )
            if not any(path.glob("*.safetensors")):
                raise UserError(f"config: model.pretrained: {path}: {NO_WEIGHTS}")
