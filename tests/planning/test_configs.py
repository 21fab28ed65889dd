"""The configs of large models: each stands alone and is planned without the network; the paper's settings."""

import re
from pathlib import Path

import pytest
import yaml
from test_costs import CONFIGS

import estimate
from linguistic_regions.planning import configuration, corpora, costs
from linguistic_regions.planning.costs.shapes import known_shapes
from linguistic_regions.text.languages import fill
from small_run import copy_workflow, planned, snakemake, some_slow, write_config

ROOT = Path(__file__).parents[2]
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
LARGE = {
    "llama2-7b": "meta-llama/Llama-2-7b-hf",
    "llama2-13b": "meta-llama/Llama-2-13b-hf",
    "llama3-8b": "meta-llama/Meta-Llama-3-8B",
    "qwen3-8b": "Qwen/Qwen3-8B-Base",
    "gemma3-4b": "google/gemma-3-4b-pt",
}
THIRTY = "ar zh cs da nl en fi fr de el hu id it ja ko ms ml no fa pl pt ro ru es sw sv ta tr uk vi"
SIX = ["ar", "es", "ru", "zh", "ko", "vi"]
SHARED = [
    "languages",
    "tokens",
    "training",
    "further",
    "importance",
    "removal",
    "monolingual",
    "retraining",
    "freezing",
]
SHARED += ["precision", "gpu", "keep"]


def read(name):
    return yaml.safe_load((ROOT / f"configs/{name}.yaml").read_text(encoding="utf-8"))


def shipped(name):
    return configuration.check(estimate.merged(DEFAULTS, read(name)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("configs"))


@pytest.mark.workflow
@pytest.mark.parametrize("name", some_slow([path.stem for path in CONFIGS], ("smollm2-135m", "llama2-7b")))
def test_a_config_is_planned_without_the_network(folder, name, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    config = shipped(name)
    steps = costs.costs(config, config["gpu"])
    assert planned(folder, read(name)) == {rule: step.jobs for rule, step in steps.items()}


def test_the_papers_settings():
    config = shipped("llama2-7b")
    assert sorted(config["languages"]) == sorted(THIRTY.split())
    assert config["tokens"]["block_size"] == 512
    assert config["importance"]["samples"] == [10000, 100000]
    assert config["importance"]["estimator"] == "taylor"
    assert [config[section]["languages"] for section in ("further", "importance", "monolingual")] == [SIX] * 3
    assert config["further"]["milestones"][-1] == 100000
    assert config["further"]["learning_rate"] == config["retraining"]["learning_rate"] == 5e-5
    training = config["training"]
    assert (training["weight_decay"], training["betas"], training["warmup_steps"]) == (0.001, [0.9, 0.95], 100)
    assert config["removal"]["ratios"] == [0.01, 0.03, 0.05]
    assert "tensor" in config["removal"]["scopes"]
    assert config["retraining"]["milestones"] == [0, 2000, 5000, 10000, 20000, 50000, 200000]
    assert (config["retraining"]["ratio"], config["retraining"]["evaluate"]) == (0.01, ["zh", "en"])
    assert (config["freezing"]["ratio"], config["freezing"]["learning_rates"]) == (0.05, [5e-5, 5e-6])


@pytest.mark.parametrize("name", LARGE)
def test_the_other_models_have_them_too(name):
    ours, paper = shipped(name), shipped("llama2-7b")
    assert {key: ours[key] for key in SHARED} == {key: paper[key] for key in SHARED}
    assert ours["run"] == name
    assert ours["model"]["pretrained"] == LARGE[name]
    assert LARGE[name] in known_shapes()  # its config.json, of a gated model, needs no network


@pytest.mark.parametrize("name", LARGE)
def test_every_language_has_a_source_and_enough_text(name):
    """Spanish takes most characters per token: up to 3.5 with LLaMA-2's vocabulary, 5 with larger ones; Chinese 1.8."""
    config = shipped(name)
    texts = {language: corpora.corpus(config, language) for language in config["languages"]}
    for language, text in texts.items():
        assert not fill(text["huggingface"]["config"], language).endswith(".")
        assert text["max_characters"] * text["test"] > 5 * 512 * config["tokens"]["test_blocks"]
    for language in SIX:
        text = texts[language]
        training = text["max_characters"] * (1 - text["test"] - text["valid"])
        assert training > (3.5 if "llama2" in name else 5) * 512 * config["importance"]["samples"][-1]
        if language in config["retraining"]["languages"]:
            assert training > 1.8 * 512 * config["retraining"]["milestones"][-1]
            assert config["tokens"]["train_blocks"] >= config["retraining"]["milestones"][-1]


@pytest.mark.workflow
def test_jobs_get_the_gpus_that_the_estimate_gives_them(folder):
    """Training of LLaMA-2-7B does not fit one H100, its importance does."""
    write_config(folder, read("llama2-7b"), "paper.yaml")
    shown = snakemake(folder, "--dry-run", "--printshellcmds", "--quiet", "progress", config="paper.yaml").stdout
    for program, gpus in {"continue_pretraining": 2, "score": 1, "evaluate": 1}.items():
        assert re.search(rf"/launch.py\S* --gpus {gpus} --gres= \S*/{program}.py", shown)
