"""The report is one file that loads nothing, says what it has, and trusts no text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml

import synthetic_results as synthetic
from linguistic_regions.reporting import formats, report
from linguistic_regions.reporting.figures import draw
from linguistic_regions.reporting.figures.style import save, styled
from linguistic_regions.reporting.methods.model import public_name
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json
from linguistic_regions.statistics.domains import first
from reports import EVIL, draw_figures, write_report

ROOT = Path(__file__).parents[2]
FIGURES = ["stability", "removal", "monolingual", "selectivity", "retraining", "freezing", "density", "overlap"]
FIGURES += ["kinship", "probes"]


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Path:
    """A folder with the figures of the synthetic run."""
    return draw_figures(tmp_path_factory.mktemp("figures"), synthetic.everything())


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
        assert tag not in ("link", "iframe")
        assert tag != "script" or not attributes, "scripts are part of the page"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    return parser


def test_the_page_is_whole_and_loads_nothing(page):
    parsed = read(page)
    assert parsed.open == []
    assert parsed.images == len(FIGURES)
    links = [load for load in parsed.loads if not load.startswith(("#", "data:image/svg+xml;base64,"))]
    files = {Path(link).name for link in links}
    assert files >= {*(f"{name}.csv" for name in synthetic.everything()), "config.json", "provenance.json"}
    assert {name for name in files if name.endswith(".svg")} == {f"{name}.svg" for name in FIGURES}
    assert all(f'<a href="{link}"' in page for link in links), "followed by a reader, not loaded"
    assert not re.search(r"url\(|@import", page)


def test_what_the_model_says_is_shown_and_not_run(tmp_path, figures, page):
    assert "This run continued no prompts." in page
    said = synthetic.generations(f"{EVIL} a | b")
    shown = write_report(tmp_path, synthetic.everything() | {"generations": said}, figures)
    assert "Russian: Столица —" in shown
    assert "&lt;script&gt;document.title=&#39;taken&#39;&lt;/script&gt; a | b" in shown
    assert EVIL not in shown
    assert read(shown).open == []


def test_tasks_of_the_harness_have_a_section_where_they_were_measured(tmp_path, figures, page):
    assert "lm-evaluation-harness" not in page
    shown = write_report(tmp_path, synthetic.everything() | {"lm_eval": synthetic.lm_eval()}, figures)
    parsed = read(shown)
    assert parsed.open == []
    assert "lm-eval" in parsed.ids
    assert "#lm-eval" in parsed.loads
    assert "0.500 [0.375, 0.625]" in shown


def test_every_entry_of_the_contents_leads_somewhere(page):
    parsed = read(page)
    targets = [load[1:] for load in parsed.loads if load.startswith("#")]
    assert len(targets) == 17 + len(synthetic.LANGUAGES)
    assert set(targets) <= set(parsed.ids)
    assert len(set(parsed.ids)) == len(parsed.ids)


def test_what_comes_from_data_is_escaped(tmp_path, figures):
    page = write_report(tmp_path, synthetic.everything(), figures, model_name=f"Model {EVIL}")
    assert EVIL not in page
    assert "0123456789abcdef" in page
    assert page.count("&lt;script&gt;") >= 3  # model, configuration and manifest


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
    assert "This run has no table of claims" in page
    assert "<code>importance.stability.checks</code>" in page


def test_whether_there_were_enough_samples_is_said_before_any_experiment(page):
    assert page.index("Stability of importance</h2>") < page.index("Experiment 1: the core region</h2>")
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


def part(page: str, anchor: str) -> str:
    """The text of the page from one heading's identifier to the next heading, without tags."""
    inside = page[page.index(f'id="{anchor}"') :]
    return " ".join(re.sub(r"<[^>]+>", " ", re.split(r"<h[23]", inside)[0]).split())


def test_a_language_has_a_part_with_all_that_was_measured_of_it(page):
    assert '<a href="#language-ru">Russian</a>' in page[: page.index('id="findings"')]
    russian = part(page, "language-ru")
    assert "24.533 [23.306, 25.759], 1.067 bits per byte, on 1,000 tokens" in russian
    assert "3 % ranked within each tensor ×2.72 ×1.051 ×1.001" in russian
    assert "Russian (own) ×1.822 ×1.010 ×1.001 Ukrainian ×1.221 ×1.010 ×1.001 Chinese ×1.020" in russian
    assert "Chinese 10⁻³ ×1.492 ×1.377" in russian, "freezing"
    assert "Jaccard index 0.960" in russian
    assert "Chinese 10⁻³ 200" in part(page, "language-en"), "retraining"
    assert "train 1,200 documents, 345,678 characters" in part(page, "language-zh")


def test_two_kinds_of_text_stand_side_by_side_and_the_papers_tables_have_the_first(tmp_path, figures):
    tables = synthetic.everything()
    alone = write_report(tmp_path, tables, figures)
    for name in ("removal", "retraining", "freezing"):
        tables[name] = synthetic.with_domains(tables[name], "documentation", "quotations")
    page = write_report(tmp_path, tables, figures)
    russian = part(page, "language-ru")
    assert "Perplexity, documentation 24.533" in russian and "Perplexity, quotations 27.113" in russian
    assert f"{synthetic.MODEL}, documentation {synthetic.MODEL}, quotations" in russian
    assert "Russian (own) ×1.822 ×1.010 ×1.001 ×1.822 ×1.010 ×1.001" in russian
    assert "8,000 tokens of documentation and quotations" in page
    assert "relative to its start, tested on quotations" in page
    assert part(page, "core").split("Each")[0] == part(alone, "core").split("Each")[0]


def test_forgetting_is_drawn_on_each_kind_of_text(tmp_path):
    table = synthetic.with_domains(first(synthetic.freezing()), "documentation", "quotations")
    drawn = dict(draw({"freezing": table}, synthetic.LANGUAGES))
    assert list(drawn) == ["freezing", "freezing-quotations"]
    with styled():
        for name, figure in drawn.items():
            save(figure, tmp_path / name, ["svg"])
    removal = synthetic.with_domains(first(synthetic.removal()), "documentation", "quotations")
    page = write_report(tmp_path, {"removal": removal, "freezing": table}, tmp_path)
    assert read(page).images == 2


def test_the_own_language_stands_beside_the_next_worst(page):
    text = part(page, "monolingual")
    assert "Region of Russian ×1.822 Ukrainian ×1.221 1 of 4 Region of Ukrainian" in text


def test_how_blocks_begin_is_said_in_words(page):
    assert "in windows of 128 tokens without a beginning-of-sequence token, 4,000 tokens" in part(page, "method")
    assert ": True" not in page and ": False" not in page


def test_the_method_says_every_setting_of_the_demo(tmp_path):
    (tmp_path / "none").mkdir()
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    settings["model"]["pretrained"] = "models/some.gguf"
    page = write_report(tmp_path, synthetic.everything(), tmp_path / "none", settings=settings)
    text = part(page, "method")
    named = ["Model", "Text", "Tests", "Continued pre-training", "Importance", "Core removal", "Monolingual regions"]
    named += ["Retraining", "Freezing", "Training", "Precision", "Seeds"]
    left_out = {"Continued pre-training"} if settings["importance"]["at"] == "base" else set()
    assert [word for word in named if f" {word}. " in f" {text}"] == [word for word in named if word not in left_out]
    importance, freezing = settings["importance"], settings["freezing"]
    assert f"({importance['estimator']})" in text
    assert f"{importance['samples'][-1]} samples; the core is selected by the last" in text
    assert f"blocks of {settings['tokens']['block_size']} tokens" in text
    rates = [" ".join(formats.rate(rate).split()) for rate in freezing["learning_rates"]]
    assert f"learning rate of {formats.rate(settings['retraining']['learning_rate'])}" in text
    assert all(rate in text for rate in rates)
    assert f"{settings['removal']['replicates']} random region" in text
    assert "Perplexity is measured on 1,000 tokens per language of manuals (4,000 in all)." in text
    assert "without a beginning-of-sequence token" in text


def test_the_method_says_how_monolingual_regions_were_made(tmp_path):
    (tmp_path / "none").mkdir()
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    changes = {"languages": ["ru"], "designs": ["difference", "contrast"], "subtract": ["zh", "en"], "size": "smallest"}
    settings["monolingual"] |= changes | {"controls": ["bottom"]}
    text = part(write_report(tmp_path, synthetic.everything(), tmp_path / "none", settings=settings), "method")
    assert "for one of Russian that is not in the top for any of Chinese and English, ranked" in text
    assert "by the scores of one of Russian minus the mean of the scores of Chinese and English" in text
    assert "cut, by score, to the smallest in each tensor. Each is compared with a bottom region of" in text


def test_the_method_says_what_was_asked_of_the_model(tmp_path):
    (tmp_path / "none").mkdir()
    settings = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    settings["controls"] |= {"factors": [0.5, 2], "noise": [1]}
    settings["probes"] |= {"languages": ["en", "ru"], "sources": ["templates", "hub"], "pairs": 40}
    settings["probes"]["prompted"] |= {"pairs": 8, "languages": ["en", "own"], "wordings": ["choice_simple"]}
    settings["probes"]["prompted"]["fillers"] |= {"counts": [2, 8], "kinds": ["dots", "instruction"]}
    tables = synthetic.everything()
    text = part(write_report(tmp_path, tables, tmp_path / "none", settings=settings), "method")
    assert "In English and Russian, two sentences that differ in little" in text
    assert "at most 40 pairs of each language and source" in text
    assert "templates of the workflow and published sets (nyu-mll/blimp, jumelet/multiblimp)" in text
    assert "8 pairs of each language at most are also asked about, in English and the language of the pair" in text
    assert "with 2 and 8 filler tokens before the answer: dots and the instruction repeated" in text
    assert "multiplied by 0.5 and 2 too. Gaussian noise of 1 standard deviations" in text
    assert "set to zero one at a time" in text and "continued by the most likely token" in text
    for outside in ([], ["de"]):  # none, and none of the run
        settings["probes"]["languages"] = settings["generations"]["languages"] = outside
        text = part(write_report(tmp_path, tables, tmp_path / "none", settings=settings), "method")
        assert "Minimal pairs." not in text and "Generations." not in text


def test_a_model_is_known_by_its_public_name_and_weights_that_were_quantized_are_said_to_be(tmp_path):
    (tmp_path / "none").mkdir()
    source = {"model": "/data/models/x", "name": "SmolLM2-135M-Instruct", "dequantized": "Q4_1"}
    page = write_report(tmp_path, {}, tmp_path / "none", source=source, model_name="/data/models/x")
    head = page[: page.index('id="findings"')]
    assert "<strong>SmolLM2-135M-Instruct</strong>, not LLaMA-2" in head
    assert "dequantized from Q4_1 (GGUF)" in head
    assert "/data/models" not in head


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("mistralai/Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.1"),
        ("/data/models/mistral/", "mistral"),
        ("./models/mistral", "mistral"),
        ("models/llama/base", "base"),
    ],
)
def test_no_model_is_named_by_the_path_of_a_folder(given, shown):
    assert public_name(given, {}) == shown


def test_links_stay_right_when_the_folder_moves(tmp_path):
    links = report.links_to([tmp_path / "tables" / "a b.csv", tmp_path / "config.json"], tmp_path / "report.html")
    assert links == {"a b.csv": "tables/a%20b.csv", "config.json": "config.json"}


def test_each_table_leads_to_its_file_and_its_evidence(tmp_path, figures):
    (tmp_path / "evaluations" / "perplexity").mkdir(parents=True)
    page = write_report(
        tmp_path,
        synthetic.everything(),
        figures,
        evidence=(tmp_path / "evaluations/perplexity", tmp_path / "evaluations/gone"),
    )
    core = page[page.index('id="core"') : page.index('id="retraining"')]
    assert '<a href="tables/removal.csv">removal.csv</a>' in core
    assert 'evidence: <a href="evaluations/perplexity/">perplexity/</a>' in core
