"""docs/architecture.md is true of the code, documents name files that exist, and CITATION.cff has the version."""

import ast
import re

import grimp
import pyarrow as pa
import pytest
import yaml

from linguistic_regions.evaluation import evidence
from linguistic_regions.runtime.version import VERSION
from linguistic_regions.statistics import tables
from machine import ROOT

LIBRARY = "linguistic_regions"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
NAMED_FILE = re.compile(r"`((?:scripts|tests|rules|schemas|resources|configs|docs|envs)/[\w./-]+\.\w+)(?:::(\w+))?`")


def drawn(document: str) -> set[tuple[str, str]]:
    """The arrows of a document's drawing: who imports, and who is imported."""
    (drawing,) = re.findall(r"^```mermaid\nflowchart TD\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)
    lines = [re.fullmatch(r" +(\w+) --> (\w+(?: & \w+)*)", line) for line in drawing.splitlines()]
    assert all(lines), "a line of the drawing is no arrow"
    arrows = [(line[1], imported) for line in lines for imported in line[2].split(" & ")]
    assert len(arrows) == len(set(arrows)), "an arrow is drawn twice"
    return set(arrows)


def imported() -> set[tuple[str, str]]:
    """The imports between the library's sub-packages."""
    graph = grimp.build_graph(LIBRARY, cache_dir=None)
    packages = graph.find_children(LIBRARY)
    for package in packages:
        graph.squash_module(package)
    return {
        (package.removeprefix(f"{LIBRARY}."), other.removeprefix(f"{LIBRARY}."))
        for package in packages
        for other in graph.find_modules_directly_imported_by(package) - {package}
    }


def columns(heading: str, table: int = 0) -> list[list[str]]:
    """The rows of a table below a heading of docs/architecture.md, without the marks of code."""
    section = ARCHITECTURE.split(f"\n### {heading}\n")[1].split("\n#")[0]
    rows = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[table].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def test_the_drawing_has_the_imports_of_the_code():
    assert drawn(ARCHITECTURE) == imported()


@pytest.mark.parametrize(("old", "new"), [("claims & statistics", "statistics"), ("text -->", "text --> model &")])
def test_a_missing_arrow_and_one_too_many_are_noticed(old, new):
    assert old in ARCHITECTURE
    assert drawn(ARCHITECTURE.replace(old, new, 1)) != imported()


def test_every_sub_package_has_its_paragraph():
    section = ARCHITECTURE.split("## The sub-packages\n")[1].split("\n## ")[0]
    assert {arrow for pair in imported() for arrow in pair} == set(
        re.findall(r"^\*\*(\w+)\*\* ", section, re.MULTILINE)
    )


def test_the_columns_of_evidence_are_explained_with_their_types():
    told = {name: kind for name, kind, _ in columns("Evidence")}
    types = {"string": pa.string(), "int32": pa.int32(), "float64": pa.float64()}
    assert {name: types[kind] for name, kind in told.items()} == evidence.COLUMNS


def test_each_column_of_each_table_is_explained_with_its_type():
    told = {(table, name): kind for name, kind, of, _ in columns("Tables") for table in of.split(", ")}
    assert told == {
        (table, name): kind.__name__
        for table, typed in tables.COLUMNS.items()
        for name, kind in typed.items()
        if table != "claims"  # docs/claims.md explains it
    }


def test_the_captions_of_snakemakes_report_name_each_table():
    said = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "report").glob("*.rst"))
    assert {f"{name}.csv" for name in tables.COLUMNS} <= set(re.findall(r"\w+\.csv", said))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_tests_that_are_named_exist(document):
    named = NAMED_FILE.findall(document.read_text(encoding="utf-8"))
    for path, test in named:
        if "NAME" in path:  # which is yet to be written
            continue
        assert (ROOT / path).is_file(), path
        if test:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{path}::{test}"


def test_the_citation_has_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == VERSION
