"""The model, its tokenizer and data sets from a hub: the real clients against a stand-in on loopback that can fail."""

import json
import random
import socket
from itertools import repeat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import hub
from hub import run
from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.runtime import hub as access
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text import minimal_pairs
from small_run import some_slow

BUSY = [503, 429, "drop"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory, tokenizer_folder):
    """A tiny Llama with its tokenizer, and files that nobody should fetch."""
    folder = tmp_path_factory.mktemp("repository")
    from_scratch(300, 1, 8, 2, 1, 8, 16, True, 0).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling_evil.py").write_text("raise SystemExit('remote code ran')")
    return folder


def fetch(repository, folder, *arguments, faults=lambda path: None, gated=False, **environment):
    """Fetch lab/tiny to folder/base."""
    with hub.serving(hub.Repository("lab/tiny", repository), gated=gated, faults=faults) as there:
        told = ("--model", "lab/tiny", "--output", folder / "base", "--checkpoints", folder / "coming", *arguments)
        return run("fetch_model.py", *told, **there, HF_HOME=str(folder / "cache"), **environment)


def said(run, start):
    """The one line by which a program ended on a user's mistake."""
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith(start), last
    return last


def test_model_and_tokenizer_come_from_the_hub(repository, tmp_path):
    fetched = fetch(repository, tmp_path)
    assert fetched.returncode == 0, fetched.stderr
    assert loading.load(tmp_path / "base").num_parameters() > 0
    assert load_tokenizer(tmp_path / "base").get_vocab() == load_tokenizer(repository).get_vocab()
    assert not list((tmp_path / "base").glob("*.bin")) + list((tmp_path / "base").glob("*.py"))
    assert {path.name for path in tmp_path.iterdir()} <= {"base", "cache"}
    source = json.loads((tmp_path / "base/source.json").read_text())
    assert source == {"model": "lab/tiny", "revision": None, "commit": hub.COMMIT, "name": "lab/tiny"}


def test_a_model_without_a_tokenizer_is_named_before_its_weights_come(tmp_path):
    from_scratch(300, 1, 8, 2, 1, 8, 16, True, 0).save_pretrained(tmp_path / "bare")
    failed = fetch(tmp_path / "bare", tmp_path)
    said(failed, "fetch_model.py: error: model.pretrained: lab/tiny: no tokenizer could be loaded")
    assert not list((tmp_path / "coming").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("name", "revision", "gated", "message"),
    [
        ("lab/other", "main", False, "lab/other (main) is not on the hub, or is private: check its name"),
        ("lab/tiny", "no-such-branch", False, "lab/tiny has no revision 'no-such-branch': name a commit, tag or"),
        ("lab/tiny", "main", True, "lab/tiny (main) is gated: accept its terms on the hub, and set your token"),
    ],
    ids=["unknown model", "unknown revision", "gated without a token"],
)
def test_what_cannot_be_had_is_said_in_one_line(repository, tmp_path, name, revision, gated, message):
    with hub.serving(hub.Repository("lab/tiny", repository), gated=gated) as environment:
        told = ("--model", name, "--revision", revision, "--output", tmp_path / "base")
        failed = run("fetch_model.py", *told, **environment, HF_HOME=str(tmp_path / "cache"))
    said(failed, f"fetch_model.py: error: model.pretrained: {message}")
    assert not (tmp_path / "base").exists()


def test_a_token_is_used_and_not_shown(repository, tmp_path):
    fetched = fetch(repository, tmp_path, gated=True, HF_TOKEN=hub.TOKEN)
    assert fetched.returncode == 0, fetched.stderr
    assert hub.TOKEN not in fetched.stdout + fetched.stderr


def test_a_hub_that_fails_for_a_while_is_asked_again(repository, tmp_path):
    faults = hub.Faults({"api/models/lab/tiny": BUSY, "config.json": BUSY, "model.safetensors": BUSY})
    fetched = fetch(repository, tmp_path, faults=faults)
    assert fetched.returncode == 0, fetched.stderr
    assert faults.seen == 9
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "base" / name).read_bytes() == (repository / name).read_bytes()


@pytest.mark.parametrize("kind", some_slow(BUSY, [*BUSY][:1]))
def test_a_hub_that_stays_away_is_named_and_what_came_is_kept(repository, tmp_path, kind):
    failed = fetch(repository, tmp_path, faults=hub.Faults({"model.safetensors": repeat(kind)}))
    said(failed, "fetch_model.py: error: model.pretrained: lab/tiny (main): the hub is busy or cannot be reached")
    assert not (tmp_path / "base").exists()
    (coming,) = (tmp_path / "coming").glob("lab--*")
    assert (coming / "config.json").exists() and not (coming / "model.safetensors").exists()
    assert fetch(repository, tmp_path).returncode == 0


@pytest.mark.parametrize("kind", some_slow(["short", "damaged"], ["damaged"]))
@pytest.mark.parametrize("place", some_slow(["config.json", "model.safetensors"], ["model.safetensors"]))
def test_a_file_that_comes_damaged_is_never_taken_for_whole(repository, tmp_path, kind, place):
    failed = fetch(repository, tmp_path, faults=hub.Faults({place: repeat(kind)}))
    said(failed, "fetch_model.py: error: model.pretrained: lab/tiny (main): ")
    assert not (tmp_path / "base").exists()
    again = fetch(repository, tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "base" / place).read_bytes() == (repository / place).read_bytes()


def test_what_came_of_one_model_is_not_taken_for_anothers(repository, tmp_path):
    other = tmp_path / "other"
    from_scratch(300, 1, 8, 2, 1, 8, 16, True, 1).save_pretrained(other, max_shard_size="10KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_bytes((repository / name).read_bytes())
    served = (hub.Repository("lab/tiny", repository), hub.Repository("lab/other", other))
    with hub.serving(*served, faults=hub.Faults({f"lab/tiny/resolve/{hub.COMMIT}/config.json": repeat(404)})) as there:
        codes = []
        for name in ("lab/tiny", "lab/other"):
            told = ("--model", name, "--checkpoints", tmp_path / "coming", "--output", tmp_path / name)
            codes.append(run("fetch_model.py", *told, **there, HF_HOME=str(tmp_path / "cache")).returncode)
    assert codes == [1, 0]
    weights = [{path.name for path in folder.glob("*.safetensors")} for folder in (tmp_path / "lab/other", other)]
    assert weights[0] == weights[1] and "model.safetensors" not in weights[0]
    assert not (tmp_path / "coming").exists()


def test_without_a_network_no_time_is_lost():
    """No address is found for the hub's name; that of a resolver that is busy may be found later."""
    asked = []
    for code, message in ((socket.EAI_NONAME, "connect this machine to a network"), (socket.EAI_AGAIN, "later")):
        error = ConnectionError("cannot connect")
        error.__cause__ = socket.gaierror(code, "not known")
        assert message in access.explain(error, "lab/tiny", None)
        assert access.is_transient(error) == (code == socket.EAI_AGAIN)

    def ask():
        asked.append(1)
        raise ConnectionError from socket.gaierror(socket.EAI_NONAME, "not known")

    with pytest.raises(ConnectionError):
        access.with_retries(ask)
    assert len(asked) == 1


def test_an_unreachable_hub(tmp_path):
    told = ("--model", "lab/tiny", "--output", tmp_path / "base")
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "cache"), **hub.HURRY}
    said(
        run("fetch_model.py", *told, **nowhere),
        "fetch_model.py: error: model.pretrained: lab/tiny (main): the hub is busy",
    )
    offline = run("fetch_model.py", *told, **nowhere, HF_HUB_OFFLINE="1")
    assert "cannot be downloaded in offline mode" in said(
        offline, "fetch_model.py: error: model.pretrained: lab/tiny (main)"
    )


# Code that comes with a model


@pytest.fixture
def own_kind(repository, tmp_path):
    """A model of a kind that transformers does not know, with the code that it needs."""
    folder = tmp_path / "own kind"
    folder.mkdir()
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((repository / name).read_bytes())
    config = json.loads((repository / "config.json").read_text())
    config |= {"model_type": "mine", "architectures": ["MyModel"]}
    config["auto_map"] = {"AutoConfig": "mine.MyConfig", "AutoModelForCausalLM": "mine.MyModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n\n\n"
        'class MyConfig(LlamaConfig):\n    model_type = "mine"\n\n\n'
        "class MyModel(LlamaForCausalLM):\n    config_class = MyConfig\n"
    )
    return folder


def test_a_models_code_does_not_run_unless_the_config_trusts_it(own_kind, tmp_path):
    with pytest.raises(UserError, match="own kind.*model.trust_remote_code: true"):
        loading.load(own_kind)
    with hub.serving(hub.Repository("lab/mine", own_kind)) as environment:
        told = ("--model", "lab/mine", "--checkpoints", tmp_path / "coming", "--output", tmp_path / "base")
        closed = run("fetch_model.py", *told, **environment, HF_HOME=str(tmp_path / "cache"))
        assert "set model.trust_remote_code: true" in said(closed, "fetch_model.py: error: ")
        assert not [path for path in (tmp_path / "coming").rglob("*") if path.suffix in (".py", ".safetensors")]
        opened = run("fetch_model.py", *told, "--trust-remote-code", "True", **environment, HF_HOME=str(tmp_path))
        assert opened.returncode == 0, opened.stderr
    assert list((tmp_path / "base").glob("*.py"))


def test_a_trusted_models_code_goes_with_it(own_kind, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    trusted = loading.load(own_kind, trust_remote_code=True)
    assert type(trusted).__name__ == "MyModel"
    assert f"running code that comes with {own_kind}, with your permissions" in caplog.text
    loading.save(trusted, tmp_path / "again")
    again = loading.load(tmp_path / "again", trust_remote_code=True)
    assert type(again).__name__ == "MyModel"
    for a, b in zip(trusted.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_own_kind_that_is_not_causal_is_refused(own_kind, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    config = json.loads((own_kind / "config.json").read_text())
    (own_kind / "config.json").write_text(json.dumps(config | {"is_causal": False}))
    with pytest.raises(UserError, match="a mine model with this config attends to the tokens that it has to predict"):
        loading.load(own_kind, trust_remote_code=True)


# Data sets


@pytest.fixture(scope="module", params=["parquet", "jsonl"])
def dataset(request, tmp_path_factory):
    """A data set of 300 documents in each of two configurations."""
    folder = tmp_path_factory.mktemp("dataset")
    words = random.Random(0)
    for name in ("rus", "zho"):
        (folder / name).mkdir()
        texts = [" ".join(str(words.random()) for _ in range(20)) for _ in range(300)]
        rows = [{"id": f"{name}-{number}", "text": text} for number, text in enumerate(texts)]
        if request.param == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / name / "train-00000-of-00001.parquet")
        else:
            (folder / name / "train.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/*\n" for name in ("rus", "zho"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    return folder


def gather(dataset, folder, config="rus", faults=lambda path: None, gated=False, **environment):
    """Stream a configuration of lab/texts into folder/ru."""
    with hub.serving(hub.Repository("lab/texts", dataset, "datasets"), gated=gated, faults=faults) as there:
        told = ("--language", "ru", "--source", "huggingface", "--repo", "lab/texts", "--dataset-config", config)
        cache = str(folder / "cache")
        return run("corpus.py", *told, "--output", folder / "ru", **there, HF_HOME=cache, **environment)


def test_a_data_set_is_streamed_from_the_hub_and_goes_on_where_it_broke(dataset, tmp_path):
    gathered = gather(dataset, tmp_path / "smooth")
    assert gathered.returncode == 0, gathered.stderr
    manifest = json.loads((tmp_path / "smooth/ru/manifest.json").read_text())
    assert manifest["origin"] == {"repo": "lab/texts", "config": "rus", "split": "train", "revision": hub.COMMIT}
    assert sum(split["documents"] for split in manifest["splits"].values()) == 300
    faults = hub.Faults(dict.fromkeys([".parquet", ".jsonl", "api/datasets/lab/texts", f"revision/{hub.COMMIT}"], BUSY))
    gathered = gather(dataset, tmp_path / "rough", faults=faults)
    assert gathered.returncode == 0, gathered.stderr
    assert faults.seen == 9
    for split in ("train", "valid", "test"):
        smooth, rough = (tmp_path / way / "ru" / f"{split}.parquet" for way in ("smooth", "rough"))
        assert smooth.read_bytes() == rough.read_bytes()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param(503, "the hub is busy or cannot be reached", marks=pytest.mark.slow),
        ("drop", "the hub is busy or cannot be reached"),
        pytest.param("short", "a file is corrupted", marks=pytest.mark.slow),
        ("damaged", "a file is corrupted"),
    ],
)
def test_a_stream_that_cannot_be_read_leaves_no_corpus(dataset, tmp_path, kind, message):
    failed = gather(dataset, tmp_path, faults=hub.Faults({".parquet": repeat(kind), ".jsonl": repeat(kind)}))
    assert message in said(failed, "corpus.py: error: data set lab/texts (config rus, split train): ")
    assert not list((tmp_path / "ru").iterdir())


@pytest.mark.parametrize(
    ("config", "gated", "message"),
    [
        ("deu", False, "data set lab/texts (config deu, split train) cannot be read: BuilderConfig 'deu' not found"),
        ("rus", True, "data set lab/texts (main) is gated: accept its terms on the hub"),
    ],
)
def test_a_data_set_that_cannot_be_had(dataset, tmp_path, config, gated, message):
    said(gather(dataset, tmp_path, config, gated=gated), f"corpus.py: error: {message}")


def test_a_gated_data_set_takes_the_token_and_does_not_show_it(dataset, tmp_path):
    gathered = gather(dataset, tmp_path, gated=True, HF_TOKEN=hub.TOKEN)
    assert gathered.returncode == 0, gathered.stderr
    shown = gathered.stdout + gathered.stderr + (tmp_path / "ru/manifest.json").read_text()
    assert hub.TOKEN not in shown


# Minimal pairs


@pytest.fixture(scope="module")
def paradigms(tmp_path_factory):
    """A set of pairs with two configurations, as BLiMP has them."""
    folder = tmp_path_factory.mktemp("paradigms")
    for name in ("islands", "binding"):
        (folder / name).mkdir()
        rows = {
            "sentence_good": [f"{name} {n} is." for n in range(3)],
            "sentence_bad": [f"{name} {n} are." for n in range(3)],
        }
        pq.write_table(pa.table(rows), folder / name / "train-00000-of-00001.parquet")
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/*\n" for name in ("islands", "binding"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    return folder


def test_all_paradigms_of_a_set_of_pairs_come_from_a_hub_that_is_busy(paradigms, tokenizer_folder, tmp_path):
    faults = hub.Faults({".parquet": BUSY, "api/datasets/lab/pairs": BUSY})
    told = ("--language", "en", "--sources", "hub", "--repo", "lab/pairs", "--tokenizer", tokenizer_folder)
    told += ("--count", 4, "--output", tmp_path / "en.parquet")
    with hub.serving(hub.Repository("lab/pairs", paradigms, "datasets"), faults=faults) as there:
        gathered = run("pairs.py", *told, **there, HF_HOME=str(tmp_path / "cache"))
    assert gathered.returncode == 0, gathered.stderr
    assert faults.seen > 0
    found = minimal_pairs.read(tmp_path / "en.parquet")
    assert [(pair.source, pair.template) for pair in found] == [("pairs", "islands")] * 2 + [("pairs", "binding")] * 2
