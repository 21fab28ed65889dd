"""The workflow is not tied to one folder: another working directory, a read-only checkout, a path with a space."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from small_run import ROOT, copy_workflow

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TARGETS = ["results/small/tokens/samples.csv", "results/small/config.json"]
SHOWN = (ROOT / "config/README.md").read_text(encoding="utf-8")
(MODULE,) = re.findall(r"^```python\n(.*?)^```$", SHOWN, re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose path has a space, and beside it a working directory with the config and the text."""
    flow = copy_workflow(tmp_path / "a checkout")
    work = tmp_path / "work"
    work.mkdir()
    for part in ("text", "verse", "small.yaml"):
        shutil.move(flow / part, work / part)
    return flow


def run(folder, *arguments):
    command = [Path(sys.executable).with_name("snakemake"), "--cores", "2", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if "__pycache__" not in path.parts}


def test_a_checkout_is_only_read(checkout, tmp_path):
    before = contents(checkout)
    for path in (checkout, *checkout.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    work = tmp_path / "work"
    told = ["-s", checkout / "Snakefile", "--directory", work, "--configfile", work / "small.yaml"]
    done = run(tmp_path, *TARGETS, *told)
    assert done.returncode == 0, done.stderr[-2000:]
    assert all((work / target).exists() for target in TARGETS)
    assert contents(checkout) == before
    assert not (tmp_path / ".snakemake").exists()


def test_it_is_a_module_of_another_workflow(checkout, tmp_path):
    work = tmp_path / "work"
    shutil.move(checkout, work / "linguistic-regions")
    shutil.move(work / "small.yaml", work / "my.yaml")
    (work / "Snakefile").write_text(MODULE, encoding="utf-8")
    done = run(work, *TARGETS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Job stats:" in done.stderr and "Gather text" in done.stderr  # Snakemake's own messages
    assert all((work / target).exists() for target in TARGETS)


def test_a_module_without_a_clone_is_refused_in_words(checkout, tmp_path):
    """As an address of a Snakefile gives it: the rules, but no programs."""
    shutil.rmtree(checkout / "scripts")
    done = run(tmp_path / "work", *TARGETS, "-s", checkout / "Snakefile", "--configfile", "small.yaml")
    assert done.returncode == 1
    assert "clone the repository, and name the path of its Snakefile" in done.stderr


def test_results_without_records_are_taken_as_they_are_with_a_warning(checkout, tmp_path):
    work = tmp_path / "work"
    told = ["-s", checkout / "Snakefile", "--configfile", "small.yaml"]
    assert run(work, *TARGETS, *told).returncode == 0
    recorded = run(work, *TARGETS, *told, "--dry-run")
    assert "has no record" not in recorded.stderr
    shutil.rmtree(work / ".snakemake")
    for mode in ("--dry-run", "--lint"):
        warned = run(work, *TARGETS, *told, mode)
        assert warned.returncode == 0, warned.stderr[-2000:]
        assert (warned.stdout + warned.stderr).count("results/small: .snakemake has no record") == 1
