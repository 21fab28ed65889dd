"""How to cite a run: the paper, this software, the model, the data and published minimal pairs, as text and BibTeX.

What has a version is cited with it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError

FILE = ROOT / "CITATION.cff"
PACKAGE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?:.*?sha256:(?P<hash>[0-9a-f]{64}))?")
SPECIAL = re.compile(r"([&%$#_{}])")  # of BibTeX


@dataclass(frozen=True)
class Reference:
    """Something to cite.

    Attributes:
        key: BibTeX key.
        kind: BibTeX type: inproceedings, article or misc.
        fields: BibTeX fields by name, in order; those that are empty are left out.
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def text(self) -> str:
        """The reference as a sentence."""
        fields = {name: value for name, value in self.fields.items() if value}
        year = f" ({fields.pop('year')})" if "year" in fields else ""
        if "author" in fields:
            fields["author"] = fields["author"].replace(" and ", "; ") + year
        if "version" in fields:
            fields["version"] = f"Version {fields['version']}"
        return ". ".join(fields.values()) + "."

    @property
    def bibtex(self) -> str:
        """The reference as a BibTeX entry."""
        written = {name: value if name == "url" else SPECIAL.sub(r"\\\1", value) for name, value in self.fields.items()}
        if "," not in written.get("author", ","):
            written["author"] = f"{{{written['author']}}}"  # the name of a group, which has no first names
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in written.items() if value)
        return f"@{self.kind}{{{self.key},\n{lines}}}"


def load(path: str | Path = FILE) -> dict:
    """Read CITATION.cff.

    Raises:
        UserError: the file is something else.
    """
    content = yaml.safe_load(checkout_file(Path(path)).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or "references" not in content:
        raise UserError(f"{path}: no file in the Citation File Format with references: check the path")
    return content


def references(
    cited: Mapping,
    software: Mapping,
    source: Mapping,
    manifests: Sequence[Mapping],
    model: str,
    pairs: Collection[str] = (),
) -> dict[str, list[Reference]]:
    """Return what to cite, by heading.

    Args:
        cited: CITATION.cff, from `load`; its first reference is the paper, and those with a repository are of
            published sets.
        software: versions by name, as in `provenance.json`.
        source: the origin of the base model, as in `provenance.json`; empty if the model was made in the run.
        manifests: the manifests of the texts.
        model: public name of the run's model.
        pairs: sources of the run's minimal pairs.
    """
    data = {reference.key: reference for manifest in manifests for reference in _data(manifest.get("origin") or {})}
    found = {
        "Paper": [_work(cited["references"][0])],
        "Software": [_software(cited, software)],
        "Model": [_model(source, model)] if source else [],
        "Data": list(data.values()),
        "Minimal pairs": [_work(work) for work in cited["references"] if _source(work) in pairs],
    }
    return {heading: those for heading, those in found.items() if those}


def _work(work: Mapping) -> Reference:
    authors = [f"{author['family-names']}, {author['given-names']}" for author in work["authors"]]
    where = {"journal": work["journal"]} if "journal" in work else {"booktitle": work["conference"]["name"]}
    fields = {"author": " and ".join(authors), "title": work["title"], **where, "year": str(work["year"])}
    key = f"{work['authors'][0]['family-names'].lower()}{work['year']}"
    return Reference(key, "article" if "journal" in where else "inproceedings", fields | {"url": work["url"]})


def _source(work: Mapping) -> str:
    """What minimal pairs of a published set have as their source: the last part of its name on the hub."""
    return work.get("repository", "").rpartition("/")[2].lower()


def _software(cited: Mapping, software: Mapping) -> Reference:
    authors = " and ".join(author["name"] for author in cited["authors"])
    revision = software.get("revision")
    fields = {"author": authors, "title": cited["title"]}
    fields |= {"version": str(software.get(cited["title"]) or cited["version"])}
    return Reference(cited["title"], "misc", fields | {"note": f"Revision {revision}" if revision else ""})


def _model(source: Mapping, model: str) -> Reference:
    """The model by its public name; a path of a folder is of no use to others."""
    package = PACKAGE.match(str(source.get("model", "")))
    if package:
        return _pinned(model, f"Weights in the package {package['name']}", package["version"], package["hash"])
    commit = source.get("commit")
    return Reference(_key(model), "misc", {"title": model, "note": f"Revision {commit}" if commit else ""})


def _data(origin: Mapping) -> Iterator[Reference]:
    """The packages or the data set that a text comes from; local files are known to the user alone."""
    for package in origin.get("packages", []):
        yield _pinned(package["package"], "Debian package", package["version"], package["sha256"])
    if "repo" in origin:
        fields = {"title": origin["repo"], "howpublished": "Data set on the Hugging Face hub"}
        fields |= {"note": f"Revision {origin['revision']}", "url": f"https://huggingface.co/datasets/{origin['repo']}"}
        yield Reference(_key(origin["repo"]), "misc", fields)


def _pinned(title: str, where: str, version: str, digest: str | None) -> Reference:
    fields = {"title": title, "howpublished": where, "version": version}
    return Reference(_key(title), "misc", fields | {"note": f"SHA-256 {digest}" if digest else ""})


def _key(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-")
