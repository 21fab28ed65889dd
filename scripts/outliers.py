"""Look for super weights and outlier dimensions, which are large whatever the language."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from linguistic_regions.importance import outliers
from linguistic_regions.importance.outliers import Criteria
from linguistic_regions.model.loading import load
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, Folder, OutputFile, Threads
from linguistic_regions.runtime.storage import atomic_write, write_csv
from linguistic_regions.text import tokens

DEFAULTS = Criteria()


def main(
    *,
    model: Folder,
    samples: tuple[Path, ...],
    languages: tuple[str, ...],
    table: OutputFile,
    output: OutputFile,
    blocks: Count = 8,
    criteria: Criteria = DEFAULTS,
    batch_tokens: Count = 8192,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    trust_remote_code: bool = False,
    threads: Threads = 1,
) -> None:
    """Write the largest output of each layer's MLP to a table, and the stable ones as JSON, for recipes.

    Example: .venv/bin/python scripts/outliers.py --model results/demo/models/base --samples
    results/demo/tokens/ru/train.parquet --languages ru --table outliers.csv --output outliers.json

    Args:
        model: folder of the model.
        samples: blocks of tokens, a file for each language.
        languages: their codes, in the same order.
        table: CSV with a row for each layer, outlier or not.
        output: JSON of the outliers: dimensions, rows and weights.
        blocks: of each language.
        criteria: what counts as an outlier.
        batch_tokens: tokens in one forward pass.
        precision: of the matrix products.
        dtype: of the weights.
        trust_remote_code: run the Python code that comes with the model.
        threads: CPU threads.
    """
    configure(threads)
    if len(samples) != len(languages):
        raise UserError(f"--samples: {len(samples)} files for {len(languages)} --languages: give one for each")
    text = {code: tokens.read(path, blocks).input_ids for code, path in zip(languages, samples, strict=True)}
    loaded = load(model, dtype=dtype, trust_remote_code=trust_remote_code)
    matrices = outliers.projections(loaded)
    measured = {code: outliers.measure(loaded, ids, batch_tokens, precision) for code, ids in text.items()}
    rows = outliers.table(measured, matrices, criteria)
    found = outliers.listed(rows, outliers.dimensions(measured, criteria), matrices)
    write_csv(table, rows)
    about = {"criteria": asdict(criteria), "blocks": {code: len(ids) for code, ids in text.items()}}
    with atomic_write(output) as part:
        part.write_text(json.dumps(about | found, indent=2) + "\n", encoding="utf-8")
    logging.info("%s: %s", output, ", ".join(f"{len(each)} {kind}" for kind, each in found.items()))


if __name__ == "__main__":
    run(main)
