"""Parse `model.pretrained`: a model on the hub, a folder, a GGUF file or a wheel. Standard library only."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from linguistic_regions.runtime.errors import UserError

REQUIREMENT = re.compile(
    r"(?P<project>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*==[ \t]*(?P<version>[A-Za-z0-9][A-Za-z0-9._+!-]*)"
    r"(?P<hashes>(?:[ \t]+--hash=sha256:[0-9a-f]{64})+)"
)
LIKE_REQUIREMENT = re.compile(r"[=~!<>]=|[ \t]--hash\b")


@dataclass(frozen=True)
class HubModel:
    """A model in Hugging Face format on the hub."""

    name: str


@dataclass(frozen=True)
class Folder:
    """A local folder in Hugging Face format."""

    path: Path


@dataclass(frozen=True)
class GgufFile:
    """A local GGUF file, which need not exist."""

    path: Path


@dataclass(frozen=True)
class HubGguf:
    """A GGUF file in a repository on the hub."""

    repo: str
    file: str


@dataclass(frozen=True)
class Wheel:
    """A Python wheel that contains a GGUF file.

    Attributes:
        project: its name in the package index.
        version: its exact version.
        requirement: a line of a requirements file, with the SHA-256.
    """

    project: str
    version: str
    requirement: str


Source = HubModel | Folder | GgufFile | HubGguf | Wheel


def parse_source(pretrained: str) -> Source:
    """Parse the value of `model.pretrained`.

    `owner/name/path/in/repo.gguf` is a file on the hub, unless this file or its folder exists locally.

    Raises:
        UserError: `pretrained` is an address, or a requirement without an exact version or a SHA-256.
    """
    if "://" in pretrained:
        raise UserError(f"model.pretrained: {pretrained} is an address: give the model's name on the hub, owner/name")
    path = Path(pretrained)
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".gguf":
        parts = PurePosixPath(pretrained).parts
        if pretrained.startswith(("/", ".", "~")) or len(parts) < 3 or path.is_file() or path.parent.is_dir():
            return GgufFile(path)
        return HubGguf("/".join(parts[:2]), "/".join(parts[2:]))
    if LIKE_REQUIREMENT.search(pretrained):
        return _wheel(pretrained)
    return HubModel(pretrained)


def _wheel(line: str) -> Wheel:
    found = REQUIREMENT.fullmatch(line.strip())
    if not found:
        lacks = (
            "a version (==)" if "==" not in line else "a SHA-256 (--hash=sha256:...)" if "--hash" not in line else None
        )
        raise UserError(
            f"model.pretrained: {line!r} "
            + (f"lacks {lacks}" if lacks else "is not a line of a requirements file")
            + ": give a wheel as name==version --hash=sha256:..., with 64 hexadecimal digits"
        )
    return Wheel(found["project"], found["version"], line.strip())
