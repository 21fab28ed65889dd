"""Regions on the Hugging Face hub: a repository with a model card, and the provenance and claims of their run.

Everything lies in the repository where it lies in a run's folder.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Template

from linguistic_regions.regions.region import Region, by_name
from linguistic_regions.runtime import hub
from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import move, read_json, remove

REGIONS, PROVENANCE, CLAIMS, CARD = "regions/{}.safetensors", "provenance.json", "tables/claims.csv", "README.md"
NAME = re.compile(r"[\w.-]+/[\w.-]+")
TEMPLATE = ROOT / "resources/region_card.md.j2"


def contents(repo: str, paths: Sequence[Path]) -> dict[str, Path | str]:
    """What a repository of regions holds: files, or their text, by their path in it.

    Args:
        repo: its name, for the card.
        paths: region files of one folder. If it is that of a run, the run's provenance and claims come too.

    Raises:
        UserError: the files are in several folders, two have one name, or one is not a region.
    """
    _check_name(repo)
    folders = {path.resolve().parent for path in paths}
    if len(folders) != 1:
        raise UserError(f"push: the region files are in {len(folders)} folders: give files of one folder")
    run = folders.pop().parent
    named = by_name(paths)
    of_run = {name: run / name for name in (PROVENANCE, CLAIMS) if (run / name).is_file()}
    text = card(
        repo,
        {name: Region.load(path) for name, path in named.items()},
        read_json(of_run[PROVENANCE]) if PROVENANCE in of_run else {},
        _verdicts(of_run[CLAIMS]) if CLAIMS in of_run else [],
    )
    return {CARD: text, **{REGIONS.format(name): path for name, path in named.items()}, **of_run}


def card(repo: str, regions: Mapping[str, Region], provenance: Mapping, claims: Sequence[Mapping[str, str]]) -> str:
    """The model card: which model the regions are of, how each was made, and what their run found.

    Args:
        repo: name of the repository.
        regions: by name.
        provenance: of their run; empty if it is not known.
        claims: rows of the run's claims table; empty if there are none.
    """
    template = Template(
        checkout_file(TEMPLATE).read_text(encoding="utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    origins = [dict(origin) for origin in dict.fromkeys(tuple(_origin(each).items()) for each in regions.values())]
    return template.render(
        repo=repo,
        origins=origins,
        # Only a model of the hub has a commit, and may be linked.
        base_models=list(dict.fromkeys(origin["model"] for origin in origins if "commit" in origin)),
        regions={name: _facts(region) for name, region in regions.items()},
        software=provenance.get("software", {}),
        claims=claims,
        json=json.dumps,
    )


def fetch(repo: str, revision: str | None, output: Path) -> tuple[str, dict[str, Region]]:
    """Download a repository that holds what `contents` says, and check its regions.

    Args:
        repo: its name on the hub.
        revision: commit, tag or branch; None: main.
        output: folder to write.

    Returns:
        The commit, and the regions by name.

    Raises:
        UserError: `output` exists, the repository is not available or has no regions, or a file is damaged or not a
            region.
    """
    _check_name(repo)
    if output.exists():
        raise UserError(f"pull: {output} exists: remove it, or name another folder")
    downloads = output.with_name(f".{output.name}.downloads")
    where, files = f"pull: {repo} ({revision or 'main'})", REGIONS.format("*")
    try:
        folder, commit = hub.fetch(repo, revision, downloads, [[files, PROVENANCE, CLAIMS, CARD]], option="pull")
        paths = sorted(folder.glob(files))
        if not paths:
            raise UserError(f"{where} has no {files}: name a repository of regions")
        for path in paths:
            _check(path, f"{where}: {path.relative_to(folder)}")
        move(folder, output)
    finally:
        remove(downloads)
    return commit, {path.stem: Region.load(output / REGIONS.format(path.stem)) for path in paths}


def _check_name(repo: str) -> None:
    """Refuse what cannot be a repository's name before the hub is asked."""
    if not NAME.fullmatch(repo):
        raise UserError(f"{repo}: no name of a repository: write owner/name")


def _check(path: Path, name: str) -> None:
    """Read every mask of a region file."""
    try:
        len(Region.load(path))
    except UserError:
        raise UserError(f"{name} is not a readable region: name a revision in which it is whole") from None


def _origin(region: Region) -> dict[str, str]:
    """The model that a region is of, as its file names it."""
    known = {key: str(region.metadata.get(key) or "") for key in ("model", "name", "revision", "commit", "dequantized")}
    return {key: value for key, value in known.items() if value}


def _facts(region: Region) -> dict:
    """The size and the recipe of a region; labels, which a recipe repeats, are those of the run's tables."""
    recipe = {key: value for key, value in region.metadata.get("recipe", {}).items() if key != "label"}
    return {"weights": len(region), "size": region.size, "recipe": recipe, "at": region.metadata.get("at", "")}


def _verdicts(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
