"""See, before any model is trained or scored, that every language has the blocks that the config asks for."""

import json
import logging
from pathlib import Path

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import write_csv
from linguistic_regions.text import tokens

SPLITS = ("train", "valid", "test")


def main(*, tokens_folder: Path, languages: tuple[str, ...], wanted_json: str, output: Path) -> None:
    """Write how many blocks each language has, if they are enough.

    Args:
        tokens_folder: the blocks: {language}/{train,valid,test}.parquet.
        languages: the languages.
        wanted_json: for each key of the config the number of training blocks that it asks for, by language.
        output: the table, CSV: language, train, valid, test.
    """
    rows = []
    for language in languages:
        counts = {split: tokens.count(tokens_folder / language / f"{split}.parquet") for split in SPLITS}
        rows.append({"language": language, **counts})
        logging.info("%s: %d blocks to train on, %d valid, %d test", language, *counts.values())
    have = {row["language"]: row["train"] for row in rows}
    lacking = [
        f"{key} asks for {count} of the {have[language]} training blocks of {language}"
        for key, by_language in json.loads(wanted_json).items()
        for language, count in by_language.items()
        if count > have[language]
    ]
    if lacking:
        raise UserError(f"config: {'; '.join(lacking)}: ask for fewer, or give more text")
    write_csv(output, rows)


if __name__ == "__main__":
    run(main)
