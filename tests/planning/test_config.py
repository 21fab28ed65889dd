"""The config: schema, defaults, reference and shipped configs agree; what follows from one."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from linguistic_regions.planning import catalog, configuration, corpora, pairs, plan
from linguistic_regions.planning.configfiles import merged
from linguistic_regions.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_config_yaml_holds_every_key_with_its_default():
    assert configuration.check({}) == configuration.check(DEFAULTS)

    def keys(section, rule):
        assert set(section) == set(rule["properties"])
        for key, below in rule["properties"].items():
            if "properties" in below:
                keys(section[key], below)

    keys(DEFAULTS, configuration.schema())


def test_every_key_has_a_description_and_a_default():
    def visit(path, rule):
        assert "description" in rule, path
        assert "default" in rule or "properties" in rule, path
        for key, below in rule.get("properties", {}).items():
            visit(f"{path}.{key}", below)

    for key, rule in configuration.schema()["properties"].items():
        visit(key, rule)


def test_the_reference_is_made_from_the_schema():
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/config_reference.py"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs/config.md").read_text(encoding="utf-8") == made.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path):
    changes = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert configuration.check(merged(DEFAULTS, changes))["run"] == path.stem


@pytest.mark.parametrize("at", ["base", "further"])
def test_a_list_of_languages_alone_is_a_complete_config(at):
    config = configuration.check({"languages": ["en", "de", "fi"], "importance": {"at": at}})
    for section in ("further", "importance", "monolingual"):
        assert config[section]["languages"] == ["en", "de", "fi"]
    assert config["retraining"]["languages"] == config["freezing"]["languages"] == ["en"]
    assert config["retraining"]["evaluate"] == ["en", "de"]
    assert configuration.check(config) == config
    assert plan.prompts(config).keys() == {"en"}


def test_languages_of_an_experiment_are_kept_where_they_are_given_or_possible():
    config = configuration.check({"languages": ["zh", "en", "ru"], "importance": {"languages": ["ru", "zh"]}})
    assert config["importance"]["languages"] == config["monolingual"]["languages"] == ["ru", "zh"]
    assert (config["retraining"]["languages"], config["retraining"]["evaluate"]) == (["zh"], ["zh", "en"])
    more = configuration.check({"languages": [*DEFAULTS["languages"], "de"]})
    assert more["importance"] == configuration.check({})["importance"]


def test_what_has_no_order_and_what_is_written_out_changes_nothing():
    turned = {key: DEFAULTS[key] for key in reversed(DEFAULTS)}
    assert json.dumps(configuration.check(turned)) == json.dumps(configuration.check({}))
    codes = DEFAULTS["languages"]
    one, other = (configuration.check({"languages": order}) for order in (codes, codes[::-1]))
    assert one["languages"] != other["languages"]
    assert corpora.texts(one) == corpora.texts(other)
    assert plan.downloads(one) == plan.downloads(other)


def test_what_yaml_misreads():
    text = """
    languages: [en, no]
    further: {languages: [en, no], learning_rate: 1e-4}
    importance: {languages: [en, no]}
    monolingual: {languages: [en, no]}
    retraining: {languages: [no], evaluate: [no]}
    freezing: {languages: [no], learning_rates: [5e-5]}
    """
    config = configuration.check(yaml.safe_load(text))
    assert config["languages"] == ["en", "no"]
    assert config["further"]["learning_rate"] == 1e-4
    assert config["freezing"]["learning_rates"] == [5e-5]


def test_scores_that_name_no_estimator_are_of_the_configs():
    recipe = {"select": "top", "ratio": 0.1, "scores": ["ru/40", "magnitude/zh/40"]}
    config = configuration.check({"regions": {"mixed": recipe}})
    assert catalog.declared(config)["mixed"]["scores"] == ["taylor/ru/40", "magnitude/zh/40"]


def test_a_language_can_have_its_own_source():
    config = configuration.check({"corpora": {"languages": {"zh": {"source": "files", "files": {"paths": ["zh/*"]}}}}})
    assert corpora.corpus_options(config, "zh")["paths"] == ["zh/*"]
    assert corpora.packages(config, "zh") == []
    assert corpora.packages(config, "ru") == ["debian-handbook", "gnome-user-docs"]


def test_a_region_is_measured_with_its_controls():
    config = configuration.check({"removal": {"replicates": 2}, "monolingual": {"languages": ["ru", "zh"]}})
    conditions = plan.conditions(config)
    assert list(conditions) == [
        "intact",
        "core-0.01",
        "core-0.03",
        "curve-taylor",
        "curve-random",
        "controls",
        "monolingual-ru-40",
        "monolingual-zh-40",
    ]
    assert conditions["core-0.01"] == ["top-0.01", "bottom-0.01", "random-0.01-1", "random-0.01-2"]
    own = "monolingual-ru-40"
    assert conditions[own] == [own, f"{own}-random-1"]
    config = configuration.check({"monolingual": {"languages": ["ru", "zh"], "controls": ["bottom"]}})
    assert plan.conditions(config)[own] == [own, f"{own}-bottom"]


def test_kin_is_scored_and_compared_but_not_removed():
    config = configuration.check({"monolingual": {"languages": ["ru", "zh"], "kin": ["uk"]}})
    assert plan.compared_tops(config) == {code: f"top-{code}-40" for code in ("ru", "zh", "uk")}
    assert not [name for name in plan.removed_regions(config) if "uk" in name]
    assert plan.required_samples(config)["importance.samples"]["uk"] == 40
    assert plan.compared_tops(configuration.check({"experiments": ["removal"]})) == {}


def test_each_seed_of_a_training_has_a_random_region_of_its_own():
    settings = {"ratio": 0.2, "seeds": [0, 4]}
    config = configuration.check({"retraining": settings | {"arms": ["random_freeze"]}, "freezing": settings})
    for experiment, arm, role in (("retraining", "random_freeze", "zero"), ("freezing", "random_frozen", "freeze")):
        seeds = [training["seed"] for training in plan.trainings(config, experiment) if training["arm"] == arm]
        names = {plan.arm_regions(config, experiment, arm, seed)[role] for seed in seeds}
        assert names == {f"<results>/regions/random-0.2-{number}.safetensors" for number in (1, 5)}
    assert {"random-0.2-1", "random-0.2-5"} <= set(catalog.declared(config))
    assert plan.evidence(config)["retraining"] == [
        f"{plan.EVIDENCE}/retraining/zh-random_freeze-{seed}.parquet" for seed in (0, 4)
    ]


def test_what_yaml_and_the_command_line_make_of_values_is_undone():
    """Inside a section that --config gives all is strings; a bare 2026 or date is none."""
    config = {
        "run": 2026,
        "gpu": "null",
        "tokens": {"block_size": "64", "bos": "true"},
        "further": {"learning_rate": "1e-4"},
        "importance": {"samples": ["8", "16"]},
        "corpora": {"max_documents": "null"},
        "model": {"pretrained": "null"},
    }
    config = configuration.check(config)
    assert (config["run"], config["gpu"], config["model"]["pretrained"]) == ("2026", None, None)
    assert (config["tokens"]["block_size"], config["tokens"]["bos"]) == (64, True)
    assert (config["further"]["learning_rate"], config["importance"]["samples"]) == (1e-4, [8, 16])
    assert config["corpora"]["max_documents"] is None
    assert configuration.check({"run": date(2026, 1, 2)})["run"] == "2026-01-02"


def test_no_experiment_still_measures_the_intact_model():
    assert plan.conditions(configuration.check({"experiments": []})) == {"intact": []}


@pytest.mark.slow  # half of them import torch
@pytest.mark.parametrize("program", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_every_program_has_help(program):
    shown = subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "usage" in shown.stdout


def test_minimal_pairs_come_from_the_sources_that_have_the_language():
    probes = {"languages": ["en", "no", "ru", "zh"], "sources": ["templates", "corruptions", "hub"], "pairs": None}
    config = configuration.check({"probes": probes})
    assert pairs.languages(config) == ["en", "ru", "zh"]  # of those of the run
    assert plan.pairs(config) == [f"<results>/pairs/{code}.parquet" for code in ("en", "ru", "zh")]
    assert pairs.sources(config, "ru") == ["templates", "corruptions", "hub"]
    assert pairs.sources(config, "zh") == ["corruptions", "hub"]
    assert pairs.sources(config, "ko") == ["corruptions"]
    options = {code: pairs.options(config, code) for code in ("en", "ru")}
    assert (options["ru"]["repo"], options["ru"]["dataset_config"]) == ("jumelet/multiblimp", "rus")
    assert (options["en"]["repo"], options["en"]["dataset_config"]) == ("nyu-mll/blimp", None)
    assert options["en"]["good"] == "sentence_good" and options["en"]["count"] is None
    assert "<results>/pairs/zh.parquet" in plan.downloads(config)
    assert not [path for path in plan.downloads(configuration.check({})) if "/pairs/" in path]


def test_a_persons_minimal_pairs_are_watched_and_must_be_there(tmp_path):
    (tmp_path / "mine.jsonl").touch()
    probes = {"languages": ["ru"], "sources": ["files", "hub"], "files": {"paths": [f"{tmp_path}/*"]}}
    config = configuration.check({"probes": probes})
    assert plan.user_files(config) == [str(tmp_path / "mine.jsonl")]
    config["probes"]["hub"]["repo"] = str(tmp_path)
    assert pairs.files(config, "ru") == [str(tmp_path / "mine.jsonl")]
    configuration.check_files(config)
    config["probes"]["files"]["paths"].append(f"{tmp_path}/other.jsonl")
    with pytest.raises(UserError, match="probes.files.paths: there is no file .*/other.jsonl; check the path"):
        configuration.check_files(config)


def test_a_language_without_a_row_among_a_persons_minimal_pairs_is_named(tmp_path):
    row = {"language": "ru", "phenomenon": "p", "good": "a", "bad": "b"}
    (tmp_path / "mine.jsonl").write_text(json.dumps(row))
    probes = {"languages": ["ru", "es"], "sources": ["files"], "files": {"paths": [f"{tmp_path}/*"]}}
    with pytest.raises(UserError, match="probes.languages: no row of probes.files.paths is of es: add pairs of it"):
        configuration.check_files(configuration.check({"probes": probes}))
    configuration.check_files(configuration.check({"probes": probes | {"sources": ["files", "corruptions"]}}))
    (tmp_path / "mine.jsonl").write_text(json.dumps(row | {"good": ""}))
    with pytest.raises(UserError, match="config: probes.files: .*mine.jsonl, line 1 has no 'good'"):
        configuration.check_files(configuration.check({"probes": probes}))
