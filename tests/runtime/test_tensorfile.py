"""Files written tensor by tensor are what the safetensors library reads."""

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from linguistic_regions.runtime import tensorfile
from linguistic_regions.runtime.checksums import CHUNK

SHAPES = {"a": (3, 5), "b": (0,), "c": (7,)}


def test_the_library_reads_what_was_written(tmp_path):
    tensors = {name: np.random.default_rng(1).random(shape, np.float32) for name, shape in SHAPES.items()}
    metadata = {"count": "1234", "text": "é"}
    with tensorfile.create(tmp_path / "x.safetensors", SHAPES, "float32", metadata) as file:
        for name, tensor in tensors.items():
            file.write(name, tensor)
        metadata["count"] = "5"
    again = load_file(tmp_path / "x.safetensors")
    assert all(np.array_equal(again[name], tensor) for name, tensor in tensors.items())
    assert tensorfile.metadata(tmp_path / "x.safetensors") == {"count": "5", "text": "é"}
    stored = tensorfile.index([tmp_path / "x.safetensors"])
    assert np.array_equal(stored["a"].values(0, 15), tensors["a"].reshape(-1))


def test_a_file_is_the_same_bytes_in_whatever_order_its_metadata_comes(tmp_path):
    labels = [(letter, letter) for letter in "abcdef"]
    for name, metadata in (("x", dict(labels)), ("y", dict(reversed(labels)))):
        with tensorfile.create(tmp_path / name, {"a": (2,)}, "float32", metadata) as file:
            file.write("a", np.ones(2, np.float32))
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_file_of_the_librarys_own_is_read(tmp_path):
    save_file({"a": np.arange(15, dtype=np.float32)}, tmp_path / "x.safetensors", {"count": "5"})
    assert tensorfile.metadata(tmp_path / "x.safetensors") == {"count": "5"}
    stored = tensorfile.index([tmp_path / "x.safetensors"])
    assert np.array_equal(stored["a"].values(4, 15), np.arange(4, 15))


def test_a_bit_that_rots_is_noticed_when_its_piece_is_read(tmp_path):
    piece = CHUNK // 4
    tensors = {"a": np.ones(2 * piece + 3, np.float32), "b": np.ones(5, np.float32)}
    path = tmp_path / "x.safetensors"
    with tensorfile.create(path, {"a": (2 * piece + 3,), "b": (5,)}, "float32", {}) as file:
        for name, tensor in tensors.items():
            file.write(name, tensor)
    with path.open("r+b") as file:
        file.seek(-5 * 4 - 3 * 4 - 1, 2)  # the last byte of the second piece of a
        file.write(b"\x3e")
    stored = tensorfile.index([path])
    for name, start, stop in (("a", 0, piece), ("a", 2 * piece, 2 * piece + 3), ("b", 0, 5)):
        assert np.array_equal(stored[name].values(start, stop), tensors[name][start:stop])
    for start, stop in ((piece, 2 * piece), (0, 2 * piece + 3)):
        with pytest.raises(SafetensorError, match="a checksum differs"):
            stored["a"].values(start, stop)


@pytest.mark.parametrize(
    "written", [{}, {"b": (0,)}, {"a": (5, 3)}, {"a": (3, 5), "b": (0,)}, SHAPES | {"d": (1,)}], ids=str
)
def test_what_was_not_announced_leaves_no_file(tmp_path, written):
    with pytest.raises(ValueError), tensorfile.create(tmp_path / "x.safetensors", SHAPES, "float32", {}) as file:
        for name, shape in written.items():
            file.write(name, np.zeros(shape, np.float32))
    assert list(tmp_path.iterdir()) == []


def test_damage_is_noticed(tmp_path):
    save_file({"a": np.zeros((3, 5), np.float32)}, tmp_path / "x.safetensors")
    content = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes(content[:-4])
    with pytest.raises(SafetensorError):
        tensorfile.index([tmp_path / "x.safetensors"])
    save_file({"a": np.zeros(3, np.float64)}, tmp_path / "x.safetensors")
    with pytest.raises(SafetensorError, match="a is F64"):
        tensorfile.index([tmp_path / "x.safetensors"])
