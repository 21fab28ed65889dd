"""The workflow with --sdm conda: a stand-in conda makes the environment that the rules name, of this interpreter."""

import sys
from pathlib import Path

import pytest
import yaml

from small_run import ROOT, copy_workflow, snakemake

CONDA = """#!/usr/bin/env bash
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
case "$*" in
    "info --json") echo "{\\"conda_prefix\\": \\"$here\\", \\"platform\\": \\"linux-64\\"}" ;;
    "--version") echo "conda 99.0.0" ;;
    "clean "*) ;;
    "config --get channel_priority --json") echo '{"get": {"channel_priority": "strict"}}' ;;
    "env create "*)
        while [ "$1" != --file ]; do shift; done
        cp "$2" "$here/asked.yaml"
        mkdir -p "$4/bin"
        printf '#!/bin/sh\\necho "$1" >> %s/ran\\nexec %s "$@"\\n' "$here" PYTHON > "$4/bin/python"
        chmod +x "$4/bin/python" ;;
    *) echo "what is conda $*?" >&2; exit 1 ;;
esac
"""


@pytest.mark.workflow
@pytest.mark.slow
def test_programs_run_in_the_environment_of_the_pinned_list(tmp_path, monkeypatch):
    (tmp_path / "conda/bin").mkdir(parents=True)
    (tmp_path / "conda/bin/conda").write_text(CONDA.replace("PYTHON", sys.executable), encoding="utf-8")
    (tmp_path / "conda/bin/conda").chmod(0o755)
    (tmp_path / "conda/bin/activate").write_text('export PATH="$1/bin:$PATH"\n', encoding="utf-8")
    folder = copy_workflow(tmp_path / "work")
    monkeypatch.setenv("PATH", f"{tmp_path}/conda/bin", prepend=":")
    run = snakemake(folder, "results/small/models/tokenizer", "--sdm", "conda")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    asked, ours = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (tmp_path / "conda/asked.yaml", ROOT / "envs/programs.yaml")
    )
    assert asked == ours
    ran = sorted(Path(program).name for program in (tmp_path / "conda/ran").read_text().splitlines())
    assert ran == ["corpus.py"] * 3 + ["tokenizer.py"]
