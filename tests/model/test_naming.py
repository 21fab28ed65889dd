"""The public name of a model: that of the hub, of a file or of a folder, never a path."""

import json
from pathlib import Path

import pytest

from linguistic_regions.model import naming


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"),
        ("Llama-3.2-1B-Q4_K_M.gguf", "Llama-3.2-1B"),
        ("Qwen2.5-7B-UD-Q4_K_XL.gguf", "Qwen2.5-7B"),
        ("model.i1-IQ3_XXS.gguf", "model"),
        ("model.fp16.gguf", "model"),
        ("model-f16.GGUF", "model"),
        ("model-BF16.gguf", "model"),
        ("phi-3-mini-q4.gguf", "phi-3-mini"),
        ("gpt-oss-20b-MXFP4.gguf", "gpt-oss-20b"),
        ("plain.gguf", "plain"),
        ("Q8_0.gguf", "Q8_0"),
    ],
)
def test_a_file(file, name):
    assert naming.file_name(file) == name
    assert naming.public_name(f"/somewhere/{file}") == name
    assert naming.public_name(f"lab/repository/{file}") == name
    assert naming.public_name(f"llm-x==1.0 --hash=sha256:{'0' * 64}", file) == name


def test_a_name_on_the_hub():
    assert naming.public_name("Qwen/Qwen3-8B-Base") == "Qwen/Qwen3-8B-Base"
    assert naming.public_name("gpt2") == "gpt2"


@pytest.mark.parametrize(
    ("place", "said", "name"),
    [
        ("hub/models--Qwen--Qwen3-8B-Base/snapshots/0123abc", "other/name", "Qwen/Qwen3-8B-Base"),
        ("hub/models--gpt2/snapshots/0123abc", None, "gpt2"),
        ("here/mine", "lab/tiny", "lab/tiny"),
        ("here/mine", "/home/me/lab/tiny", "mine"),
        ("here/mine", "../tiny", "mine"),
        ("here/mine", 5, "mine"),
        ("here/mine", None, "mine"),
    ],
)
def test_a_folder(place, said, name, tmp_path, monkeypatch):
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"_name_or_path": said} if said else {}))
    assert naming.public_name(str(folder)) == name
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    for path in (tmp_path / "link", Path(), Path("../") / folder.name):
        assert naming.folder_name(path) == name


def test_a_folder_without_a_config(tmp_path):
    (tmp_path / "mine").mkdir()
    assert naming.folder_name(tmp_path / "mine") == "mine"


def test_the_name_of_a_run(tmp_path):
    (tmp_path / "source.json").write_text(json.dumps({"model": "/a/path", "name": "Tiny"}))
    assert naming.run_model_name(None, tmp_path) == "Tiny"
    assert naming.run_model_name("Mine", tmp_path) == "Mine"
    assert naming.run_model_name(None, None) == "this run's model"
