"""The report in a browser: nothing is cut at any width, tables sort, languages are found, and no text runs."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.image as mpimg
import numpy as np
import pytest
import yaml

import machine
import synthetic_results as synthetic
from reports import EVIL, draw_figures, write_report

ROOT = Path(__file__).parents[2]
BROWSER = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
BROWSER += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
DARK = "--blink-settings=preferredColorScheme=0"

# Everything that reaches beyond the page and does not scroll by itself, with all parts unfolded.
CUT = """
const folded = !inside.querySelector("nav details").open;
inside.querySelectorAll("details").forEach((part) => { part.open = true; });
const cut = [...inside.body.querySelectorAll("*")].filter((part) =>
  part.getBoundingClientRect().right > width + 1 && !part.parentElement.closest(".scroll, pre"));
const hinted = [...inside.querySelectorAll(".scroll")].filter((part) => part.scrollWidth > part.clientWidth);
const images = getComputedStyle(inside.querySelector("img")).backgroundColor;
return {folded, cut: cut.map((part) => part.tagName), scrolling: hinted.length,
        shaded: hinted.every((part) => getComputedStyle(part).backgroundImage.includes("gradient")),
        page: getComputedStyle(inside.body).backgroundColor, images};
"""
SORTED = """
const table = inside.querySelector("#core ~ figure table");
const column = (place) => [...table.tBodies[0].rows].map((row) => row.cells[place].textContent.trim());
const orders = [];
for (const place of [2, 2, 0]) {
  table.querySelectorAll("thead th:not(.group)")[place].querySelector("button").click();
  orders.push(column(place));
}
table.tBodies[0].innerHTML = ["×6.0 × 10⁴", "–", "×1.5", "×∞", "−2", "1,000.5", "3 × 10⁻⁴"]
  .map((cell) => `<tr><th>${cell}</th></tr>`).join("");
table.querySelector("thead button").click();
orders.push(column(0));
return orders;
"""
FOUND = """
const field = inside.querySelector(".search input");
const shown = () => [...inside.querySelectorAll(".language:not([hidden]) h3")].map((part) => part.id);
const found = ["uk", "RUSS", "none", ""].map((word) => {
  field.value = word;
  field.dispatchEvent(new Event("input", {bubbles: true}));
  return shown();
});
return [inside.querySelector(".search").hidden, ...found];
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the report of the synthetic run, whose model has a hostile name."""
    machine.require(shutil.which("chromium") is not None, "no chromium here")
    folder = tmp_path_factory.mktemp("page")
    figures = draw_figures(folder / "figures", {"removal": synthetic.removal()})
    tables = synthetic.everything() | {"generations": synthetic.generations(" very long" * 30)}
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    write_report(folder, tables, figures, settings, model_name=f"Model {EVIL}")
    return folder


def opened(page: Path, *options: str) -> str:
    """Open a page in a browser, and give what it writes."""
    command = [*BROWSER, f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def told(folder: Path, script: str, width: int, *options: str):
    """What a script returns in the report at a width in pixels.

    The report is in a frame: the window of a browser without a screen has a smallest width.
    """
    page = (folder / "report.html").read_text(encoding="utf-8")
    run = (
        f"const width = {width}, inside = frame.contentDocument; frame.title = JSON.stringify((() => {{{script}}})());"
    )
    (folder / "frame.html").write_text(
        '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<iframe style="width: {width}px; height: 900px" srcdoc="{html.escape(page)}"></iframe><script>'
        f'const frame = document.querySelector("iframe"); frame.onload = () => {{{run}}};</script>',
        encoding="utf-8",
    )
    shown = opened(folder / "frame.html", "--dump-dom", "--virtual-time-budget=2000", *options)
    return json.loads(html.unescape(re.search(r'title="([^"]*)"[^>]*></iframe>', shown)[1]))


@pytest.mark.parametrize(("width", "is_folded"), [(390, True), (900, True), (1400, False)])
def test_nothing_is_cut_and_wide_tables_scroll_with_a_shadow(folder, width, is_folded):
    page = told(folder, CUT, width)
    assert page["cut"] == []
    assert page["folded"] == is_folded
    assert page["scrolling"] > 0, "a long answer of the model"
    assert page["shaded"]


def test_the_page_is_dark_for_a_reader_who_wants_that_and_figures_stay_on_white(folder):
    light, dark = told(folder, CUT, 900), told(folder, CUT, 900, DARK)
    assert light["page"] == light["images"] == dark["images"] == "rgb(255, 255, 255)"
    assert sum(map(int, re.findall(r"\d+", dark["page"]))) < 150


def test_a_click_on_a_heading_sorts_numbers_by_size_and_words_by_the_alphabet(folder):
    up, down, names, numbers = told(folder, SORTED, 1400)
    assert up == sorted(up, key=float) and len(up) == len(synthetic.LANGUAGES)
    assert down == up[::-1]
    assert names == ["Chinese", "English", "Russian", "Ukrainian"]
    assert numbers == ["×∞", "×6.0 × 10⁴", "1,000.5", "×1.5", "3 × 10⁻⁴", "−2", "–"], "descending, the missing last"


def test_a_language_is_found_by_name_and_by_code(folder):
    hidden, *found = told(folder, FOUND, 900)
    assert not hidden
    assert found[:3] == [["language-uk"], ["language-ru"], []]
    assert len(found[3]) == len(synthetic.LANGUAGES)


def test_a_browser_shows_the_page_and_runs_no_text_of_it(folder):
    (folder / "hostile.html").write_text(f"<title>before</title>{EVIL}", encoding="utf-8")
    assert "<title>taken</title>" in opened(folder / "hostile.html", "--dump-dom")  # the browser would run it
    shown = opened(folder / "report.html", "--dump-dom")
    assert "<title>taken</title>" not in shown and "&lt;script&gt;" in shown
    opened(folder / "report.html", f"--screenshot={folder / 'page.png'}", "--window-size=1000,3000")
    picture = mpimg.imread(folder / "page.png")[..., :3]
    assert picture.shape[:2] == (3000, 1000)
    assert all(band.std() > 0.02 for band in np.split(picture, 6)), "a part of the page is blank"
