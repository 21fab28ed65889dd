"""A run says how to cite what it rests on, with versions, and no path of the machine that it ran on."""

import pytest

from linguistic_regions.planning import configuration
from linguistic_regions.reporting import citation
from linguistic_regions.runtime.errors import UserError

HASH = "ab" * 32
SOFTWARE = {"linguistic-regions": "9.9.9", "revision": "0123abc"}
WHEEL = {"model": f"llm-x==0.1.2 --hash=sha256:{HASH}", "name": "X-135M_Instruct"}
HUB = {"repo": "org/texts_2", "config": "rus", "split": "train", "revision": "c0ffee"}
DEBIAN = {"packages": [{"package": "handbook", "version": "11.2", "sha256": HASH}]}


def cited(source: dict, *origins: dict, pairs: tuple[str, ...] = ()) -> dict[str, list[citation.Reference]]:
    manifests = [{"origin": origin} for origin in origins]
    return citation.references(citation.load(), SOFTWARE, source, manifests, source.get("name", ""), pairs)


def test_the_paper_and_the_software_are_those_of_the_citation_file_with_the_versions_of_the_run():
    found = cited({})
    assert list(found) == ["Paper", "Software"]
    (paper,), (software,) = found.values()
    assert paper.text.startswith("Zhang, Zhihao; Zhao, Jun; Zhang, Qi; Gui, Tao; Huang, Xuanjing (2024). Unveiling")
    assert paper.bibtex.startswith("@inproceedings{zhang2024,\n  author = {Zhang, Zhihao and Zhao, Jun and")
    assert software.text == "The linguistic-regions authors. linguistic-regions. Version 9.9.9. Revision 0123abc."
    assert "author = {{The linguistic-regions authors}}" in software.bibtex


def test_a_model_has_its_public_name_and_its_version():
    (wheel,) = cited(WHEEL)["Model"]
    assert wheel.text == f"X-135M_Instruct. Weights in the package llm-x. Version 0.1.2. SHA-256 {HASH}."
    assert "title = {X-135M\\_Instruct}" in wheel.bibtex
    (fetched,) = cited({"model": "org/X", "name": "org/X", "commit": "c0ffee"})["Model"]
    assert fetched.text == "org/X. Revision c0ffee."
    (local,) = cited({"model": "/data/models/x", "name": "x"})["Model"]
    assert "/data" not in local.text + local.bibtex


def test_each_package_and_data_set_is_cited_once():
    found = cited({}, DEBIAN, HUB, DEBIAN, HUB | {"config": "zho"}, {"files": [{"path": "/home/me/x.txt"}]})["Data"]
    assert [reference.key for reference in found] == ["handbook", "org-texts_2"]
    assert found[0].text == f"handbook. Debian package. Version 11.2. SHA-256 {HASH}."
    assert "url = {https://huggingface.co/datasets/org/texts_2}" in found[1].bibtex
    assert all(reference.bibtex.count("{") == reference.bibtex.count("}") for reference in found)


def test_published_minimal_pairs_are_cited_where_they_were_used():
    assert "Minimal pairs" not in cited({}, pairs=("templates", "mine"))
    blimp, chinese = cited({}, pairs=("blimp", "templates", "zhoblimp"))["Minimal pairs"]
    assert (
        blimp.text.startswith("Warstadt, Alex; Parrish, Alicia; Liu, Haokun; ") and "(2020). BLiMP: The" in blimp.text
    )
    assert blimp.bibtex.startswith("@article{warstadt2020,\n") and "journal = {Transactions of the" in blimp.bibtex
    assert chinese.fields["url"] == "https://aclanthology.org/2026.tacl-1.34"


def test_the_published_sets_of_the_default_config_have_a_citation():
    hub = configuration.check({})["probes"]["hub"]
    names = {settings["repo"].rpartition("/")[2] for settings in (hub, *hub["languages"].values())}
    assert len(cited({}, pairs=names)["Minimal pairs"]) == len(names) == 3


def test_a_file_that_cites_nothing_is_named(tmp_path):
    (tmp_path / "my.yaml").write_text("run: x\n")
    with pytest.raises(UserError, match=r"my.yaml: no file in the Citation File Format"):
        citation.load(tmp_path / "my.yaml")
