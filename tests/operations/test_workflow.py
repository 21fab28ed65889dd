"""The whole workflow, from text to the report, on a small config."""

import copy
import csv
import json
import re

import pyarrow.parquet as pq
import pytest
import yaml

from estimate import merged
from linguistic_regions.evaluation.evidence import COLUMNS
from small_run import SMALL, copy_workflow, planned, snakemake, write_config

pytestmark = pytest.mark.workflow


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_experiment_has_its_rows(finished):
    results = finished / "results/small/tables"
    removal = rows(results / "removal.csv")
    kinds = {(row["kind"], row["scope"], row["target"]) for row in removal}
    for kind in ("top", "bottom", "random"):
        assert {(kind, "tensor", "core"), (kind, "model", "core")} <= kinds
    assert {("monolingual", "tensor", "ru"), ("bottom", "tensor", "zh"), ("random", "tensor", "zh")} <= kinds
    assert ("base", "", "") in kinds
    texts = {("en", "prose"), ("ru", "prose"), ("zh", "prose"), ("ru", "verse")}
    assert {(row["language"], row["domain"]) for row in removal} == texts
    assert all(row["window"] == "32" and row["bos"] == "True" and int(row["tokens"]) > 0 for row in removal)
    assert {row["arm"] for row in rows(results / "retraining.csv")} == set(SMALL["retraining"]["arms"])
    freezing = rows(results / "freezing.csv")
    assert len(freezing) == 4 * 2 * len(texts)  # arms, milestones
    assert {row["samples"] for row in freezing} == {"0", "8"}
    assert {row["language"] for row in rows(results / "further.csv")} == {"ru", "zh"}
    assert {("curve", "tensor", "")} <= kinds
    assert {row["estimator"] for row in removal if row["kind"] in ("curve", "random")} == {"taylor", ""}
    fidelity = {(row["estimator"], row["matrix"]): row for row in rows(results / "fidelity.csv")}
    assert set(fidelity) == {(name, "all") for name in ("taylor", "taylor_abs", "fisher", "magnitude")}
    assert all(float(row["low"]) <= float(row["spearman"]) <= float(row["high"]) for row in fidelity.values())


def test_frozen_arms_start_where_the_full_one_does(finished):
    start = {}
    for row in rows(finished / "results/small/tables/freezing.csv"):
        if row["samples"] == "0":
            start.setdefault((row["language"], row["domain"]), set()).add(row["nll"])
    assert all(len(values) == 1 for values in start.values())


def test_the_report_is_one_file(finished):
    page = (finished / "results/small/report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert page.count("data:image/svg+xml") == 11  # of freezing one for each domain


def test_snakemakes_report_has_the_tables_and_figures_with_captions(finished, tmp_path):
    run = snakemake(finished, "--report", tmp_path / "run.html")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    (results,) = re.findall(r"^ *var results = (\{.*\});?$", page, re.MULTILINE)
    captions = {name: result["caption"] for name, result in json.loads(results).items()}
    folder = finished / "results/small"
    made = [folder / "report.html", *(folder / "tables").iterdir(), *(folder / "figures").glob("*.svg")]
    assert set(captions) == {str(path.relative_to(finished)) for path in made}
    assert all(captions.values())


def test_each_job_has_log_and_benchmark(finished):
    results = finished / "results/small"
    assert (results / "logs/evaluate/core-0.03.log").exists()
    assert (results / "benchmarks/evaluate/core-0.03.tsv").stat().st_size > 0
    assert not [path for path in (results / "checkpoints").rglob("*") if path.is_file()]


def test_evidence_has_a_row_per_item(finished):
    found = finished / "results/small/evaluations/perplexity"
    sets = {"intact", "core-0.03", "core-0.03-model", "controls", "monolingual-ru-16", "monolingual-zh-16"}
    sets |= {"curve-taylor", "curve-random"}
    trained = {"further": "ru", "retraining": "zh-top_freeze-0", "freezing": "zh-full-0.001-0"}
    for name in sets | {"/".join(pair) for pair in trained.items()}:
        table = pq.read_table(found / f"{name}.parquet")
        assert table.column_names[: len(COLUMNS)] == list(COLUMNS)
        items = table.group_by(["condition", "language", "domain", "item"]).aggregate([([], "count_all")])
        assert set(items["count_all"].to_pylist()) == {1}
        assert min(table["tokens"].to_pylist()) > 0 and min(table["bytes"].to_pylist()) > 0
    assert {path.stem for path in found.glob("*.parquet")} == sets


@pytest.mark.slow
def test_intermediates_that_are_not_kept_go_and_do_not_come_back(tmp_path):
    folder = copy_workflow(tmp_path / "lean")
    config = merged(SMALL, {"experiments": ["freezing"], "freezing": {"arms": ["core_frozen"]}, "keep": []})
    write_config(folder, config, "lean.yaml")
    run = snakemake(folder, config="lean.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    results = folder / "results/small"
    assert (results / "report.html").exists() and (results / "models/base").exists()
    assert not list((results / "models/further").glob("*")) and not list((results / "importance").glob("*/*/*"))
    assert planned(folder, config) == {}
    config["figures"] = {"formats": ["svg", "png"]}
    assert planned(folder, config) == {"settings": 1, "provenance": 1, "figures": 1, "report": 1}


@pytest.mark.slow
def test_a_new_language_reruns_its_own_steps_and_the_cross_language_ones(finished):
    """With a model of one's own (else the scratch model, trained on all languages, changes too)."""
    model = finished / "results/small/models/base"
    config = merged(
        SMALL,
        {
            "run": "own",
            "model": {"pretrained": str(model)},
            "languages": ["ru", "zh"],
            "removal": {"scopes": ["tensor"]},
            "freezing": {"arms": ["full"]},
            "experiments": ["removal", "freezing"],
        },
    )
    write_config(finished, config, "own.yaml")
    run = snakemake(finished, config="own.yaml")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert rows(finished / "results/own/tables/removal.csv")
    again = planned(finished, config | {"languages": ["ru", "zh", "en"]})
    assert again["corpus"] == again["blocks"] == 1
    assert {"evaluate", "freezing", "tables"} <= set(again)
    assert not {"base_model", "tokenizer", "further", "importance", "region"} & set(again)
    another = planned(finished, config | {"model": {"pretrained": str(model), "revision": "v2"}})
    assert {"base_model", "tokenizer", "blocks", "further", "evaluate"} <= set(another)
    assert "corpus" not in another  # the text is what it was


@pytest.mark.slow
def test_regions_declared_in_the_config_are_built_only_if_asked_for(finished):
    """One of them by scores of a second estimator, which are made beside those of the first."""
    regions = {
        "both": {"select": "union", "of": ["top-0.03", "largest"]},
        "largest": {"select": "top", "scores": ["taylor_abs/ru/16"], "ratio": 0.03},
        "unused": {"select": "difference", "of": ["top-0.03", "bottom-0.03"]},
    }
    config = merged(SMALL, {"regions": regions, "removal": {"regions": ["both"]}})
    before = planned(finished, config)
    assert (before["importance"], before["region"], before["evaluate"]) == (1, 2, 1)
    write_config(finished, config, "declared.yaml")
    run = snakemake(finished, config="declared.yaml")
    assert run.returncode == 0, run.stdout[-3000:]
    results = finished / "results/small"
    assert {path.name for path in (results / "importance").iterdir()} == {"taylor", "magnitude", "taylor_abs"}
    assert (results / "regions/both.safetensors").exists()
    assert not (results / "regions/unused.safetensors").exists()
    assert {row["kind"] for row in rows(results / "tables/removal.csv") if row["region"] == "both"} == {"other"}


@pytest.mark.slow
@pytest.mark.parametrize("experiments", [[], ["retraining"]], ids=["none", "retraining alone"])
def test_what_is_not_run_is_not_shown(finished, experiments):
    write_config(finished, copy.deepcopy(SMALL) | {"experiments": experiments}, "fewer.yaml")
    run = snakemake(finished, config="fewer.yaml")
    assert run.returncode == 0, run.stdout[-3000:]
    left = {path.name for path in (finished / "results/small/tables").iterdir()}
    assert not {"freezing.csv", "outliers.csv"} & left
    assert ("retraining.csv" in left) is bool(experiments)
    assert (finished / "results/small/report.html").exists()


def test_an_unknown_key_is_refused_in_one_line(finished):
    config = copy.deepcopy(SMALL) | {"importnce": {}}
    write_config(finished, config, "wrong.yaml")
    run = snakemake(finished, config="wrong.yaml")
    assert run.returncode == 1
    assert "importnce: there is no such key; did you mean 'importance'?" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.slow
def test_thirty_languages_are_planned_as_thirty_jobs(tmp_path):
    folder = copy_workflow(tmp_path / "thirty")
    config = yaml.safe_load((folder / "configs/smollm2-135m.yaml").read_text(encoding="utf-8"))
    languages = {"languages": config["languages"]}
    jobs = planned(folder, merged(config, {"further": languages, "importance": languages | {"at": "further"}}))
    assert jobs["corpus"] == jobs["blocks"] == 39  # nine of them have quotations too
    assert (jobs["further"], jobs["importance"]) == (30, 91)  # by three estimators, and once by magnitude
