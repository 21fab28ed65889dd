"""The report is one file that loads nothing, says what it has, and trusts no text."""

import json
import re
import runpy
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import machine
import matplotlib.image as mpimg
import numpy as np
import pandas as pd
import pytest
import synthetic_results as synthetic

from linguistic_regions import report
from linguistic_regions.commands import UserError
from linguistic_regions.figures import draw
from linguistic_regions.figures.style import save, styled
from linguistic_regions.storage import read_json

PROGRAM = Path(__file__).parents[1] / "scripts" / "report.py"
EVIL = "<script>document.title='taken'</script>"
BROWSER = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
BROWSER += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Path:
    """A folder with the figures of the synthetic run."""
    folder = tmp_path_factory.mktemp("figures")
    with styled():
        for name, figure in draw(synthetic.everything(), synthetic.LANGUAGES):
            save(figure, folder / name, ["svg"])
    return folder


def write_report(folder: Path, tables: dict, figures: Path, **options) -> str:
    """Run the program and read its page."""
    synthetic.write(tables, folder / "tables")
    config = folder / "config.json"
    config.write_text(json.dumps({"run": "trial", "model": {"width": 128, "note": EVIL}, "ratios": [0.01, 0.03]}))
    record = folder / "provenance.json"
    record.write_text(json.dumps({"config": {}, "software": {"revision": f"0123456789abcdef {EVIL}"}}))
    manifest = folder / "manifest.json"
    splits = {"train": {"documents": 1200, "characters": 345678}, "test": {"documents": 3, "characters": 99}}
    manifest.write_text(json.dumps({"language": "zh", "source": f"debian {EVIL}", "splits": splits}))
    main = runpy.run_path(str(PROGRAM))["main"]
    main(
        tables=folder / "tables",
        figures=figures,
        output=folder / "report.html",
        config=config,
        provenance=record,
        manifests=(manifest,),
        languages=tuple(synthetic.LANGUAGES),
        **{"model_name": synthetic.MODEL, **options},
    )
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory, figures) -> str:
    """The report of the synthetic run."""
    return write_report(tmp_path_factory.mktemp("report"), synthetic.everything(), figures)


class Balance(HTMLParser):
    """Collects what a page would load and which tags do not close."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.images, self.ids, self.anchors = [], [], 0, [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.open += [] if tag in self.VOID else [tag]
        self.loads += [value for key, value in attributes.items() if key in ("src", "href", "srcset", "data")]
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.images += tag == "img" and bool(attributes.get("alt"))
        assert tag not in ("script", "link", "iframe")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    return parser


def test_the_page_is_whole_and_loads_nothing(page):
    parsed = read(page)
    assert parsed.open == []
    assert parsed.images == 7
    assert all(load.startswith(("#", "data:image/svg+xml;base64,")) for load in parsed.loads)
    assert not re.search(r"url\(|@import", page)


def test_every_entry_of_the_contents_leads_somewhere(page):
    parsed = read(page)
    targets = [load[1:] for load in parsed.loads if load.startswith("#")]
    assert len(targets) == 12
    assert set(targets) <= set(parsed.ids)
    assert len(set(parsed.ids)) == len(parsed.ids)


def test_what_comes_from_data_is_escaped(tmp_path, figures):
    page = write_report(tmp_path, synthetic.everything(), figures, model_name=f"Model {EVIL}")
    assert EVIL not in page
    assert "0123456789abcdef" in page
    assert page.count("&lt;script&gt;") >= 3  # model, configuration and manifest


def test_a_browser_shows_the_page_and_runs_nothing(tmp_path, figures):
    machine.require(shutil.which("chromium") is not None, "no chromium here")
    write_report(tmp_path, synthetic.everything(), figures, model_name=f"Model {EVIL}")
    (tmp_path / "hostile.html").write_text(f"<title>before</title>{EVIL}", encoding="utf-8")

    def opened(name, *options):
        command = [*BROWSER, f"--user-data-dir={tmp_path / 'profile'}", *options, (tmp_path / name).as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "<title>taken</title>" in opened("hostile.html", "--dump-dom")  # the browser would run it
    shown = opened("report.html", "--dump-dom")
    assert "<title>taken</title>" not in shown and "&lt;script&gt;" in shown
    opened("report.html", f"--screenshot={tmp_path / 'page.png'}", "--window-size=1000,3000")
    picture = mpimg.imread(tmp_path / "page.png")[..., :3]
    assert picture.shape[:2] == (3000, 1000)
    assert all(band.std() > 0.02 for band in np.split(picture, 6)), "a part of the page is blank"


def test_the_model_is_named_and_is_not_the_papers(page):
    assert f"<strong>{synthetic.MODEL}</strong>, not LLaMA-2." in page
    assert page.index("not LLaMA-2") < page.index("295355.5")


def test_a_run_of_the_papers_model_does_not_deny_it(tmp_path, figures):
    page = write_report(tmp_path, synthetic.everything(), figures, model_name="LLaMA-2-7B")
    assert "not LLaMA-2." not in page
    assert "LLaMA-2-7B (paper)" in page


def test_verdicts_come_before_the_experiments(page):
    assert page.index("does not hold</span>") < page.index("Experiment 1: the core region</h2>")
    assert 'class="badge holds"' in page


def test_settings_text_and_conditions_are_shown(page):
    assert "<dt>width</dt><dd>128" in " ".join(page.split()).replace(" </dd>", "</dd>")
    assert "345,678" in page
    assert "windows of 128 tokens" in page
    assert "4,000 tokens" in page


def test_absent_experiments_say_what_turns_them_on(tmp_path):
    (tmp_path / "none").mkdir()
    page = write_report(tmp_path, {}, tmp_path / "none")
    assert read(page).images == 0
    for experiment in ("removal", "retraining", "monolingual", "freezing"):
        assert f"Add <code>{experiment}</code>" in page
    assert "○ not tested" in page
    assert "<code>importance.stability.checks</code>" in page


def test_whether_there_were_enough_samples_is_said_before_any_experiment(page):
    assert page.index("were there enough samples?</h2>") < page.index("Experiment 1: the core region</h2>")
    assert page.index("two halves of them give the same region") < page.index("The core matters more than")
    assert "importance.stability.checks" not in page


@pytest.mark.parametrize("kinds", [["base"], ["base", "top", "bottom", "random"], ["base", "monolingual"]])
def test_a_removal_table_may_hold_one_experiment(tmp_path, kinds):
    (tmp_path / "none").mkdir()
    removal = synthetic.removal()
    removal = removal[removal["kind"].isin(kinds) & (removal["target"].isin(["", "core"]) | ("monolingual" in kinds))]
    page = write_report(tmp_path, {"removal": removal}, tmp_path / "none")
    assert ("Add <code>removal</code>" in page) == ("top" not in kinds)
    assert ("Add <code>monolingual</code>" in page) == ("monolingual" not in kinds)


def test_regions_of_the_configuration_have_a_table(tmp_path):
    (tmp_path / "none").mkdir()
    removal = synthetic.removal()
    own = removal[removal["region"] == "top-0.03"].assign(region="mine", kind="other", target="", scope="", ratio=0.0)
    page = write_report(tmp_path, {"removal": pd.concat([removal, own])}, tmp_path / "none")
    assert '<th scope="row">mine</th>' in page
    assert "×2.72" in page[page.index(">mine<") :]


def test_png_stands_in_for_svg(tmp_path):
    (tmp_path / "removal.png").write_bytes(b"png")
    (tmp_path / "freezing.png").write_bytes(b"png")
    (tmp_path / "freezing.svg").write_bytes(b"svg")
    kinds = {name: uri.split(";")[0] for name, uri in report.embed(tmp_path).items()}
    assert kinds == {"removal": "data:image/png", "freezing": "data:image/svg+xml"}


def test_the_same_run_gives_the_same_page(tmp_path, figures, page):
    assert write_report(tmp_path, synthetic.everything(), figures) == page


def test_a_broken_configuration_is_named(tmp_path):
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(UserError, match="config.json"):
        read_json(tmp_path / "config.json")
