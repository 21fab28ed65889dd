"""What can happen to a run from outside: after each of it the same command ends with the undisturbed run's tables."""

import copy
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hub
import machine
from linguistic_regions.model.scratch import from_scratch
from mistakes import cut, flip, rot
from small_run import SMALL, copy_workflow, planned, snakemake, write_config, write_text

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


def tables(folder, run="small"):
    return {path.name: path.read_bytes() for path in sorted((folder / "results" / run / "tables").iterdir())}


def said(run):
    return run.stdout + run.stderr


def in_a_mount_of_its_own(folder, script):
    """Run a shell script that may mount file systems, which nobody else sees."""
    command = ["unshare", "--map-root-user", "--mount", "sh", "-ec", script]
    can = subprocess.run([*command[:-1], "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode == 0
    machine.require(can, "file systems cannot be mounted here")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


# Disks


@pytest.mark.parametrize(("after", "left"), [("corpora/en", 8), ("models/base", 20), ("regions", 300)])
def test_a_disk_that_fills_up(finished, tmp_path, after, left):
    folder = copy_workflow(tmp_path / "work")
    (folder / "results").mkdir()
    command = f"{SNAKEMAKE} --cores 2 --configfile small.yaml"
    script = f"""
        mount -t tmpfs -o size=100m tmpfs results
        ({command} > first.log 2>&1 || echo $? > first.code) &
        while ! [ -e results/small/{after} ]; do sleep 0.05; done
        mount -o remount,size=$(($(df -k --output=used results | tail -1) + {left}))k results
        wait
        find results -name '.*.part-*' > parts
        mount -o remount,size=100m results
        {command} > second.log 2>&1
        mkdir saved && cp -r results/small saved
    """
    run = in_a_mount_of_its_own(folder, script)
    assert run.returncode == 0, run.stderr + (folder / "second.log").read_text()[-3000:]
    first = (folder / "first.log").read_text()
    assert (folder / "first.code").read_text().strip() == "1"
    assert "No space left on device" in first and "Traceback" not in first, first[-3000:]
    assert (folder / "parts").read_text() == ""
    (folder / "results").rmdir()
    (folder / "saved").rename(folder / "results")
    assert tables(folder) == tables(finished)


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("size=500k", r"results/small: 0 MiB are free, a job of \w+ writes \d+ MiB: free some space"),
        ("ro,size=100m", "results cannot be written to: make it writable, or make results a link"),
    ],
    ids=["too small", "read-only"],
)
def test_a_disk_that_will_not_do_is_named_before_the_first_job(tmp_path, mount, message):
    folder = copy_workflow(tmp_path / "work")
    (folder / "results").mkdir()
    script = f"mount -t tmpfs -o {mount} tmpfs results; {SNAKEMAKE} --cores 2 --configfile small.yaml"
    run = in_a_mount_of_its_own(folder, script)
    assert run.returncode == 1
    assert re.search(message, said(run))
    assert "Execute" not in said(run) and "Traceback" not in said(run)


# Intermediates


@pytest.mark.parametrize(
    ("name", "reader", "damage"),
    [
        ("corpora/ru/train.parquet", "blocks", cut),
        ("tokens/zh/train.parquet", "importance_ru_zh", flip),
        ("models/base/model.safetensors", "removal", cut),
        ("models/further/zh/model.safetensors", "importance_ru_zh", rot),
        ("importance/ru/16/importance.safetensors", "core_regions", rot),
        ("regions/top-0.03.safetensors", "removal", cut),
    ],
)
def test_a_damaged_intermediate_is_named_and_made_again(finished, tmp_path, name, reader, damage):
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    assert planned(folder, SMALL) == {}
    path = folder / "results/small" / name
    before = path.read_bytes()
    damage(path)
    run = snakemake(folder, "--forcerun", reader)
    assert run.returncode == 1
    blamed = path.parent if "models/" in name or "importance/" in name else path
    assert re.search(rf"error: {re.escape(str(blamed.relative_to(folder)))}: n", said(run)), said(run)[-3000:]
    assert "Traceback" not in said(run)
    shutil.rmtree(path.parent) if blamed.is_dir() else path.unlink()
    run = snakemake(folder, "--forcerun", reader)
    assert run.returncode == 0, said(run)[-3000:]
    assert path.read_bytes() == before
    assert tables(folder) == tables(finished)


def test_deleted_intermediates_are_made_again_where_they_are_needed(finished, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    for name in ("regions/top-0.03.safetensors", "tokens/ru/test.parquet", "removal/core-1.csv", "tables/removal.csv"):
        (folder / "results/small" / name).unlink()
    run = snakemake(folder)
    assert run.returncode == 0, said(run)[-3000:]
    assert tables(folder) == tables(finished)


# Other runs, and the clock


def test_two_invocations_at_once(finished, tmp_path):
    """Of the same run: one goes through, the other is told so. Of different runs: both go through."""
    folder = copy_workflow(tmp_path / "work")
    write_config(folder, SMALL | {"run": "other"}, "other.yaml")
    command = [SNAKEMAKE, "--cores", "1", "--configfile"]
    started = {"first": start(folder, [*command, "small.yaml"], "first.log")}
    wait_for(folder / ".snakemake/locks")
    time.sleep(1)  # not only the folder
    started["same"] = start(folder, [*command, "small.yaml"], "same.log")
    started["other"] = start(folder, [*command, "other.yaml"], "other.log")
    codes = {name: run.wait() for name, run in started.items()}
    logs = {name: (folder / f"{name}.log").read_text() for name in started}
    assert codes == {"first": 0, "same": 1, "other": 0}, logs
    assert "Directory cannot be locked" in logs["same"] and "Traceback" not in logs["same"]
    assert tables(folder) == tables(folder, "other") == tables(finished)


def start(folder, command, log):
    with (folder / log).open("wb") as out:
        return subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)


def wait_for(path):
    while not (path.exists() and any(path.iterdir())):
        time.sleep(0.05)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_jumps(finished, tmp_path, hours):
    """In the middle of a run, so that its first half seems to be from the future, or long ago."""
    folder = copy_workflow(tmp_path / "work")
    assert snakemake(folder, "--until", "blocks").returncode == 0
    for path in (folder / "results").rglob("*"):
        before = path.stat().st_mtime
        os.utime(path, (before - 3600 * hours,) * 2)
    for _ in range(2):
        run = snakemake(folder)
        assert run.returncode == 0, said(run)[-3000:]
        assert tables(folder) == tables(finished)


# The hub, with all that it can do to a run


def test_a_run_from_a_hub_that_fails_and_wants_a_token(tmp_path, tokenizer_folder):
    """Model and text are gated, the server fails at each place, documents hold scripts: the run goes through, the token
    is in no file, and no program unpickles anything."""
    folder = copy_workflow(tmp_path / "work")
    model, texts = tmp_path / "model", tmp_path / "texts"
    from_scratch(300, 2, 16, 2, 1, 24, 32, True, 0).save_pretrained(model)
    for file in tokenizer_folder.iterdir():
        shutil.copy(file, model)
    write_text(texts)
    for path in list(texts.iterdir()):
        (texts / path.stem).mkdir()
        (texts / path.stem / "train.jsonl").write_text(path.read_text().replace('": "', '": "<script>x()</script> '))
        path.unlink()
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/*\n" for name in ("en", "ru", "zh"))
    (texts / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")

    config = copy.deepcopy(SMALL) | {"model": {"pretrained": "lab/tiny"}, "experiments": ["removal", "freezing"]}
    source = {"repo": "lab/texts", "config": "{language}"}
    config["corpora"] = {"source": "huggingface", "huggingface": source, "test": 0.2, "valid": 0.2}
    write_config(folder, config)
    served = (hub.Repository("lab/tiny", model), hub.Repository("lab/texts", texts, "datasets"))
    each = [503, 429, "drop"]
    faults = hub.Faults(
        {
            ".safetensors": each,
            ".jsonl": each,
            "lab/tiny/revision/main": each,
            "lab/texts/revision/main": each,
            "config.json": [503],
        }
    )
    notes = tmp_path / "unpickled"
    with hub.serving(*served, gated=True, faults=faults) as there:
        environment = there | {"HF_TOKEN": hub.TOKEN, "HF_HOME": str(tmp_path / "cache"), "PICKLE_NOTES": str(notes)}
        run = snakemake(folder, **environment)
    assert run.returncode == 0, said(run)[-3000:]
    assert faults.seen == 13
    assert hub.TOKEN not in said(run)
    kept = [path for place in (folder, tmp_path / "cache") for path in place.rglob("*") if path.is_file()]
    assert len(kept) > 200
    assert not [path for path in kept if hub.TOKEN.encode() in path.read_bytes()]
    subprocess.run([sys.executable, "-c", "import pickle; pickle.loads(pickle.dumps(print))"], env=environment)
    unpickled = notes.read_text().splitlines()
    assert unpickled[-1] == "['-c'] ('builtins', 'print')"  # the notes do note
    assert not [line for line in unpickled if "scripts/" in line], unpickled
