"""What can happen to a run from outside: after each of it the same command ends with the undisturbed run's tables."""

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
from estimate import merged
from linguistic_regions.model.scratch import from_scratch
from mistakes import cut, flip, rot
from small_run import SMALL, copy_workflow, snakemake, write_config, write_text

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


# A file that is made early and one that is made late, and the room that is left on the disk from then on, in KiB.
FILLED = {"corpora/en": 8, "regions": 300}


def test_a_disk_that_fills_up_again_and_again(finished, tmp_path):
    folder = copy_workflow(tmp_path / "work")
    (folder / "results").mkdir()
    command = f"{SNAKEMAKE} --cores 2 --configfile small.yaml"
    fills = [
        f"""
        ({command} > {number}.log 2>&1 || echo $? > {number}.code) &
        while ! [ -e results/small/{after} ]; do sleep 0.05; done
        mount -o remount,size=$(($(df -k --output=used results | tail -1) + {left}))k results
        wait
        find results -name '.*.part-*' >> parts
        mount -o remount,size=100m results
        """
        for number, (after, left) in enumerate(FILLED.items())
    ]
    script = f"""
        mount -t tmpfs -o size=100m tmpfs results
        {"".join(fills)}
        {command} > last.log 2>&1
        mkdir saved && cp -r results/small saved
    """
    run = in_a_mount_of_its_own(folder, script)
    assert run.returncode == 0, run.stderr + (folder / "last.log").read_text()[-3000:]
    for number in range(len(FILLED)):
        log = (folder / f"{number}.log").read_text()
        assert (folder / f"{number}.code").read_text().strip() == "1"
        assert "The disk is full" in log and "Traceback" not in log, log[-3000:]
    assert (folder / "parts").read_text() == ""
    (folder / "results").rmdir()
    (folder / "saved").rename(folder / "results")
    assert tables(folder) == tables(finished)


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("size=500k", r"results/small: 0 MiB are free, but a job of \w+ writes \d+ MiB: free some space"),
        ("ro,size=100m", "results is not writable: make it writable, or make results a link"),
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
    assert "begins" not in said(run) and "Traceback" not in said(run)


# Intermediates: what is damaged, what reads it, and how it is damaged; from the last to the first, for a file that is
# deleted here is not made again before the end.
DAMAGED = [
    ("regions/top-0.03.safetensors", "evaluations/perplexity/core-0.03.parquet", cut),
    ("importance/taylor/ru/16/importance.safetensors", "regions/bottom-0.03.safetensors", rot),
    ("models/base/model.safetensors", "evaluations/perplexity/intact.parquet", cut),
    ("tokens/zh/train.parquet", "models/base", flip),
]


def test_damaged_intermediates_are_named_and_made_again(finished, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(finished, folder, symlinks=True)
    before = {name: (folder / "results/small" / name).read_bytes() for name, _, _ in DAMAGED}
    removed = []
    for name, reader, damage in DAMAGED:
        path = folder / "results/small" / name
        damage(path)
        run = snakemake(folder, f"results/small/{reader}", "--force")
        assert run.returncode == 1, name
        blamed = path.parent if name.startswith(("models/", "importance/")) else path
        assert re.search(rf"error: {re.escape(str(blamed.relative_to(folder)))}: n", said(run)), said(run)[-3000:]
        assert "Traceback" not in said(run)
        shutil.rmtree(blamed) if blamed.is_dir() else blamed.unlink()
        removed.append(str(blamed.relative_to(folder)))
    run = snakemake(folder, *removed)
    assert run.returncode == 0, said(run)[-3000:]
    assert {name: (folder / "results/small" / name).read_bytes() for name in before} == before


# Other runs, and the clock


def test_two_invocations_at_once(tmp_path):
    """Of the same run: one goes through, the other is told so. Of different runs: both go through."""
    folder = copy_workflow(tmp_path / "work")
    write_config(folder, SMALL | {"run": "other"}, "other.yaml")

    def start(run, config):
        command = [SNAKEMAKE, "--cores", "1", f"results/{run}/tokens/samples.csv", "--configfile", config]
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    first = start("small", "small.yaml")
    locks = folder / ".snakemake/locks"
    while first.poll() is None and not (locks.exists() and len(list(locks.iterdir())) == 2):  # of inputs and outputs
        time.sleep(0.05)
    runs = [first, start("small", "small.yaml"), start("other", "other.yaml")]
    ends = [(run.communicate()[0], run.returncode) for run in runs]
    assert [code for _, code in ends] == [0, 1, 0], ends
    assert "Directory cannot be locked" in ends[1][0] and "Traceback" not in ends[1][0]
    made = [(folder / f"results/{run}/tokens/samples.csv").read_bytes() for run in ("small", "other")]
    assert made[0] == made[1]


def test_a_clock_that_jumps(finished, tmp_path):
    """Forward, in the middle of a run, so that its first half seems to be of long ago."""
    folder = copy_workflow(tmp_path / "work")
    model = "results/small/models/base"
    assert snakemake(folder, "--until", "blocks").returncode == 0
    for path in (folder / "results").rglob("*"):
        before = path.stat().st_mtime
        os.utime(path, (before - 3 * 3600,) * 2)
    run = snakemake(folder, model)
    assert run.returncode == 0, said(run)[-3000:]
    weights = f"{model}/model.safetensors"
    assert (folder / weights).read_bytes() == (finished / weights).read_bytes()


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

    config = merged(SMALL, {"experiments": ["freezing"], "freezing": {"arms": ["full"]}})
    config["model"] = {"pretrained": "lab/tiny"}
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
