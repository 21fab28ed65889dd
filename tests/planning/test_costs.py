"""What a config will cost: operations as torch counts them, jobs as Snakemake plans them, GPUs that hold a job."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import snakemake.utils
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

import estimate
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.planning import configuration, costs
from linguistic_regions.planning.costs import formulas, gpus, shapes
from linguistic_regions.runtime.errors import UserError
from small_run import SMALL, copy_workflow, planned, some_slow

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
TEN_LAYERS = {
    "vocabulary": 500, "layers": 10, "width": 64, "heads": 4, "kv_heads": 2, "mlp_width": 176, "tied": False
}  # fmt: skip
BLOCK = 32


def checked(**changes):
    return configuration.check(estimate.merged(yaml.safe_load((ROOT / "config.yaml").read_text()), changes))


def shipped(name):
    return checked(**yaml.safe_load((ROOT / f"configs/{name}.yaml").read_text()))


# --- operations -------------------------------------------------------------------------------------------------


@pytest.fixture
def counted():
    """A model of ten layers; a function that gives torch's count of a pass's operations per token; and its shape."""
    model = from_scratch(**TEN_LAYERS, context=BLOCK, seed=0)
    ids = torch.zeros(2, BLOCK, dtype=torch.long)

    def count(backward):
        with FlopCounterMode(display=False) as counter:
            loss = model(input_ids=ids).logits.float().logsumexp(-1).sum()
            if backward:
                loss.backward()
        return counter.get_total_flops() / ids.numel()

    return model, count, shapes.shape({"model": {"pretrained": None, "scratch": TEN_LAYERS}})


def test_operations_of_a_forward_pass(counted):
    _, count, shape = counted
    assert formulas.forward(shape, BLOCK) == pytest.approx(count(backward=False), rel=0.01)


def test_operations_of_training(counted):
    _, count, shape = counted
    assert formulas.training(shape, BLOCK) == pytest.approx(count(backward=True), rel=0.01)


def test_operations_of_training_with_activation_checkpointing(counted):
    model, count, shape = counted
    model.train()
    model.activation_checkpointing_enable()
    expected = formulas.training(shape, BLOCK) + formulas.recomputation(shape, BLOCK)
    assert expected == pytest.approx(count(backward=True), rel=0.01)


def test_operations_of_importance(counted):
    model, count, shape = counted
    scored = selectable(model, [], [])
    model.requires_grad_(False)
    for weight in scored.values():
        weight.requires_grad_(True)
    assert formulas.importance(shape, BLOCK) == pytest.approx(count(backward=True), rel=0.03)  # the first layer's input


def test_a_token_passes_through_few_experts():
    dense = shapes.Shape(2, 8, 16, 2, 2, 4, 100, False, True, experts=2)
    sparse = shapes.Shape(2, 8, 16, 2, 2, 4, 100, False, True, experts=64)
    assert formulas.forward(sparse, 8) == formulas.forward(dense, 8)
    assert sparse.matrices > 20 * dense.matrices


# --- jobs -------------------------------------------------------------------------------------------------------

VARIANTS = {
    "ratios, scopes, replicates, samples, rates and seeds": {
        "importance": {"samples": [8, 16]},
        "removal": {"ratios": [0.01, 0.05], "replicates": 2},
        "freezing": {"learning_rates": [1.0e-3, 1.0e-4], "seeds": [0, 1, 2]},
        "retraining": {"arms": ["top_freeze", "random_freeze"], "seeds": [0, 5]},
    },
    "freezing alone, at the base model": {"experiments": ["freezing"], "importance": {"at": "base"}},
    "monolingual alone, of some, no checks": {
        "experiments": ["monolingual"],
        "further": {"languages": ["ru", "zh", "en"]},
        "importance": {"languages": ["ru", "zh", "en"], "stability": {"checks": []}},
    },
    "a language that is compared alone": {
        "further": {"languages": ["ru", "zh", "en"]},
        "monolingual": {"kin": ["en"]},
    },
    "a declared region alone, of two estimators": {
        "experiments": [],
        "regions": {"mine": {"select": "top", "scores": ["ru/16", "magnitude/ru/16"], "ratio": 0.1}},
        "removal": {"regions": ["mine"]},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("costs"))


@pytest.mark.workflow
@pytest.mark.parametrize("variant", some_slow(VARIANTS, [*VARIANTS][:1]))
def test_jobs_are_those_that_snakemake_plans(folder, variant, monkeypatch):
    monkeypatch.chdir(folder)  # where the text is
    config = estimate.merged(SMALL, VARIANTS[variant])
    steps = costs.costs(checked(**config), None)
    assert {rule: step.jobs for rule, step in steps.items()} == planned(folder, config)


# --- GPUs and resources -----------------------------------------------------------------------------------------


def test_gpus_that_hold_the_papers_models():
    """7 billion bfloat16 weights and two float32 sums of each fit one GPU of 80 GiB; their training does not."""
    steps = {name: costs.costs(shipped(name), "h100") for name in ("llama2-7b", "llama2-13b")}
    assert {rule: steps["llama2-7b"][rule].cost.gpus for rule in ("importance", "further", "evaluate", "corpus")} == {
        "importance": 1, "further": 2, "evaluate": 1, "corpus": 0
    }  # fmt: skip
    assert steps["llama2-13b"]["importance"].cost.gpus == 2
    for step in (step for run in steps.values() for step in run.values()):
        assert step.cost.device_bytes <= 0.9 * 80 * 2**30


def test_of_larger_gpus_a_job_takes_fewer():
    config = shipped("llama2-7b")
    taken = [costs.costs(config, name)["further"].cost.gpus for name in ("l40s", "h100", "h200")]
    assert taken == sorted(set(taken), reverse=True)


def test_float32_takes_longer():
    config = shipped("llama2-7b")
    for rule in ("further", "importance", "evaluate"):
        half, full = (costs.costs(config | {"precision": each}, "h100")[rule].cost for each in ("bf16", "fp32"))
        assert full.seconds * full.gpus > 5 * half.seconds * half.gpus


def test_a_step_of_generation_reads_all_weights():
    config = checked()
    quiet, talkative = (
        costs.costs(estimate.merged(config, {"generations": {"languages": languages}}), None)["evaluate"].each[0]
        for languages in ([], ["en"])
    )
    steps, weights = 2 * config["generations"]["tokens"], 4 * shapes.shape(config).parameters
    assert talkative.seconds - quiet.seconds >= steps * weights / 10e9


def test_sums_go_to_ram_if_offloaded_and_halve_without_checks():
    def importance(**settings):
        return costs.costs(estimate.merged(shipped("llama2-7b"), {"importance": settings}), "h200")["importance"].cost

    on_gpu, in_ram, once = importance(), importance(offload=True), importance(stability={"checks": []})
    weights = shapes.known_shapes()["meta-llama/Llama-2-7b-hf"].matrices
    assert on_gpu.device_bytes - in_ram.device_bytes == pytest.approx(8 * weights)
    assert in_ram.host_bytes - on_gpu.host_bytes == pytest.approx(8 * weights)
    assert on_gpu.device_bytes - once.device_bytes == pytest.approx(4 * weights)
    assert on_gpu.seconds < in_ram.seconds


def test_sizes_on_disk():
    steps = costs.costs(shipped("llama2-7b"), "h100")
    shape = shapes.known_shapes()["meta-llama/Llama-2-7b-hf"]
    assert steps["further"].cost.disk_bytes == 2 * shape.parameters
    assert steps["importance"].cost.disk_bytes == 2 * 4 * shape.matrices
    assert steps["region"].cost.disk_bytes == shape.matrices / 8
    assert steps["blocks"].cost.disk_bytes == 4 * 200000 * 512
    assert min(job.disk_bytes for job in steps["blocks"].each) == 4 * 2000000  # of the second domain


def test_resources_grow_with_the_attempt():
    config = shipped("llama2-7b")
    first, third = costs.resources(config, "further"), costs.resources(config, "further", attempt=3)
    assert third["mem_mb"] == pytest.approx(1.5**2 * first["mem_mb"], abs=2)
    assert third["runtime"] == pytest.approx(2**2 * first["runtime"], abs=4)
    assert (third["gpu"], third["disk_mb"]) == (first["gpu"], first["disk_mb"])
    cost = costs.costs(config, "h100")["further"].cost
    assert first["mem_mb"] * 2**20 >= 1.2 * cost.host_bytes
    assert first["runtime"] * 60 >= 2 * cost.seconds
    assert costs.resources(config, "settings")["mem_mb"] >= 500


def test_a_job_of_a_rule_weighs_the_mean_of_its_jobs():
    config = shipped("llama2-7b")
    each = [job.seconds for job in costs.costs(config, "h100")["region"].each]
    weights = costs.seconds(config)
    assert min(each) < weights["region"] < max(each)
    assert weights["further"] > 1000 * weights["settings"]


def test_resources_at_a_site_with_wishes_of_its_own():
    config = shipped("llama2-7b")
    usual = costs.resources(config, "further")
    assert (usual["gpu"], usual["gres"]) == (2, "")
    config["cluster"] = {"gres": "gpu:h100", "max_runtime": 60}
    theirs = costs.resources(config, "further", attempt=3)
    assert (theirs["gpu"], theirs["gres"], theirs["runtime"]) == (0, "gpu:h100:2", 60)
    assert usual["runtime"] > 60
    assert costs.resources(config, "tables")["gres"] == ""


def test_a_rule_that_no_experiment_needs_has_resources_too():
    config = checked(experiments=[])
    assert "further" not in costs.costs(config, None)
    assert costs.resources(config, "further")["gpu"] == 0


MISTAKES = {
    "no such GPU": ({"gpu": "h10"}, "config: gpu: 'h10' is not one of h100, h200, "),
    "no GPU": ({"gpu": ""}, "config: gpu: '' is not one of"),
    "keep": ({"keep": ["all"]}, "keep.0: 'all' is not one of packages, further, importance"),
    "a pass that no GPU holds": (
        {"batch_tokens": 1000000, "training": {"batch_size": 1000}},
        "gpu: a job of further takes",
    ),
    "a batch that cannot be shared": (
        {"gpu": "l40s", "training": {"batch_size": 250}},
        "training.batch_size: the 4 GPUs of a job of further cannot share 250 samples evenly; make it a multiple of 4",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    changes, message = MISTAKES[mistake]
    paper = yaml.safe_load((ROOT / "configs/gemma3-4b.yaml").read_text())
    with pytest.raises(UserError) as error:
        config = checked(**estimate.merged(paper, changes))
        costs.costs(config, config["gpu"])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_table_of_gpus():
    assert gpus.gpus()["h100"] == gpus.Gpu("h100", 80 * 2**30, 989e12, 67e12, 3350e9)
    with pytest.raises(
        UserError, match="gpu: 'v100' is not one of h100, .*; choose one, or add a row to resources/gpus.tsv"
    ):
        gpus.gpu("v100")


def test_estimates_need_no_heavy_import():
    code = "import sys; from linguistic_regions.planning import costs; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "huggingface_hub", "pandas"} & set(run.stdout.split())


# --- the program ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_has_an_estimate(path, capsys):
    estimate.main(configfile=(path,))
    said = capsys.readouterr().out
    config = shipped(path.stem)
    assert said.startswith(f"{path.stem}: ")
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line}
    assert rows.keys() >= {"rule", "corpus", "importance", "evaluate", "total"}
    assert int(rows["total"][1]) == sum(step.jobs for step in costs.costs(config, config["gpu"]).values())
    kept = "importance" if config["gpu"] else "packages, further, importance"
    assert f"kept: {kept}." in said


def test_the_demo_takes_minutes_on_two_cores(capsys):
    """It took 8 min 19 s."""
    estimate.main()
    total = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("total"))
    assert 5 < float(re.search(r"(\d\.\d\d) ", total).group(1)) * 60 / 2 < 20


def test_changes_are_made_as_snakemake_makes_them():
    defaults = yaml.safe_load((ROOT / "config.yaml").read_text())
    changes = yaml.safe_load((ROOT / "configs/llama2-7b.yaml").read_text()) | {"removal": None, "new": {"key": [1]}}
    expected = copy.deepcopy(defaults)
    snakemake.utils.update_config(expected, changes)
    assert estimate.merged(defaults, changes) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpu", "h10"], "gpu: 'h10' is not one of h100"),
        (["--configfile", "nowhere.yaml"], "nowhere.yaml: the config cannot be read"),
        (["--configfile", "LICENSE"], "LICENSE: this "),
    ],
)
def test_mistakes_of_the_command_line_are_one_line(arguments, said):
    command = [sys.executable, "scripts/estimate.py", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith(f"estimate.py: error: {said}")
    assert run.stderr.count("\n") == 1


def test_results_of_another_config_are_named_as_such(tmp_path):
    config = configuration.check({})
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/tables.tsv").write_text("s\n5.0\n")
    (tmp_path / "provenance.json").write_text(json.dumps({"config": config | {"run": "another", "threads": 7}}))
    command = [sys.executable, "scripts/estimate.py", "--measured", tmp_path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0 and "| tables | 1 |" in run.stdout
    assert run.stderr == f"warning: {tmp_path} was made with another config, which differs in run, threads\n"


def test_an_estimate_needs_no_text_but_says_what_a_run_lacks(tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text("languages: [en]\nexperiments: []\ncorpora: {source: files, files: {paths: [none.txt]}}\n")
    command = [sys.executable, "scripts/estimate.py", "--configfile", config]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0 and "total" in run.stdout
    lacking = "config: corpora.files.paths: there is no file for en (none.txt); check the path"
    assert run.stderr == f"warning: {lacking} (a run needs it, the estimate does not)\n"
