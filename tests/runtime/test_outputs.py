"""What is there already is not overwritten or removed by a slip in a command: one line says so, before any work."""

from typing import get_type_hints

import pytest

import region
from linguistic_regions.runtime import locks
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import outputs_in_use
from linguistic_regions.runtime.storage import atomic_write
from mistakes import end_of

TRAINED = "--model model --samples s --language en --milestones 0 8 --learning-rate 1e-4"
COMMANDS = {
    "a model over other files": ("fetch_model --model model --output mine", "mine exists: remove it, or name another"),
    "a tokenizer over other files": ("tokenizer --model model --output mine", "mine exists: remove it"),
    "a trained model over other files": (
        f"continue_pretraining {TRAINED} --evidence e --checkpoints c --output mine",
        "--output: mine exists: remove it",
    ),
    "scores over the model": (
        "score --model model --samples s --language en --stability s.csv --milestones 8 --checkpoints c --output model",
        "--output: model is also --model: name another",
    ),
    "checkpoints among other files": (
        "score --model model --samples s --language en --stability s.csv --milestones 8 --checkpoints mine --output o",
        "mine: this folder has other files, and it would be removed: name a new one",
    ),
    "checkpoints here": (
        f"continue_pretraining {TRAINED} --evidence e --checkpoints .",
        ".: this folder has other files, and it would be removed",
    ),
    "downloads among other files": (
        "fetch_model --model lab/model --output o --checkpoints mine",
        "mine: this folder has other files",
    ),
    "a region over its operand": (
        "region --select complement --of mine/thesis.txt --output mine/thesis.txt",
        "--output: mine/thesis.txt is also --of: name another",
    ),
    "tables over a region": (
        "overlap --regions mine/thesis.txt model/thesis.txt --overlap o --density ./model/../mine/thesis.txt",
        "--density: model/../mine/thesis.txt is also --regions: name another",
    ),
    "two tables in a file": (
        "overlap --regions mine/thesis.txt --overlap o --density o",
        "--overlap: o is also --density: name another",
    ),
    "claims over a table": (
        "claims --tables mine --output mine/thesis.txt",
        "--output: mine/thesis.txt is one of the run's tables: name another file",
    ),
    "a folder of evidence": ("claims --tables mine --removal mine --output c", "mine is a folder: name its files"),
    "text in a file": (
        "corpus --language en --source files --paths mine/thesis.txt --output mine/thesis.txt/x",
        "thesis.txt is a file: name another path",
    ),
    "text among its sources": (
        "corpus --language en --source files --paths mine/*.txt --output mine",
        "--output: mine has files that are read (--paths): name another folder",
    ),
    "a table that is a folder": (
        "score --model model --samples s --language en --stability mine --milestones 8 --checkpoints c --output o",
        "--stability: mine is a folder: name a file",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_there_stays(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("mine", "model"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "thesis.txt").write_text("years of work")
    command, message = COMMANDS[name]
    program, *words = command.split()
    assert message in end_of(monkeypatch, program, *words)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {
        *("mine", "mine/thesis.txt", "model", "model/thesis.txt"),
    }


def test_masks_do_not_replace_their_region(tmp_path):
    given = {"region": tmp_path / "a", "mask": tmp_path / "b/../a", "model": None}
    kinds = get_type_hints(region.export, include_extras=True)
    assert list(outputs_in_use(given, kinds)) == [f"--mask: {given['mask']} is also --region: name another"]


def test_a_folder_that_was_claimed_can_be_claimed_again_and_is_removed_as_a_whole(tmp_path):
    folder = tmp_path / "checkpoints"
    locks.claim(folder)
    (folder / "step-000000040.safetensors").touch()
    locks.claim(folder)
    locks.discard(folder)
    assert not folder.exists()


@pytest.mark.parametrize("path", ["", "there.txt/x", "/proc/x"])
def test_a_path_where_nothing_can_be_written_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").touch()
    with pytest.raises(UserError, match="name one|name another path"), atomic_write(path) as part:
        part.write_text("x")
