"""Write the run's tokenizer: the model's, or a byte-level BPE trained on the corpora."""

import logging
from pathlib import Path
from typing import Annotated

from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.options import Count, Folder, NewFolder, Range
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.text import vocabulary
from linguistic_regions.text.splits import Split


def main(
    *,
    output: NewFolder,
    model: Folder | None = None,
    trust_remote_code: bool = False,
    corpora: tuple[Path, ...] = (),
    size: Annotated[int, Range(258)] = 4096,
    characters: Count = 300_000,
) -> None:
    """Write a tokenizer in Hugging Face format.

    Example: .venv/bin/python scripts/tokenizer.py --model results/demo/models/base --output tokenizer

    Args:
        output: folder of the tokenizer.
        model: folder of the model whose tokenizer is copied; None: a tokenizer is trained.
        trust_remote_code: run Python code that comes with the model.
        corpora: files of documents to train on (parquet, column text), one per language.
        size: size of the trained vocabulary.
        characters: maximum number of characters from each file, so that no language dominates.
    """
    if model:
        tokenizer = load_tokenizer(model, trust_remote_code)
    else:
        tokenizer = vocabulary.train((text for path in corpora for text in _texts(path, characters)), size)
    with atomic_write(output) as part:
        tokenizer.save_pretrained(part)
    logging.info("%s: %d entries", output, len(tokenizer))


def _texts(path: Path, characters: int):
    for document in Split(path):
        yield document.text[:characters]
        characters -= len(document.text)
        if characters <= 0:
            return


if __name__ == "__main__":
    run(main)
