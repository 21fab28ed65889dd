"""The README's example of your own model and text: the config is valid, its commands run, and so does its Python."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM

from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.weights import selectable
from linguistic_regions.regions import Region
from small_run import ROOT, copy_workflow
from texts import TEXTS

README = (ROOT / "README.md").read_text(encoding="utf-8")
(CONFIG,) = re.findall(r"^```yaml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
ESTIMATE, DRY_RUN, RUN = re.findall(
    r"^    (\.venv/\S+ .*--configfile my\.yaml(?: -n)?)(?: +#.*)?$", README, re.MULTILINE
)
(REGION,) = re.findall(r'Region\.load\("(.*)"\)', EXAMPLE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer_folder):
    """A copy of the workflow, with what the README presumes: my.yaml, a model, texts and minimal pairs."""
    folder = copy_workflow(tmp_path_factory.mktemp("own") / "workflow")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "my.yaml").write_text(CONFIG, encoding="utf-8")
    model = from_scratch(
        vocabulary=300, layers=2, width=64, heads=4, kv_heads=2, mlp_width=96, context=64, tied=False, seed=0
    )
    model.save_pretrained(folder / "my-model")
    for file in tokenizer_folder.iterdir():
        (folder / "my-model" / file.name).write_bytes(file.read_bytes())
    generator, words = np.random.default_rng(0), TEXTS["en"].split()
    for code in yaml.safe_load(CONFIG)["languages"]:
        texts = folder / "texts" / code
        texts.mkdir(parents=True)
        documents = [" ".join(generator.choice(words, 80)) for _ in range(60)]
        if code == "en":
            for number, document in enumerate(documents):
                (texts / f"{number}.txt").write_text(document, encoding="utf-8")
        else:
            lines = "".join(json.dumps({"text": document}) + "\n" for document in documents)
            (texts / "all.jsonl").write_text(lines, encoding="utf-8")
    pair = {"language": "sw", "phenomenon": "agreement", "good": "Watoto wanasoma.", "bad": "Watoto anasoma."}
    (folder / "pairs").mkdir()
    (folder / "pairs" / "mine.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")
    return folder


def done(folder, command):
    """What a command of the README prints."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "scripts"}
    run = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return run.stdout + run.stderr


@pytest.mark.workflow
def test_what_it_costs_and_what_it_would_run_is_said(folder):
    assert done(folder, ESTIMATE).startswith("mine: my-model;")
    said = done(folder, DRY_RUN)
    assert re.search(r"^corpus +4$", said, re.MULTILINE) and re.search(r"^pairs +1$", said, re.MULTILINE)
    assert "package" not in said, "nothing is fetched from Debian"


def test_its_python_removes_the_region_for_a_while(folder, monkeypatch):
    monkeypatch.chdir(folder)
    model = AutoModelForCausalLM.from_pretrained("my-model")
    shapes = {name: tuple(weight.shape) for name, weight in selectable(model, [], []).items()}
    Region.from_masks({name: np.ones(shape, bool) for name, shape in shapes.items()}).save(REGION)
    try:
        names = {}
        exec(EXAMPLE, names)
    finally:
        (folder / REGION).unlink()
    assert names["mask"].all()
    assert names["loss"] != model(**names["batch"], labels=names["batch"]["input_ids"]).loss
    assert all(torch.equal(weight, model.get_parameter(name)) for name, weight in names["model"].named_parameters())


@pytest.mark.workflow
@pytest.mark.slow
def test_it_runs(folder):
    assert "Report: results/mine/report.html" in done(folder, RUN)
    claims = (folder / "results/mine/tables/claims.csv").read_text(encoding="utf-8")
    (own,) = [line for line in claims.splitlines() if line.startswith("own,")]
    assert "not tested" not in own, "three regions, and a language that was left out of none"
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    done(folder, ".venv/bin/python example.py")
