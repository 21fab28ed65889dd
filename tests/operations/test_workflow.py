"""The whole workflow, from text to the report, on a small config; and what an edit of the config reruns."""

import copy
import csv
import re

import pytest
import yaml

from linguistic_regions.training import arms
from small_run import SMALL, copy_workflow, planned, snakemake, write_config

pytestmark = pytest.mark.workflow


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "results/small/tables").iterdir())}


def test_every_experiment_has_its_rows(finished):
    results = finished / "results/small/tables"
    removal = rows(results / "removal.csv")
    kinds = {(row["kind"], row["scope"], row["target"]) for row in removal}
    for kind in ("top", "bottom", "random"):
        assert {(kind, "tensor", "core"), (kind, "model", "core")} <= kinds
    assert {("monolingual", "tensor", "ru"), ("bottom", "tensor", "zh"), ("random", "tensor", "zh")} <= kinds
    assert ("base", "", "") in kinds
    texts = {("en", "prose"), ("ru", "prose"), ("zh", "prose"), ("en", "verse"), ("ru", "verse")}
    assert {(row["language"], row["domain"]) for row in removal} == texts
    assert all(row["window"] == "32" and row["bos"] == "True" and int(row["tokens"]) > 0 for row in removal)
    assert {row["arm"] for row in rows(results / "retraining.csv")} == set(arms.RETRAINING)
    freezing = rows(results / "freezing.csv")
    assert len(freezing) == 4 * 2 * 2 * len(texts)  # arms, rates, milestones
    assert {row["samples"] for row in freezing} == {"0", "8"}
    assert {row["language"] for row in rows(results / "further.csv")} == {"ru", "zh"}


def test_frozen_arms_start_where_the_full_one_does(finished):
    start = {}
    for row in rows(finished / "results/small/tables/freezing.csv"):
        if row["samples"] == "0":
            start.setdefault((row["language"], row["domain"]), set()).add(row["nll"])
    assert all(len(values) == 1 for values in start.values())


def test_the_report_is_one_file(finished):
    page = (finished / "results/small/report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert page.count("data:image/svg+xml") == 8  # of freezing one for each domain


def test_each_job_has_log_and_benchmark(finished):
    assert (finished / "results/small/logs/removal/core-1.log").stat().st_size > 0
    assert (finished / "results/small/benchmarks/removal/core-1.tsv").stat().st_size > 0
    assert not (finished / "results/small/checkpoints/base_model").exists()


@pytest.mark.slow
def test_intermediates_that_are_not_kept_go_and_do_not_come_back(tmp_path):
    folder = copy_workflow(tmp_path / "lean")
    config = copy.deepcopy(SMALL) | {"experiments": ["removal"], "keep": []}
    write_config(folder, config, "lean.yaml")
    run = snakemake(folder, config="lean.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    results = folder / "results/small"
    assert (results / "report.html").exists() and (results / "models/base").exists()
    assert not list((results / "models/further").glob("*")) and not list((results / "importance").glob("*/*"))
    assert planned(folder, config) == {}
    config["figures"] = {"formats": ["svg", "png"]}
    assert planned(folder, config) == {"settings": 1, "provenance": 1, "figures": 1, "report": 1}


def test_nothing_is_left_to_do(finished):
    assert planned(finished, SMALL) == {}


def test_a_new_language_reruns_its_own_steps_and_the_cross_language_ones(finished):
    """With a model of one's own (else the scratch model, trained on all languages, changes too)."""
    model = finished / "results/small/models/base"
    config = copy.deepcopy(SMALL) | {"run": "own"}
    config["model"] = {"pretrained": str(model)}
    config["languages"] = ["ru", "zh"]
    config["retraining"] = {"milestones": [0, 8], "evaluate": ["zh"]}
    config["experiments"] = ["removal", "monolingual", "freezing"]
    write_config(finished, config, "own.yaml")
    run = snakemake(finished, config="own.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert rows(finished / "results/own/tables/removal.csv")
    again = planned(finished, config | {"languages": ["ru", "zh", "en"]})
    assert again["corpus"] == again["blocks"] == 2  # prose and verse
    assert {"removal", "freezing", "tables"} <= set(again)
    assert not {"base_model", "tokenizer", "core_regions", "monolingual_regions"} & set(again)
    assert not [name for name in again if name.startswith(("further", "importance"))]
    another = planned(finished, config | {"model": {"pretrained": str(model), "revision": "v2"}})
    assert {"base_model", "tokenizer", "blocks", "further_ru_zh", "removal"} <= set(another)
    assert "corpus" not in another  # the text is what it was


@pytest.mark.slow
def test_a_second_run_gives_the_same_bytes(finished, tmp_path):
    first = tables(finished)
    again = copy_workflow(tmp_path / "again")
    run = snakemake(again)
    assert run.returncode == 0, run.stdout[-3000:]
    assert tables(again) == first


def test_a_region_declared_in_the_config_is_built_only_if_asked_for(finished):
    config = copy.deepcopy(SMALL)
    config["regions"] = {
        "both": {"select": "union", "of": ["top-0.01", "monolingual-ru-16"]},
        "unused": {"select": "difference", "of": ["top-0.05", "top-0.01"]},
    }
    config["removal"] = {"regions": ["both"]}
    write_config(finished, config, "declared.yaml")
    run = snakemake(finished, config="declared.yaml")
    assert run.returncode == 0, run.stdout[-3000:]
    regions = finished / "results/small/regions"
    assert (regions / "both.safetensors").exists()
    assert not (regions / "unused.safetensors").exists()
    removal = rows(finished / "results/small/tables/removal.csv")
    assert {row["kind"] for row in removal if row["region"] == "both"} == {"other"}


@pytest.mark.parametrize("experiments", [[], ["retraining"]], ids=["none", "retraining alone"])
def test_what_is_not_run_is_not_shown(finished, experiments):
    write_config(finished, copy.deepcopy(SMALL) | {"experiments": experiments}, "fewer.yaml")
    run = snakemake(finished, config="fewer.yaml")
    assert run.returncode == 0, run.stdout[-3000:]
    left = {path.name for path in (finished / "results/small/tables").iterdir()}
    assert "freezing.csv" not in left
    assert ("retraining.csv" in left) is bool(experiments)
    assert (finished / "results/small/report.html").exists()


def test_an_unknown_key_is_refused_in_one_line(finished):
    config = copy.deepcopy(SMALL) | {"importnce": {}}
    write_config(finished, config, "wrong.yaml")
    run = snakemake(finished, config="wrong.yaml")
    assert run.returncode == 1
    assert "importnce: there is no such key; did you mean 'importance'?" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_thirty_languages_are_planned_and_can_be_thirty_jobs(tmp_path):
    folder = copy_workflow(tmp_path / "thirty")
    config = yaml.safe_load((folder / "configs/smollm2-135m.yaml").read_text(encoding="utf-8"))
    everywhere = {
        section: config[section] | {"languages": config["languages"]} for section in ("further", "importance")
    }
    for per_job, jobs in ((5, 6), (1, 30)):
        again = planned(folder, config | everywhere | {"jobs": {"languages": per_job}})
        assert again["corpus"] == again["blocks"] == 39  # nine of them have quotations too
        assert len([name for name in again if name.startswith("further_")]) == jobs
