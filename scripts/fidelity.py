"""Compare scores of importance with what they estimate: the exact change of the loss without a single weight."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np

from linguistic_regions.evaluation.single_weights import changes
from linguistic_regions.importance import accumulation, fidelity
from linguistic_regions.importance.estimators import ESTIMATORS, Estimator
from linguistic_regions.model.loading import load
from linguistic_regions.model.weights import selectable
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.compute import configure
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, Folder, OutputFile, Seed, Threads
from linguistic_regions.runtime.storage import write_csv
from linguistic_regions.text import tokens


def main(
    *,
    model: Folder,
    samples: Path,
    language: str,
    output: OutputFile,
    blocks: Count = 8,
    weights: Count = 96,
    seed: Seed = 0,
    batch_tokens: Count = 8192,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    trust_remote_code: bool = False,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    threads: Threads = 1,
) -> None:
    """Write a row for each weight: the exact change of the loss, in float64, and the scores of all estimators.

    Both are measured on the same blocks, so they differ by what the estimate leaves out, not by the text.

    Example: .venv/bin/python scripts/fidelity.py --model results/demo/models/base --samples
    results/demo/tokens/ru/train.parquet --language ru --output fidelity.csv

    Args:
        model: folder of the model.
        samples: file with the language's training blocks.
        language: language code, for the table.
        output: CSV table.
        blocks: number of blocks; a micro-batch is one block.
        weights: number of weights of each kind of matrix.
        seed: of the choice of weights.
        batch_tokens: tokens in one pass.
        precision: precision of the matrix products of the scores.
        dtype: dtype of the weights, at which they are scored.
        trust_remote_code: run the Python code that comes with the model.
        include: regular expressions for the weights to compare; none: the decoder layers' matrices.
        exclude: regular expressions for weights to leave out.
        threads: CPU threads.
    """
    configure(threads)
    text = tokens.read(samples, blocks)
    if len(text) < blocks:
        raise UserError(
            f"{language}: fidelity.samples needs {blocks} training blocks, but there are {len(text)}; lower it or add "
            "text for the language"
        )
    loaded = load(model, dtype=dtype, trust_remote_code=trust_remote_code)
    parameters = selectable(loaded, list(include), list(exclude))
    sums = {}
    for name in ESTIMATORS:
        passes = accumulation.measure(
            loaded, parameters, text, [blocks], Estimator(name), batch_tokens, precision, offload=True
        )
        [(_, sums[name])] = passes
    places = fidelity.draw(sums, weights, seed)
    scores = {name: fidelity.scores(each, places) for name, each in sums.items()}
    del sums
    if loaded.device.type == "cpu":  # there is room for float64 weights, and casting them in each pass takes time
        loaded.double()
    drawn = [(parameters[place.parameter], place.index) for place in places]
    measured, floor = changes(loaded, text.input_ids, drawn, batch_tokens)
    below = int(np.sum(np.abs(measured) < floor))
    logging.info("%s: %d of %d changes are below the numerical floor, %.1e", language, below, len(places), floor)
    rows = [
        {
            "language": language,
            "matrix": place.kind,
            "parameter": place.parameter,
            "index": place.index,
            "change": float(measured[number]),
            "floor": floor,
            **{name: float(each[number]) for name, each in scores.items()},
        }
        for number, place in enumerate(places)
    ]
    write_csv(output, rows)


if __name__ == "__main__":
    run(main)
