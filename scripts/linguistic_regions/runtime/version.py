"""Which version this software is: on its own, so that a new one makes no result stale. Standard library only."""

import subprocess
from pathlib import Path

VERSION = "0.4.0"


def revision() -> str:
    """The git revision of the code, with -dirty if it was edited since; "unknown" outside a clone."""
    root = Path(__file__).parents[3]
    command = ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
