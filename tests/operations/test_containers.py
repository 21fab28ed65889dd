"""Images of the programs' software, and the workflow in them, for real where Apptainer and an image are at hand."""

import copy
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import hub
import machine
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.runtime import environment, images
from linguistic_regions.runtime.errors import UserError
from small_run import ROOT, SMALL, copy_workflow, planned, snakemake, write_config, write_text

HUB_MODEL = "lab/tiny"


# --- one list of software ---


def test_the_virtual_environment_the_conda_environment_and_the_images_come_from_one_list():
    pins = images.pins()
    assert all(re.fullmatch(r"[a-z0-9_]+==[0-9.]+", pin) for pin in pins)
    requirements = (ROOT / "envs/requirements.txt").read_text(encoding="utf-8").splitlines()
    assert "-r programs.txt" in requirements
    assert not {pin.split("==")[0] for pin in pins} & {line.split("==")[0] for line in requirements}
    conda = yaml.safe_load((ROOT / "envs/programs.yaml").read_text(encoding="utf-8"))["dependencies"]
    assert next(item["pip"] for item in conda if isinstance(item, dict)) == pins
    for kind in ("cpu", "cuda"):
        definition = (ROOT / f"containers/{kind}.def").read_text(encoding="utf-8")
        assert "envs/programs.txt /opt/programs.txt" in definition
        assert "install.sh /opt/programs.txt" in definition
        assert "==" not in definition
    torch = next(pin.split("==")[1] for pin in pins if pin.startswith("torch=="))
    assert f"pytorch/pytorch:{torch}-cuda" in definition


def test_a_rule_that_runs_python_names_its_conda_environment():
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in re.split(r"^ *rule(?: \w+)?:$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            assert bool(re.search(r"python \S*PROGRAMS", rule)) == ("../envs/programs.yaml" in rule), path


# --- whether an image still holds ---


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({images.PINS_LABEL: images.pins_hash()}, None),
        ({images.PINS_LABEL: "0" * 64}, "config: container: mine.sif is stale"),
    ],
    ids=["as pinned", "stale"],
)
def test_an_image_is_held_against_the_pins(monkeypatch, tmp_path, labels, message):
    (tmp_path / "mine.sif").touch()
    monkeypatch.setattr(images, "labels", lambda image: labels)
    if message is None:
        images.check("mine.sif", tmp_path / "mine.sif")
    else:
        with pytest.raises(UserError, match=message):
            images.check("mine.sif", tmp_path / "mine.sif")


def test_an_image_that_does_not_say_what_it_holds_is_no_mistake(monkeypatch, tmp_path, caplog):
    (tmp_path / "theirs.sif").touch()
    monkeypatch.setattr(images, "labels", lambda image: {})
    images.check("theirs.sif", tmp_path / "theirs.sif")
    assert "theirs.sif has no label that says which software it contains" in caplog.text


def test_a_comment_in_the_list_makes_no_image_stale(monkeypatch, tmp_path):
    before = images.pins_hash()
    (tmp_path / "programs.txt").write_text("# another comment\n" + "\n".join(images.pins()) + "\n", encoding="utf-8")
    monkeypatch.setattr(images, "PINS", tmp_path / "programs.txt")
    assert images.pins_hash() == before
    (tmp_path / "programs.txt").write_text("numpy==1.0\n", encoding="utf-8")
    assert images.pins_hash() != before


# --- which folders jobs see ---


def test_what_lies_elsewhere_is_bound(monkeypatch, tmp_path):
    for folder in ("work", "scratch", "disk/texts", "cache"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "work/results").symlink_to(tmp_path / "scratch")
    (tmp_path / "texts").symlink_to(tmp_path / "disk/texts")
    (tmp_path / "texts/en.txt").touch()
    (tmp_path / "work/own.txt").touch()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache/hub"))  # not there yet
    monkeypatch.setenv("APPTAINER_BIND", "/data:/mnt")
    bound = environment.bind_mounts([str(tmp_path / "texts/en.txt"), "own.txt"]).split(",")
    assert bound[0] == "/data:/mnt"
    expected = {str(tmp_path / folder) for folder in ("scratch", "texts", "disk/texts", "cache")}
    assert expected <= set(bound)
    assert not [folder for folder in bound if folder.startswith(str(tmp_path / "work"))]


# --- for real ---


@pytest.fixture(scope="module")
def image():
    return machine.image()


def in_containers(folder, image, config, *arguments, profile="profiles/apptainer", **environment):
    config = copy.deepcopy(config) | {"container": str(image)}
    write_config(folder, config, "contained.yaml")
    run = snakemake(folder, *arguments, "--profile", profile, config="contained.yaml", **environment)
    return run, run.stdout + run.stderr


@pytest.mark.workflow
def test_the_tables_are_those_of_the_virtual_environment(image, finished, tmp_path):
    inside = copy_workflow(tmp_path / "inside")
    run, said = in_containers(inside, image, SMALL)
    assert run.returncode == 0, said[-3000:]
    log = max((inside / ".snakemake/log").iterdir()).read_text(encoding="utf-8")
    assert f"Activating singularity image {image}" in log
    tables = sorted((finished / "results/small/tables").iterdir())
    assert tables
    for table in tables:
        assert (inside / "results/small/tables" / table.name).read_bytes() == table.read_bytes(), table.name
    assert (inside / "results/small/report.html").exists()
    litter = {path.name for path in inside.iterdir()} - {path.name for path in finished.iterdir()}
    assert litter == {"contained.yaml"}
    another = tmp_path / "another.sif"
    another.symlink_to(image)
    here = planned(inside, SMALL | {"container": str(image)}, "--profile", "profiles/apptainer")
    there = planned(inside, SMALL | {"container": str(another)}, "--profile", "profiles/apptainer")
    assert here == {} and {"corpus", "base_model", "evaluate", "report"} <= set(there)  # other software, all anew


@pytest.mark.workflow
def test_results_cache_and_text_on_other_file_systems_and_first_the_downloads(image, tmp_path, tokenizer_folder):
    """The download rules with the hub at hand, all else without it; of all folders the working directory alone is
    mounted unasked."""
    folder = copy_workflow(tmp_path / "work")
    for other in ("scratch", "cache", "repository"):
        (tmp_path / other).mkdir()
    write_text(tmp_path / "texts")
    (folder / "results").symlink_to(tmp_path / "scratch")
    looked = ["apptainer", "exec", "--home", folder, image, "test", "-e", tmp_path / "scratch"]
    seen = subprocess.run(looked, cwd=folder)
    machine.require(seen.returncode != 0, f"{tmp_path} is mounted in every container: give pytest another --basetemp")

    from_scratch(300, 1, 8, 2, 1, 8, 32, True, 0).save_pretrained(tmp_path / "repository")
    for file in tokenizer_folder.iterdir():
        (tmp_path / "repository" / file.name).write_bytes(file.read_bytes())
    with (folder / "resources/models.tsv").open("a", encoding="utf-8") as known:
        known.write(f"{HUB_MODEL}\t1\t8\t8\t2\t1\t4\t300\ttrue\ttrue\n")
    config = copy.deepcopy(SMALL) | {"experiments": [], "model": {"pretrained": HUB_MODEL}}
    config["corpora"]["files"] = {"paths": [f"{tmp_path}/texts/{{language}}.jsonl"]}

    cache = {"HF_HOME": str(tmp_path / "cache")}
    with hub.serving(hub.Repository(HUB_MODEL, tmp_path / "repository")) as here:
        run, said = in_containers(folder, image, config, "downloads", **here, **cache)
    assert run.returncode == 0, said[-3000:]
    assert (tmp_path / "scratch/small/models/tokenizer/tokenizer.json").exists()
    left = planned(folder, config | {"container": str(image)}, "--profile", "profiles/apptainer")
    assert left and not {"corpus", "tokenizer", "base_model"} & left.keys()
    run, said = in_containers(folder, image, config, HF_HUB_OFFLINE="1", **cache)
    assert run.returncode == 0, said[-3000:]
    assert (tmp_path / "scratch/small/report.html").exists()


@pytest.mark.workflow
def test_a_missing_and_a_stale_image_are_named_before_any_job(image, tmp_path):
    folder = copy_workflow(tmp_path / "work")
    run, said = in_containers(folder, "containers/none.sif", SMALL)
    assert run.returncode == 1
    assert "config: container: containers/none.sif does not exist: build it with .venv/bin/python scripts" in said
    with (folder / "envs/programs.txt").open("a", encoding="utf-8") as pins:
        pins.write("one_more==1.0\n")
    run, said = in_containers(folder, image, SMALL)
    assert run.returncode == 1
    assert f"config: container: {image} is stale" in said
    (folder / "text.sif").write_text("no image", encoding="utf-8")
    run, said = in_containers(folder, "text.sif", SMALL)
    assert run.returncode == 1
    assert "config: container: text.sif is not a container image" in said
    assert not (folder / "results/small/corpora").exists()
    assert "Traceback" not in said


def test_an_image_says_what_it_was_made_from(image):
    labels = images.labels(image)
    assert labels[images.PINS_LABEL] == images.pins_hash()
    assert labels["org.opencontainers.image.version"]
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["org.opencontainers.image.revision"])


def test_software_of_the_host_does_not_come_into_the_container(image, tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the host numpy')", encoding="utf-8")
    command = ["apptainer", "exec", image, "python", "-c", "import numpy; print(numpy.__file__)"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path("/tmp"))
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("/opt/environment/")


@pytest.mark.workflow
@pytest.mark.slow
@machine.needs_cuda_image
def test_the_cuda_image_computes_on_the_cpu_where_there_is_no_gpu(finished, tmp_path):
    ask = ["apptainer", "exec", "--nv", machine.CUDA_IMAGE, "python", "-c", "import torch; print(torch.version.cuda)"]
    answer = subprocess.run(ask, capture_output=True, text=True)
    assert re.fullmatch(r"\d+\.\d+\n", answer.stdout), answer.stderr
    inside = copy_workflow(tmp_path / "inside")
    gpus = {"profile": "profiles/apptainer-gpu", "CUDA_VISIBLE_DEVICES": ""}
    run, said = in_containers(inside, machine.CUDA_IMAGE, SMALL | {"experiments": ["freezing"]}, **gpus)
    assert run.returncode == 0, said[-3000:]
    for log in ("base_model.log", "further/ru.log"):
        lines = (inside / "results/small/logs" / log).read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if "CPU" in line or "CUDA" in line] == [lines[0]], log
        assert re.fullmatch(r"torch \S+ computes on the CPU", lines[0]), log
    for table in ("freezing.csv", "further.csv"):
        ours, theirs = (folder / "results/small/tables" / table for folder in (inside, finished))
        assert ours.read_bytes() == theirs.read_bytes(), table
