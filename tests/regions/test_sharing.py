"""Regions travel: from a run's folder to the hub and back, by the real client and a stand-in on loopback."""

import json
import shutil

import numpy as np
import pytest
import yaml

import hub
import synthetic_results as synthetic
from linguistic_regions.regions import Region, sharing
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.hub import upload
from mistakes import cut

ORIGIN = {"model": "lab/tiny", "name": "tiny", "revision": "main", "commit": "f" * 40, "at": "base"}
BUSY = ["/repos/create", "/preupload/main", "/objects/batch", "/commit/main"]  # at first


def program(command, *arguments, folder, **environment):
    """Run a command of region.py, with a cache of its own."""
    return hub.run("region.py", command, *arguments, **environment, HF_HOME=str(folder / "cache"))


def refused(ended, message):
    assert ended.returncode == 1, ended.stdout
    assert ended.stderr.strip().splitlines()[-1].startswith(f"region.py: error: {message}"), ended.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with two regions, its provenance and its claims."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "regions").mkdir()
    for number, name in enumerate(("random-0.03-1", "top-0.03")):
        masks = {"w": np.random.default_rng(number).random((7, 5)) < 0.3}
        recipe = {"select": name.split("-")[0], "ratio": 0.03, "scores": ["taylor/ru/40", "taylor/zh/40"]}
        Region.from_masks(masks, {"recipe": recipe, **ORIGIN}).save(folder / f"regions/{name}.safetensors")
    synthetic.write({"claims": synthetic.claims()}, folder / "tables")
    record = {"software": {"linguistic-regions": "1.2.3", "revision": "abc"}}
    (folder / "provenance.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def told(run):
    """Arguments of push."""
    return (*sorted((run / "regions").iterdir()), "--repo", "lab/regions")


@pytest.fixture(scope="module")
def pushed(run, told, tmp_path_factory):
    """How the program ended that pushed the run's regions to a busy hub, and the folder that the hub then has."""
    folder = tmp_path_factory.mktemp("hub")
    faults = hub.Faults(dict.fromkeys(BUSY, [503]))
    with hub.serving(hub.Repository("lab/regions", folder / "lab"), gated=True, faults=faults) as there:
        ended = program("push", *told, "--dry-run", "False", folder=folder, **there, HF_TOKEN=hub.TOKEN)
    assert ended.returncode == 0, ended.stderr
    assert faults.seen == len(BUSY)
    return ended, folder / "lab"


def files(folder):
    """What is in a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_says_what_would_go_where_and_asks_nobody(run, told, tmp_path):
    dry = program("push", *told, folder=tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert dry.returncode == 0, dry.stderr
    said, card = dry.stdout.split("\n---\n", 1)
    assert said.splitlines()[0] == "Nothing is uploaded. With --dry-run False: to lab/regions, private if it is new"
    for name, content in files(run).items():
        assert f"  {name}: {len(content):,} bytes" in said
    assert "# lab/regions" in card


def test_regions_come_back_as_they_went(run, pushed, tmp_path):
    ended, there = pushed
    assert ended.stdout.strip().endswith(f"lab/regions/commit/{hub.COMMIT}")
    assert json.loads((there.parent / "made.json").read_text())["visibility"] == "private"
    with hub.serving(hub.Repository("lab/regions", there), gated=True) as environment:
        told = ("lab/regions", "--revision", hub.COMMIT, "--output", tmp_path / "out")
        pulled = program("pull", *told, folder=tmp_path, **environment, HF_TOKEN=hub.TOKEN)
    assert pulled.returncode == 0, pulled.stderr
    assert f"{tmp_path / 'out/regions/top-0.03.safetensors'}: " in pulled.stdout
    card = {"README.md": (there / "README.md").read_bytes()}
    assert files(tmp_path / "out") == files(run) | card
    for said in (ended.stdout, ended.stderr, pulled.stdout, pulled.stderr, *map(str, files(there).values())):
        assert hub.TOKEN not in said


def test_the_card_tells_model_recipe_verdicts_and_provenance(run, pushed):
    _, head, card = (pushed[1] / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head)["base_model"] == ["lab/tiny"]
    region = Region.load(run / "regions/top-0.03.safetensors")
    assert f"{len(region)} of {region.size} selectable weights" in card
    assert "- select: top" in card and "- scores: taylor/ru/40, taylor/zh/40" in card
    for claim in synthetic.claims().to_dict("records"):
        assert any(line.startswith(f"| {claim['verdict']}") and claim["claim"] in line for line in card.splitlines())
    assert "linguistic-regions 1.2.3, revision abc" in card


def test_a_region_alone_has_a_card_too(run, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    path = tmp_path / "a/b/mine.safetensors"
    Region.from_masks({"w": np.eye(3, dtype=bool)}).save(path)
    contents = sharing.contents("me/mine", [path])
    assert list(contents) == ["README.md", "regions/mine.safetensors"]
    assert "not named in the file" in contents["README.md"] and "Claims" not in contents["README.md"]
    with pytest.raises(UserError, match="push: the region files are in 2 folders"):
        sharing.contents("me/mine", [path, run / "regions/top-0.03.safetensors"])


def test_who_may_not_write_is_told_in_a_line(told, tmp_path, monkeypatch):
    with hub.serving(hub.Repository("lab/regions", tmp_path / "hub/lab")) as there:
        failed = program("push", *told, "--dry-run", "False", folder=tmp_path, **there, HF_TOKEN="hf_another")
    refused(failed, "lab/regions: the token in the environment (HF_TOKEN) may not write there")
    assert "hf_another" not in failed.stdout + failed.stderr
    assert not (tmp_path / "hub").exists()
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(UserError, match="lab/regions: an upload needs a token that may write"):
        upload("lab/regions", {"README.md": ""}, True, "nothing")


def test_what_is_no_region_is_not_taken(run, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").write_bytes(b"weights")
    damaged = shutil.copytree(run, tmp_path / "damaged")
    cut(damaged / "regions/top-0.03.safetensors")
    with hub.serving(hub.Repository("lab/model", tmp_path / "model"), hub.Repository("lab/cut", damaged)) as there:
        for repo, message in {
            "lab/model": "pull: lab/model (main) has no regions/*.safetensors",
            "lab/cut": "pull: lab/cut (main): regions/top-0.03.safetensors is not a readable region",
        }.items():
            refused(program("pull", repo, "--output", tmp_path / "out", folder=tmp_path, **there), message)
    assert {path.name for path in tmp_path.iterdir()} <= {"damaged", "model", "cache"}
    with pytest.raises(UserError, match="damaged exists: remove it, or name another folder"):
        sharing.fetch("lab/cut", None, damaged)


@pytest.mark.parametrize("repo", ["nonsense", "a b/c", "https://hub/me/regions", "me/regions/x"])
def test_what_cannot_be_a_repository_is_refused_before_the_hub_is_asked(repo, run, tmp_path):
    with pytest.raises(UserError, match="no name of a repository: write owner/name"):
        sharing.contents(repo, list((run / "regions").iterdir()))
    with pytest.raises(UserError, match="no name of a repository: write owner/name"):
        sharing.fetch(repo, None, tmp_path / "out")
