"""The model and its tokenizer from a hub: the real clients against a stand-in on loopback."""

import os
import subprocess
import sys
from pathlib import Path

import hub
import pytest

from linguistic_regions import models

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(scope="module")
def repository(tmp_path_factory, tokenizer_folder):
    """A tiny Llama with its tokenizer, and files that nobody should fetch."""
    folder = tmp_path_factory.mktemp("repository")
    models.from_scratch(300, 1, 8, 2, 1, 8, 16, True, 0).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling_evil.py").write_text("raise SystemExit('remote code ran')")
    return folder


def run(program, *arguments, **environment):
    """Run a program with no Hugging Face settings but these, and a cache of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    command = [sys.executable, SCRIPTS / program, *map(str, arguments)]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True)


def test_model_and_tokenizer_come_from_the_hub(repository, tmp_path):
    with hub.serving(repository, "lab/tiny") as environment:
        environment["HF_HOME"] = str(tmp_path / "cache")
        fetched = run("fetch_model.py", "--model", "lab/tiny", "--output", tmp_path / "base", **environment)
        assert fetched.returncode == 0, fetched.stderr
        told = ("--model", "lab/tiny", "--revision", hub.COMMIT)
        tokenizer = run("tokenizer.py", *told, "--output", tmp_path / "tokenizer", **environment)
        assert tokenizer.returncode == 0, tokenizer.stderr
    assert models.load(tmp_path / "base").num_parameters() > 0
    assert (tmp_path / "tokenizer/tokenizer.json").exists()
    assert not list((tmp_path / "base").glob("*.bin")) + list((tmp_path / "base").glob("*.py"))


@pytest.mark.parametrize(
    ("name", "revision", "gated"),
    [("lab/other", "main", False), ("lab/tiny", "no-such-branch", False), ("lab/tiny", "main", True)],
    ids=["unknown model", "unknown revision", "gated without a token"],
)
def test_what_cannot_be_had_is_said_in_one_line(repository, tmp_path, name, revision, gated):
    with hub.serving(repository, "lab/tiny", gated) as environment:
        environment["HF_HOME"] = str(tmp_path / "cache")
        told = ("--model", name, "--revision", revision)
        failed = run("fetch_model.py", *told, "--output", tmp_path / "base", **environment)
    assert failed.returncode == 1
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith(f"fetch_model.py: error: model.hub: {name} ({revision}):")
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "base").exists()


def test_a_token_is_used_and_not_shown(repository, tmp_path):
    with hub.serving(repository, "lab/tiny", gated=True) as environment:
        environment |= {"HF_HOME": str(tmp_path / "cache"), "HF_TOKEN": "good"}
        fetched = run("fetch_model.py", "--model", "lab/tiny", "--output", tmp_path / "base", **environment)
    assert fetched.returncode == 0, fetched.stderr
    assert "good" not in fetched.stdout + fetched.stderr
