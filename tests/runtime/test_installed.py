"""The library by itself: installed without the programs, and its regions without torch."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from linguistic_regions.runtime.version import VERSION
from machine import ROOT, require

# None in place of a module: its import fails.
NO_TORCH = "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'accelerate']))\n"


def python(code, library):
    """What Python prints that has this library, and not the repository's programs."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=library,
        env={**os.environ, "PYTHONPATH": str(library), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    "module", ["regions", "regions.region", "regions.recipes", "regions.masks", "importance.scores", "model.lesioned"]
)
def test_files_of_regions_need_no_torch(module):
    code = f"import sys, linguistic_regions.{module}; print('torch' in sys.modules)"
    assert python(code, ROOT / "scripts") == ["False"]
    python(f"{NO_TORCH}import linguistic_regions.{module}", ROOT / "scripts")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which pip installed the library, from a copy: setuptools leaves files beside what it builds."""
    require(find_spec("setuptools") is not None, "setuptools is not installed")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    shutil.copytree(ROOT / "scripts", source / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    ran = subprocess.run([*command, "--target", target, source], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return target


def test_the_library_is_installed_without_the_programs(installed):
    assert sorted(path.name for path in installed.iterdir()) == [
        "linguistic_regions",
        f"linguistic_regions-{VERSION}.dist-info",
    ]
    modules = {path.relative_to(ROOT / "scripts") for path in (ROOT / "scripts/linguistic_regions").rglob("*.py")}
    assert {path.relative_to(installed) for path in installed.rglob("*.py")} == modules


def test_an_installed_region_is_saved_and_loaded_without_torch(installed, tmp_path):
    code = f"""{NO_TORCH}
import numpy as np
import linguistic_regions
from linguistic_regions.regions import Region
print(linguistic_regions.__file__)
Region.from_masks({{"w": np.eye(3, dtype=bool)}}).save({str(tmp_path / "r.safetensors")!r})
print(len(Region.load({str(tmp_path / "r.safetensors")!r})))
"""
    assert python(code, installed)[-2:] == [str(installed / "linguistic_regions/__init__.py"), "3"]


def test_what_the_repository_alone_has_is_named_in_a_line(installed):
    code = """
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.images import pins
from linguistic_regions.runtime.version import VERSION, revision
from linguistic_regions.text.languages import languages
print(VERSION, revision())
for of_repository in (languages, pins):
    try:
        of_repository()
    except UserError as error:
        print(error)
"""
    told = "is part of the linguistic-regions repository and is not installed with the library; run this in a clone"
    version, *errors = python(code, installed)
    assert version == f"{VERSION} unknown"
    assert [error.partition(": there is no such file: it ")[2] for error in errors] == [told] * 2
