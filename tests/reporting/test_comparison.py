"""The page of two runs: it says what differs, and what could not be compared."""

import json
import re
from html import unescape

import pytest

import report as program
import synthetic_results as synthetic
from linguistic_regions.runtime.errors import UserError

EVIL = "<script>alert(1)</script>"
TOP = {"region": "top-0.03", "kind": "top", "ratio": 0.03, "scope": "tensor", "samples": 64, "replicate": 0}


def changed(claims):
    """The place of the claim whose verdict is another one in the second run."""
    return claims.index[claims["verdict"] == "holds"][0]


def finished(folder, name, loss=1.0, holds=True, **software):
    """A run whose core costs every block `loss`, with a claims table and what made it."""
    removed = {"target": "core", "factor": 0.0, "subtracted": ""}
    conditions = {"intact": ({"region": "base", "kind": "base", "target": ""}, 0.0), "top-0.03": (TOP | removed, loss)}
    conditions["stale"] = (TOP | removed | {"region": "of-an-earlier-config", "ratio": 0.05}, 9.0)
    (folder / "evaluations/perplexity").mkdir(parents=True)
    synthetic.evidence(folder / "evaluations/perplexity/core-0.03.parquet", conditions)
    claims = synthetic.claims().copy()
    if not holds:
        claims.loc[changed(claims), ["verdict", "verdict_holm"]] = "does not hold"
    synthetic.write({"removal": synthetic.removal(), "claims": claims}, folder / "tables")
    config = {"run": name, "languages": synthetic.LANGUAGES, "experiments": ["removal"], "seed": len(name)}
    record = {"config": config | {"model": {"pretrained": "lab/tiny"}}, "model": {"commit": "f" * 40}}
    record |= {"software": {"linguistic-regions": "1.0"} | software, "data": {"ru": {"test": "1" * 64}}}
    (folder / "provenance.json").write_text(json.dumps(record))
    return folder


def compare(first, second, folder):
    """The page, and its text by heading."""
    program.compare(first, second, output=folder / "page.html")
    page = (folder / "page.html").read_text(encoding="utf-8")
    main = page.split("<main>")[1].split("</main>")[0]
    parts = re.split(r'<h2 id="(\w+)">', main)
    text = [" ".join(unescape(re.sub("<[^>]+>", " ", part)).split()) for part in parts]
    return page, dict(zip(["top", *text[1::2]], text[::2], strict=True))


def test_what_differs_effects_and_verdicts_stand_side_by_side(tmp_path):
    first = finished(tmp_path / "a", "a", torch="2.13.0", revision=EVIL)
    second = finished(tmp_path / "b", "second", loss=1.5, holds=False, torch="2.14.0", revision=EVIL)
    page, parts = compare(first, second, tmp_path)
    assert "a and second" in parts["top"] and "lab/tiny" in parts["top"]
    assert EVIL not in page and "<link" not in page
    assert "seed 1 6" in parts["differing"] and "torch 2.13.0 2.14.0" in parts["differing"]
    assert "Text" not in parts["differing"] and "run a" not in parts["differing"]
    effect = re.search(
        r"top 3 % rise (×1\.649 \[×1\.649, ×1\.649\]) paired by document ×2\.72.* ×4\.48", parts["effects"]
    )
    assert effect, parts["effects"]
    assert "top 5 %" not in parts["effects"]
    differ, alike = parts["verdicts"].split("Verdicts that are the same")
    other = synthetic.claims()["claim"].pop(changed(synthetic.claims()))
    assert f"{other} ✓ holds ✗ does not hold" in differ
    assert all((claim in alike) == (claim != other) for claim in synthetic.claims()["claim"])


def test_runs_of_one_name_are_told_apart_and_the_same_run_has_no_difference(tmp_path):
    run = finished(tmp_path / "a", "a")
    _, parts = compare(run, run, tmp_path)
    assert "a (first) and a (second)" in parts["top"]
    assert "made with the same config, software, text and hardware" in parts["differing"]
    assert "Verdicts that differ" not in parts["verdicts"]


def test_what_is_no_finished_run_is_named(tmp_path):
    with pytest.raises(UserError, match="b: there is no provenance.json: name the folder of a finished run"):
        (tmp_path / "b").mkdir()
        program.compare(finished(tmp_path / "a", "a"), tmp_path / "b", output=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_run_without_the_evidence_of_its_tables_is_named(tmp_path):
    run = finished(tmp_path / "a", "a")
    synthetic.write({"selectivity": synthetic.everything()["selectivity"]}, run / "tables")
    with pytest.raises(UserError, match="a: there is no evidence of .*: run the workflow with --forcerun evaluate"):
        program.compare(run, run, output=tmp_path / "page.html")


def test_a_run_without_claims_is_named(tmp_path, caplog):
    first, second = (finished(tmp_path / name, name) for name in "ab")
    (second / "tables/claims.csv").unlink()
    _, parts = compare(first, second, tmp_path)
    assert "not judged" in parts["verdicts"]
    lacking = "there is no tables/claims.csv, so no claim is judged: run the workflow to make it"
    assert caplog.messages == [f"{second}: {lacking}"]


def test_the_page_takes_the_place_of_no_other_file(tmp_path):
    run = finished(tmp_path / "a", "a")
    with pytest.raises(UserError, match="name a file that ends in .html"):
        program.compare(run, run, output=run / "provenance.json")
    with pytest.raises(UserError, match="report.html is the report of one of the runs: name another file"):
        program.compare(run, run, output=run / "report.html")
    assert json.loads((run / "provenance.json").read_text())["config"]["run"] == "a"
