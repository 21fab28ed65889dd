"""What every program shares: errors in one line, help, a reader that stops early."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from linguistic_regions.regions.region import Region

REGION = Path(__file__).parents[2] / "scripts" / "region.py"


def test_a_users_mistake_is_one_line_and_exit_code_1(tmp_path):
    run = subprocess.run([sys.executable, REGION, "describe", tmp_path / "none"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith(f"region.py: error: {tmp_path / 'none'}: no region is there")
    assert run.stderr.count("\n") == 1


def test_a_reader_that_stops_early_sees_no_traceback(tmp_path):
    Region.from_masks({f"layers.{i}.weight": np.ones((2, 2), bool) for i in range(9000)}).save(tmp_path / "r")
    command = f"{sys.executable} {REGION} describe {tmp_path / 'r'} | head -1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert run.stdout.startswith("weights: 36000 of 36000")
    assert run.stderr == ""
