"""What made a run is on record, and what differs between two runs is said."""

import copy
import json

import pytest

import provenance as program
import synthetic_results as synthetic
from linguistic_regions.runtime import images, provenance
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.statistics import tables

CONFIG = {"run": "a", "seed": 0, "training": {"betas": [0.9, 0.95], "batch_size": 4}}
MANIFEST = {
    "language": "ru",
    "source": "files",
    "splits": {"train": {"sha256": "1" * 64}, "test": {"sha256": "2" * 64}},
}


def test_a_run_knows_what_made_it(monkeypatch):
    monkeypatch.setenv(provenance.REVISION, "abc-dirty")
    made = provenance.record(CONFIG, [MANIFEST])
    assert made["config"] == CONFIG
    assert made["software"]["revision"] == "abc-dirty"
    installed = {f"{name}=={version.split('+')[0]}" for name, version in made["software"].items()}
    assert set(images.pins()) <= installed
    assert made["data"] == {"ru": {"source": "files", "train": "1" * 64, "test": "2" * 64}}
    assert made["hardware"]["cores"] >= 1 and made["hardware"]["processor"]
    json.dumps(made)


def test_differences_are_named_key_by_key():
    made = provenance.record(CONFIG, [MANIFEST])
    assert provenance.differences(made, copy.deepcopy(made)) == []
    other = copy.deepcopy(made)
    other["config"]["training"]["batch_size"] = 8
    other["data"]["ru"]["train"] = "3" * 64
    del other["config"]["seed"]
    assert provenance.differences(made, other) == [
        ("config.seed", 0, provenance.ABSENT),
        ("config.training.batch_size", 4, 8),
        ("data.ru.train", "1" * 64, "3" * 64),
    ]


def write_run(folder, change=lambda removal: removal, config=CONFIG):
    everything = synthetic.everything()
    everything["removal"] = change(everything["removal"])
    synthetic.write(everything, folder / "tables")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    program.record(
        config=folder / "config.json", manifests=(folder / "manifest.json",), output=folder / "provenance.json"
    )
    return folder


def test_two_runs_are_compared(tmp_path, capsys):
    def worse(removal):
        removal = removal.copy()
        removal.loc[removal.index[3], "ppl"] *= 2
        return removal.drop(removal.index[-1])

    first, same = write_run(tmp_path / "first"), write_run(tmp_path / "same")
    second = write_run(tmp_path / "second", worse, CONFIG | {"seed": 1})
    program.compare(first, same)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "made with the same config, software, data and hardware"
    assert said[1:] == [f"tables/{name}.csv: the same" for name in tables.read_folder(first / "tables")]
    program.compare(first, second)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "config.seed: 0 | 1"
    count = len(tables.read_folder(first / "tables")["removal"])
    removal = next(line for line in said if "removal.csv" in line)
    differing = f"rows that differ: 1 of {count - 1}, by at most 0.5 (relative) in ppl"
    assert removal == f"tables/removal.csv: rows in one run only: 1; {differing}"
    (second / "tables/freezing.csv").unlink()
    for folder, row in ((first, "1"), (second, "2")):
        (folder / "tables/outliers.csv").write_text(f"layer\n{row}\n")
    program.compare(first, second)
    said = capsys.readouterr().out
    assert f"tables/freezing.csv: only in {first}" in said and "tables/outliers.csv: not the same" in said


@pytest.mark.parametrize(("content", "message"), [(None, " does not exist"), ("{", ": not a readable JSON")])
def test_a_record_that_cannot_be_read_is_named(tmp_path, content, message):
    first = write_run(tmp_path / "first")
    (tmp_path / "second").mkdir()
    if content:
        (tmp_path / "second/provenance.json").write_text(content)
    with pytest.raises(UserError, match=f"second/provenance.json{message}"):
        program.compare(first, tmp_path / "second")
