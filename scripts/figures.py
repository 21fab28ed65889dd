"""Draw the figures of a run from its tables."""

from typing import Literal

from linguistic_regions.reporting.figures import draw
from linguistic_regions.reporting.figures.style import save, styled
from linguistic_regions.runtime import cli
from linguistic_regions.runtime.options import Folder, OutputFolder
from linguistic_regions.statistics.tables import read_folder
from linguistic_regions.text.languages import names


def main(
    *,
    tables: Folder,
    output: OutputFolder,
    languages: tuple[str, ...] = (),
    formats: tuple[Literal["svg", "png", "pdf"], ...] = ("svg", "png"),
    density_regions: tuple[str, ...] = ("top",),
) -> None:
    """Draw the figures of a run from its tables, such as removal, monolingual, retraining and freezing.

    A figure without measurements is not drawn.

    Example: .venv/bin/python scripts/figures.py --tables results/demo/tables --output figures

    Args:
        tables: folder with the run's tables.
        output: folder for the figures, one file per figure and format.
        languages: language codes in display order.
        formats: file formats: svg, png, pdf.
        density_regions: name prefixes of the regions whose density by layer and matrix is drawn.
    """
    output.mkdir(parents=True, exist_ok=True)
    with styled():
        for name, figure in draw(read_folder(tables), languages, density_regions, names()):
            save(figure, output / name, formats)


if __name__ == "__main__":
    cli.run(main)
