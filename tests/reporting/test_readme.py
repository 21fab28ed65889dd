"""The README shows what docs/demo.json says, and that is taken from a run's tables."""

import json
import os
import re
import runpy
from pathlib import Path

import pytest
import yaml

import synthetic_results as synthetic
from linguistic_regions.reporting import demo
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import read_json
from linguistic_regions.statistics.domains import first

ROOT = Path(__file__).parents[2]
PROGRAM = runpy.run_path(str(ROOT / "scripts" / "readme.py"))
MODEL = {"model": "/data/wheel", "name": "SmolLM2-135M-Instruct", "dequantized": "Q4_1"}


def test_the_readme_is_what_the_figures_render_to():
    shown = ROOT / "docs" / "demo.json"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    expected = demo.replaced(readme, demo.block(read_json(shown) if shown.exists() else None))
    assert readme == expected, "README.md and docs/demo.json differ: make docs"


def write_run(folder: Path, tables: dict) -> Path:
    """A run's folder with these tables, the demo's config and a record of what made it."""
    synthetic.write(tables, folder / "tables")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"languages": synthetic.LANGUAGES}
    (folder / "config.json").write_text(json.dumps(config))
    made = {
        "model": MODEL,
        "software": {"python": "3.11.2", "torch": "2.9.1"},
        "hardware": {"processor": "Some CPU", "cores": 2, "memory": "8388608 kB", "gpus": []},
    }
    (folder / "provenance.json").write_text(json.dumps(made))
    os.utime(folder / "provenance.json", (1795500000, 1795500000))
    return folder


def written(folder: Path, tables: dict) -> tuple[str, dict]:
    """Collect and render by the program: the README's text, and the figures."""
    docs = folder / "docs"
    docs.mkdir(parents=True)
    readme = folder / "README.md"
    readme.write_text(f"before\n\n{demo.BEGIN}\nold\n{demo.END}\n\nafter\n", encoding="utf-8")
    PROGRAM["collect"](results=write_run(folder / "run", tables), docs=docs)
    PROGRAM["render"](readme=readme, docs=docs)
    return readme.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " "), read_json(docs / "demo.json")


def test_a_run_is_shown_with_its_figures_model_machine_and_day(tmp_path):
    tables = synthetic.everything() | {"removal": synthetic.removal(top=16)}
    text, _ = written(tmp_path, tables)
    assert text.startswith(f"before\n\n{demo.BEGIN}\n") and text.endswith(f"\n{demo.END}\n\nafter\n")
    assert "\nold\n" not in text
    assert "**SmolLM2-135M-Instruct** (weights dequantized from Q4_1, GGUF), 4 languages" in text
    assert "on 2026-11-24: Some CPU, 2 cores, 8 GiB of memory, no GPU; Python 3.11.2, torch 2.9.1." in text
    assert "`make run`" in text and "/data" not in text
    assert "| 3 % | ranked within each tensor | ×1.1 × 10⁷ (×1.8 × 10⁶ to ×4.4 × 10⁷) | ×1.052 (" in text
    assert "| Russian | ×1.822 | Ukrainian ×1.221 | ×1.020 (×1.020 to ×1.020) | ×1.010 |" in text
    assert "| Chinese | 200 | English | 54.598 → 29.964 |" in text
    assert "| 10⁻³ | trained language | ×0.644 | ×0.703 |" in text
    assert re.search(r"^\| set to zero \| .*, direct \| .*, asked \|", text, re.M) and "| None | " in text
    assert len(re.findall(r"^\| [✓✗?○] ", text, re.M)) == len(synthetic.claims())


def test_the_controls_of_the_core_are_shown_from_the_largest_factor_to_the_smallest(tmp_path):
    text, shown = written(tmp_path, synthetic.everything() | {"removal": first(synthetic.controls())})
    labels = [row["removed"] for row in shown["controls"]]
    assert labels[:2] == ["the core", "the core without the outlier dimensions"]
    assert labels[-1] == "random weights, mean of 3"
    assert "| random weights of the core's magnitude, mean of 3 | ×19.5 (" in text


def test_freezing_is_shown_on_the_second_kind_of_text_and_all_else_on_the_first(tmp_path):
    tables = synthetic.everything()
    plain, _ = written(tmp_path / "one", tables)
    for name in ("removal", "retraining", "freezing"):
        tables[name] = synthetic.with_domains(tables[name], "documentation", "quotations")
    text, shown = written(tmp_path / "two", tables)
    assert "(100 samples, tested on quotations)" in text and shown["freezing"]["domain"] == "quotations"
    for title in ("**The core removed**", "**Monolingual regions removed**", "**Retraining"):
        assert text[text.index(title) :].split("\n\n")[1] == plain[plain.index(title) :].split("\n\n")[1]


def test_the_same_run_gives_the_same_files_and_the_picture_has_no_date(tmp_path):
    for name in ("first", "second"):
        written(tmp_path / name, synthetic.everything())
    for file in ("README.md", "docs/demo.json", "docs/demo.svg"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    assert "dc:date" not in (tmp_path / "first/docs/demo.svg").read_text(encoding="utf-8")


def test_a_run_of_the_removal_alone_is_shown(tmp_path):
    removal = synthetic.removal()
    text, _ = written(tmp_path, {"removal": removal[removal["target"].isin(["", "core"])]})
    assert "**The core removed**" in text
    assert "**Monolingual" not in text and "**Retraining" not in text and "**Freezing the core**" not in text
    assert "claims" not in text


def test_without_a_run_nothing_changes(tmp_path, capsys):
    PROGRAM["collect"](results=tmp_path / "none", docs=tmp_path)
    assert "no finished run" in capsys.readouterr().out and list(tmp_path.iterdir()) == []


def test_a_readme_without_markers_is_named(tmp_path):
    (tmp_path / "README.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(UserError, match=r"README.md: .* demo: begin"):
        PROGRAM["render"](readme=tmp_path / "README.md", docs=tmp_path)
