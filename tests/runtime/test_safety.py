"""Nothing that is read can run code: no loader unpickles, whatever a file calls itself."""

import ast
import pickle
from pathlib import Path

import pytest

from linguistic_regions.importance.scores import Scores
from linguistic_regions.model import loading
from linguistic_regions.model.scratch import from_scratch
from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime import programs
from linguistic_regions.runtime.checkpoints import Checkpoints
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json
from linguistic_regions.statistics import evidence, tables
from linguistic_regions.text import minimal_pairs, tokens
from linguistic_regions.text.files import Files
from linguistic_regions.text.huggingface import HuggingFace
from linguistic_regions.text.minimal_pairs import files, templates
from linguistic_regions.text.splits import Split


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def named(name):
    """The path of a hostile file."""
    return lambda folder: folder / name


def of_model(folder):
    """The folder of a model, all of whose files but its config are hostile."""
    from_scratch(24, 1, 8, 2, 2, 8, 8, False, 0).config.save_pretrained(folder)
    return folder


LOADERS = {
    "model": (["model.safetensors", "pytorch_model.bin"], of_model, loading.load),
    "model with pickled weights alone": (["pytorch_model.bin"], of_model, loading.load),
    "model's tokenizer": (["tokenizer.json", "tokenizer_config.json", "vocab.pkl"], of_model, load_tokenizer),
    "tokenizer": (["tokenizer.json", "tokenizer_config.json"], Path, tokens.BlockTokenizer.load),
    "blocks": (["x.parquet"], named("x.parquet"), tokens.read),
    "number of blocks": (["x.parquet"], named("x.parquet"), tokens.count),
    "minimal pairs": (["x.parquet"], named("x.parquet"), minimal_pairs.read),
    "minimal pairs of a person": (["x.jsonl"], named("x.jsonl"), lambda path: list(files.pairs("en", [str(path)]))),
    "templates": (["xx.yaml"], named("xx.yaml"), lambda path: list(templates.pairs("xx", path))),
    "documents": (["x.parquet"], named("x.parquet"), lambda path: list(Split(path))),
    "scores": (["importance.safetensors"], Path, lambda folder: Scores([folder])),
    "region": (["r.safetensors"], named("r.safetensors"), Region.load),
    "table": (["removal.csv"], named("removal.csv"), lambda path: tables.read(path, "removal")),
    "evidence": (["x.parquet"], named("x.parquet"), lambda path: evidence.read([path])),
    "record": (["x.json"], named("x.json"), read_json),
    "txt": (["x.txt"], named("x.txt"), lambda path: list(Files([str(path)]))),
    "jsonl": (["x.jsonl"], named("x.jsonl"), lambda path: list(Files([str(path)]))),
    "parquet": (["x.parquet"], named("x.parquet"), lambda path: list(Files([str(path)]))),
    "data set": (["x.parquet"], Path, lambda folder: list(HuggingFace(str(folder)))),
    "data set of pickles": (["x.pkl", "x.pickle", "x.pt"], Path, lambda folder: list(HuggingFace(str(folder)))),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_refuses_what_is_pickled(name, tmp_path):
    files, place, load = LOADERS[name]
    folder, marker = tmp_path / "given", tmp_path / "it ran"
    folder.mkdir()
    hostile = pickle.dumps(Payload(marker))
    given = place(folder)
    for file in files:
        (folder / file).write_bytes(hostile)
    with pytest.raises(UserError):
        load(given if isinstance(given, Path) else str(given))
    assert not marker.exists()
    pickle.loads(hostile)
    assert marker.exists()  # it would have run


def test_a_pickled_checkpoint_is_none(tmp_path):
    marker = tmp_path / "it ran"
    (tmp_path / "step-000000001.safetensors").write_bytes(pickle.dumps(Payload(marker)))
    assert Checkpoints(tmp_path).latest("any") is None
    assert not marker.exists()


FORBIDDEN_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "torch.load",
    "np.load",
    "numpy.load",
    "pd.read_pickle",
    "yaml.load",
    "yaml.unsafe_load",
}


@pytest.mark.parametrize("path", sorted(programs.SCRIPTS.rglob("*.py")), ids=lambda path: path.stem)
def test_no_program_can_unpickle_or_evaluate(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN_CALLS
