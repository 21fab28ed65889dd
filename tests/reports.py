"""Reports of the synthetic run, written by the program."""

import json
import runpy
from pathlib import Path

import synthetic_results as synthetic
from linguistic_regions.reporting.figures import draw
from linguistic_regions.reporting.figures.style import save, styled

PROGRAM = Path(__file__).parents[1] / "scripts" / "report.py"
EVIL = "<script>document.title='taken'</script>"


def draw_figures(folder: Path, tables: dict) -> Path:
    """Draw the figures of the synthetic run that these tables have, and give their folder."""
    folder.mkdir(exist_ok=True)
    with styled():
        for name, figure in draw(tables, synthetic.LANGUAGES):
            save(figure, folder / name, ["svg"])
    return folder


def write_report(
    folder: Path, tables: dict, figures: Path, settings: dict | None = None, source: dict | None = None, **options
) -> str:
    """Run the program and read its page."""
    synthetic.write(tables, folder / "tables")
    config = folder / "config.json"
    partial = {"run": "trial", "model": {"width": 128, "note": EVIL}, "ratios": [0.01, 0.03]}
    config.write_text(json.dumps(settings or partial))
    record = folder / "provenance.json"
    software = {"revision": f"0123456789abcdef {EVIL}"}
    record.write_text(json.dumps({"config": {}, "model": source or {}, "software": software}))
    manifest = folder / "manifest.json"
    splits = {"train": {"documents": 1200, "characters": 345678}, "test": {"documents": 3, "characters": 99}}
    manifest.write_text(json.dumps({"language": "zh", "source": f"debian {EVIL}", "splits": splits}))
    main = runpy.run_path(str(PROGRAM))["write"]
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
