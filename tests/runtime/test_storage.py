"""Files and folders that are whole or absent, and readable by those who share them."""

import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, unreadable, write_csv


def test_a_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "new" / "file.txt"
    with atomic_write(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_without_permission_is_not_called_missing(tmp_path, monkeypatch):
    """Libraries say that it is not there. Nothing is forbidden to the user root, so permissions are pretended."""
    (tmp_path / "x").touch()
    reason = FileNotFoundError("no such file")
    assert "not a readable region" not in str(unreadable(tmp_path / "y", "region", reason))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert (
        str(unreadable(tmp_path / "x", "region", reason)) == f"{tmp_path / 'x'} cannot be read: change its permissions"
    )
    assert str(unreadable(tmp_path / "y", "region", reason)).startswith(f"{tmp_path / 'y'}: no region is there")


def test_an_error_leaves_what_was_there(tmp_path):
    for target, fill in ((tmp_path / "file", lambda path: path.write_text("x")), (tmp_path / "folder", os.mkdir)):
        fill(target)
        with pytest.raises(ZeroDivisionError), atomic_write(target) as part:
            fill(part)
            raise ZeroDivisionError
        assert target.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_replaces_the_old_one(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with atomic_write(target) as part:
        part.mkdir()
        (part / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]


def test_a_file_takes_the_place_of_no_folder(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="there is a folder: name a file"), atomic_write(tmp_path / "there") as part:
        part.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_files_have_the_mode_that_the_umask_wants(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "weights.safetensors") as part:
            save_file({"a": np.zeros(1)}, part)
        with atomic_write(tmp_path / "folder") as part:
            part.mkdir()
            save_file({"a": np.zeros(1)}, part / "weights.safetensors")
    finally:
        os.umask(before)
    for path in (tmp_path / "weights.safetensors", tmp_path / "folder/weights.safetensors"):
        assert path.stat().st_mode & 0o777 == 0o640


def test_csv_without_rows_still_names_its_columns(tmp_path):
    write_csv(tmp_path / "x.csv", [], ["a", "b"])
    assert (tmp_path / "x.csv").read_text() == "a,b\n"


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".a.csv.part-99").write_text("half")
    (tmp_path / ".b.csv.part-99").write_text("another's")
    (tmp_path / ".a.csv.part-100").mkdir()
    with atomic_write(tmp_path / "a.csv") as part:
        part.write_text("all")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.csv.part-99", "a.csv"]
