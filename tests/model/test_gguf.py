"""GGUF files as base models: the same weights and tokenizer as the file has, and mistakes named in one line."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

import fetch_model
import gguf_files
import hub
from hub import SCRIPTS, run
from linguistic_regions.model import gguf_header, gguf_model, loading, sources
from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.model.weights import selectable
from linguistic_regions.planning import configuration, plan
from linguistic_regions.planning.costs import gguf_shapes, shapes
from linguistic_regions.runtime.errors import UserError
from mistakes import cut, end_of
from texts import TEXTS


@pytest.fixture(scope="module")
def file(tmp_path_factory, tokenizer_folder):
    return gguf_files.write(tmp_path_factory.mktemp("gguf") / "Tiny-1M.Q4_1.gguf", tokenizer_folder)


@pytest.mark.parametrize(("kind", "tied"), [("F16", True), ("Q4_1", True), ("Q8_0", False)])
def test_the_weights_are_those_of_the_file(kind, tied, tmp_path, tokenizer_folder):
    file = gguf_files.write(tmp_path / f"Tiny.{kind}.gguf", tokenizer_folder, kind, tied)
    fetch_model.main(model=str(file), output=tmp_path / "base")
    model, plain = loading.load(tmp_path / "base"), gguf_files.rounded(gguf_files.llama(tied), kind)
    for name, weight in plain.named_parameters():
        assert torch.equal(weight, model.get_parameter(name)), name
    ids = torch.arange(24)[None]
    with torch.no_grad():
        assert torch.allclose(model(input_ids=ids).logits, plain(input_ids=ids).logits, atol=1e-5)
    source = json.loads((tmp_path / "base/source.json").read_text())
    told = {} if kind == "F16" else {"dequantized": kind}
    assert source == {"model": str(file), "name": "Tiny", **told}


def test_the_folder_is_one_of_a_plain_model(file, tokenizer_folder, tmp_path):
    fetch_model.main(model=str(file), output=tmp_path / "base")
    settings = json.loads((tmp_path / "base/config.json").read_text())
    assert settings["dtype"] == "float32"
    assert "quantization_config" not in settings
    assert "an internal label" not in "".join(path.read_text() for path in (tmp_path / "base").glob("*.json"))
    with safe_open(tmp_path / "base/model.safetensors", "numpy") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F32"}  # noqa: SIM118
    ours, theirs = load_tokenizer(tmp_path / "base"), load_tokenizer(tokenizer_folder)
    for text in TEXTS.values():
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]


def test_a_chat_template_comes_with_it(tmp_path, tokenizer_folder):
    template = "{{ messages[0]['content'] }}"
    file = gguf_files.write(tmp_path / "tiny.gguf", tokenizer_folder, chat_template=template)
    fetch_model.main(model=str(file), output=tmp_path / "base")
    assert load_tokenizer(tmp_path / "base").chat_template == template


def test_digits_stand_apart_where_the_model_learned_them_so(tmp_path, tokenizer_folder):
    file = gguf_files.write(tmp_path / "tiny.gguf", tokenizer_folder, pre="smollm")
    fetch_model.main(model=str(file), output=tmp_path / "base")
    split = load_tokenizer(tmp_path / "base").backend_tokenizer.pre_tokenizer
    assert [piece for piece, _ in split.pre_tokenize_str("a  12")] == ["a", "ĠĠ", "1", "2"]


def test_a_split_that_nobody_knows_is_warned_of(tmp_path, tokenizer_folder, caplog):
    file = gguf_files.write(tmp_path / "tiny.gguf", tokenizer_folder, pre="novel")
    fetch_model.main(model=str(file), output=tmp_path / "base")
    assert "the pre-tokenizer novel of its tokenizer is unknown" in caplog.text


MISTAKES = {
    "an architecture that nobody reads": ({"architecture": "novel"}, "transformers cannot read a GGUF file of arch"),
    "an encoder": ({"architecture": "t5"}, "is not a causal language model"),
    "no tokenizer": ({"tokens": None, "token_type": None, "merges": None, "model": None}, "has no tokenizer"),
    "a tokenizer that nobody makes": ({"model": "novel"}, "the tokenizer of tiny.gguf could not be converted"),
    "fewer rows than tokens": ({"rows": 290}, "it has 300 tokens, but the embedding has 290 rows"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_file_that_is_no_base_model(name, tmp_path, tokenizer_folder, monkeypatch):
    change, message = MISTAKES[name]
    file = gguf_files.write(tmp_path / "tiny.gguf", tokenizer_folder, **change)
    told = end_of(monkeypatch, "fetch_model", "--model", file, "--output", tmp_path / "base")
    assert told.startswith(f"fetch_model.py: error: model.pretrained: {file}: ") and message in told
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]


@pytest.mark.parametrize(("keep", "message"), [(0.9, "is truncated"), (0.05, "cannot be read"), (0, "cannot be read")])
def test_a_file_cut_short(keep, message, file, tmp_path, monkeypatch):
    (tmp_path / "tiny.gguf").write_bytes(file.read_bytes())
    cut(tmp_path / "tiny.gguf", keep)
    told = end_of(monkeypatch, "fetch_model", "--model", tmp_path / "tiny.gguf", "--output", tmp_path / "base")
    assert message in told and "download it again" in told


def test_a_tokenizer_that_was_converted_wrongly_is_named(file, tokenizer_folder):
    header = gguf_model.check_complete(file, "it")
    tokenizer = load_tokenizer(tokenizer_folder)
    gguf_model.check_tokenizer(tokenizer, header, "it")
    for key, value, message in (
        ("bos_token_id", 7, "BOS is token 0, but 7 in the file"),
        ("eos_token_id", 7, "EOS is token 1, but 7 in the file"),
        ("tokens", ["a"] * 299, "it has 300 tokens, but 299 in the file"),
    ):
        other = gguf_header.Header(header.metadata | {f"tokenizer.ggml.{key}": value}, header.tensors, header.data)
        with pytest.raises(UserError, match=f"^model.pretrained: it: its tokenizer could not be converted: {message}"):
            gguf_model.check_tokenizer(tokenizer, other, "it")
    tokenizer.backend_tokenizer.decoder = None
    with pytest.raises(UserError, match="'All human beings .*' becomes '"):
        gguf_model.check_tokenizer(tokenizer, header, "it")


# The config


def test_a_file_gives_the_shape_of_its_model(file, tmp_path, tokenizer_folder):
    for tied, path in ((True, file), (False, gguf_files.write(tmp_path / "x.gguf", tokenizer_folder, tied=False))):
        shape = shapes.shape({"model": {"pretrained": str(path)}})
        model = gguf_files.llama(tied)
        assert shape.parameters == pytest.approx(model.num_parameters(), rel=0.02)
        assert shape.matrices == sum(weight.numel() for weight in selectable(model, [], []).values())
        assert (shape.tied, shape.gated, shape.kv_heads) == (tied, True, 2)


def test_a_file_that_is_not_there_is_named_before_any_job():
    config = configuration.check({"model": {"pretrained": "no/file.gguf"}})
    with pytest.raises(UserError, match=r"^config: model.pretrained: there is no file no/file.gguf; check the path"):
        configuration.check_files(config)


def test_a_change_of_the_file_is_noticed(file):
    config = configuration.check({"model": {"pretrained": str(file)}})
    assert plan.model_files(config) == [str(file)]
    assert str(file) in plan.user_files(config)
    assert plan.model_name(config) == "Tiny-1M"
    assert plan.model_name(configuration.check({"model": {"pretrained": str(file), "name": "Mine"}})) == "Mine"


def test_what_the_config_may_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/x").mkdir(parents=True)
    assert sources.parse_source("lab/tiny/q/a.gguf") == sources.HubGguf("lab/tiny", "q/a.gguf")
    assert sources.parse_source("lab/tiny") == sources.HubModel("lab/tiny")
    for path in ("a.gguf", "m/a.gguf", "models/x/a.gguf", "./a/b/c.gguf", "/a/b/c.GGUF", "~/a/b/c.gguf"):
        assert isinstance(sources.parse_source(path), sources.GgufFile), path
    assert isinstance(sources.parse_source("models"), sources.Folder)


# The hub


def test_a_file_on_the_hub(file, tmp_path):
    (tmp_path / "repository/q").mkdir(parents=True)
    (tmp_path / "repository/q" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "repository/q/other.gguf").write_bytes(b"")
    with hub.serving(hub.Repository("lab/tiny", tmp_path / "repository")) as there:
        place = ("--output", tmp_path / "base", "--checkpoints", tmp_path / "coming")
        home = {"HF_HOME": str(tmp_path / "cache")}
        fetched = run("fetch_model.py", "--model", f"lab/tiny/q/{file.name}", *place, **there, **home)
    assert fetched.returncode == 0, fetched.stderr
    assert "Loading weights" not in fetched.stderr
    source = json.loads((tmp_path / "base/source.json").read_text())
    told = {"revision": None, "commit": hub.COMMIT, "name": "Tiny-1M", "dequantized": "Q4_1"}
    assert source == {"model": f"lab/tiny/q/{file.name}", **told}
    assert not (tmp_path / "coming").exists()


def test_a_file_that_is_not_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("linguistic_regions.runtime.hub.with_retries", lambda action: hub.COMMIT)
    monkeypatch.setattr("linguistic_regions.runtime.hub._download", lambda *_: None)  # what no file's name matches
    told = end_of(monkeypatch, "fetch_model", "--model", "lab/tiny/none.gguf", "--output", tmp_path / "base")
    assert told == "fetch_model.py: error: model.pretrained: lab/tiny (main) has no file none.gguf: check its name"


def test_the_shape_of_a_file_on_the_hub_is_fetched_once(file, tmp_path):
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / file.name).write_bytes(file.read_bytes())
    script = (
        "import sys; sys.path.insert(0, 'scripts'); from linguistic_regions.planning.costs import shapes;"
        f"print(shapes.shape({{'model': {{'pretrained': 'lab/tiny/{file.name}', 'revision': 'main'}}}}))"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    home = clean | {"HF_HOME": str(tmp_path / "cache")}
    with hub.serving(hub.Repository("lab/tiny", tmp_path / "repository")) as there:
        first = python(script, home | there)
    again = python(script, home | {"HF_HUB_OFFLINE": "1"})
    assert first == again == f"{gguf_shapes.from_file(file)}\n"


def python(script, environment):
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env=environment, cwd=SCRIPTS.parent, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
