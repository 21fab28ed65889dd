"""The version of this software, in a module of its own so that a new version reruns no job. Standard library only."""

import subprocess

from linguistic_regions.runtime.checkout import ROOT

VERSION = "0.4.0"


def revision() -> str:
    """The git revision of the code, with -dirty if there are uncommitted changes; "unknown" outside a clone."""
    if not (ROOT / "Snakefile").exists():  # installed: a repository around the library is another one
        return "unknown"
    command = ["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
