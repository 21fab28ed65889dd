"""Download a Debian package with apt, and extract its text."""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import OutputFolder
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.text.fortunes import is_fortune

ALTERNATIVE = "use the source 'huggingface' or 'files' instead"

# Keeps apt from writing to the system and from running the hooks of the system's configuration. It is read after the
# system's configuration, which sets the package servers and any proxy.
APT_CONFIG = """
Dir::State "{folder}/state";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def main(*, package: str, output: OutputFolder) -> None:
    """Download a Debian package, and extract its HTML and Mallard pages or its fortunes.

    Needs apt-get and dpkg-deb, but no root. The system's package lists and cache are not changed.

    Example: .venv/bin/python scripts/fetch_package.py --package debian-handbook --output package

    Args:
        package: name of the package, or `name=version`.
        output: folder of the extracted files, below usr/share/, and of package.json with name, version and sha256.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UserError(f"{program} is not on this machine, so packages cannot be downloaded: {ALTERNATIVE}")
    with TemporaryDirectory() as folder, atomic_write(output) as part:
        archive = download(package, Path(folder))
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as unpacking:
            extract_text(unpacking.stdout, part)
        if unpacking.returncode != 0:
            raise UserError(f"the package {package} is corrupted: run the same command to download it again")
        description = {
            "package": _field(archive, "Package"),
            "version": _field(archive, "Version"),
            "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        }
        (part / "package.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def download(package: str, folder: Path) -> Path:
    """Download a package to `folder`. apt verifies it against the signed package lists.

    Returns:
        The package's file.

    Raises:
        UserError: the name is invalid, there is no such package, or the servers cannot be reached.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?", package):
        raise UserError(f"'{package}' is not a valid name of a Debian package: correct it")
    for name in ("state/lists/partial", "cache/archives/partial", "log"):
        (folder / name).mkdir(parents=True)
    (folder / "apt.conf").write_text(APT_CONFIG.format(folder=folder), encoding="utf-8")
    # The update may fail for one of several servers although another one has the package, so its exit code is ignored.
    updated = _apt_get(folder, "update")
    downloaded = _apt_get(folder, "download", package)
    archives = list(folder.glob("*.deb"))
    if not archives:
        last = [re.findall("^[EW]: .*", step.stderr, re.MULTILINE)[-1:] for step in (updated, downloaded)]
        reason = "; then ".join(sum(last, [])) or f"apt-get exited with code {downloaded.returncode}"
        raise UserError(
            f"the package {package} cannot be downloaded ({reason}): check its name and the network, or {ALTERNATIVE}"
        )
    return archives[0]


def extract_text(stream: IO[bytes], folder: Path) -> None:
    """Extract the text files of a tar stream to `folder`. Links are skipped, so that nothing is written elsewhere.

    Raises:
        UserError: the path of a file is outside the folder, or the archive is corrupted.
    """
    folder.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.isfile() and (is_page(member.name) or is_fortune(member.name)):
                    path = folder / PurePosixPath(member.name)
                    if ".." in path.parts:
                        raise tarfile.TarError(f"{member.name} is outside its folder")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(archive.extractfile(member).read())
    except tarfile.TarError as error:
        raise UserError(f"the package's archive is corrupted or malicious ({error}): it was not extracted") from None


def is_page(name: str) -> bool:
    """Whether an archive member, such as `./usr/share/help/ru/gnome-help/a11y.page`, is a page of documentation."""
    path = PurePosixPath(name)
    return path.suffix in (".html", ".page") and path.parts[:3] in (("usr", "share", "doc"), ("usr", "share", "help"))


def _apt_get(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = ["apt-get", "--quiet", "--config-file", folder / "apt.conf", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")


def _field(archive: Path, name: str) -> str:
    command = ["dpkg-deb", "--field", archive, name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    run(main)
