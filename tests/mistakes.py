"""What the tests of mistakes share: how a program ends, and ways to damage files."""

import importlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from linguistic_regions.runtime import cli


def end_of(monkeypatch, program, *words):
    """Run a program of scripts/ in this process: the one line with which it ends, for Python with exit code 1."""
    monkeypatch.setattr(sys, "argv", [f"{program}.py", *map(str, words)])
    module = importlib.import_module(program)
    function = {"claims": "judge", "region": "build", "report": "write"}.get(program, "main")
    with pytest.raises(SystemExit) as ended:
        cli.run(getattr(module, function))
    assert isinstance(ended.value.code, str), "it ended well, or with help"
    assert "\n" not in ended.value.code
    return ended.value.code


@contextmanager
def held(path):
    """Have another process hold a lock: `locks.acquire`; gives that process."""
    code = "import sys; from linguistic_regions.runtime import locks; locks.acquire(sys.argv[1], 'it'); "
    code += "print('held'); input()"
    scripts = {"PYTHONPATH": str(Path(__file__).parents[1] / "scripts")}
    command = [sys.executable, "-c", code, path]
    other = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | scripts
    )
    try:
        assert other.stdout.readline() == "held\n"
        yield other
    finally:
        other.kill()
        other.wait()


def documents(folder, texts, name="x.jsonl"):
    (folder / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")


def cut(path, keep=0.7):
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


def rot(path, place=-100):
    """Turn the last bit of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def flip(path, column=0):
    """Damage one byte in the middle of a parquet column's first page."""
    pages = pq.read_metadata(path).row_group(0).column(column)
    data = bytearray(path.read_bytes())
    data[(pages.dictionary_page_offset + pages.data_page_offset) // 2] ^= 255
    path.write_bytes(bytes(data))
