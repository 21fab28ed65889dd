"""Check, before any model is trained or scored, that every language has enough blocks for the config."""

import json
import logging

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Folder, OutputFile
from linguistic_regions.runtime.storage import write_csv
from linguistic_regions.text import tokens

SPLITS = ("train", "valid", "test")
FORM = json.dumps({"importance.samples": {"en": 32}})


def main(*, tokens_folder: Folder, languages: tuple[str, ...], required_json: str, output: OutputFile) -> None:
    """Write the number of blocks of each language, after checking that there are enough.

    Example: .venv/bin/python scripts/samples.py --tokens-folder results/demo/tokens --languages en ru --required-json
    '{}' --output samples.csv

    Args:
        tokens_folder: folder of the blocks, {language}/{train,valid,test}.parquet.
        languages: the languages.
        required_json: for each key of the config, the number of training blocks that it requires, by language; JSON.
        output: the table, CSV: language, train, valid, test.
    """
    numbers = required(required_json)
    rows = []
    for language in languages:
        counts = {split: tokens.count(tokens_folder / language / f"{split}.parquet") for split in SPLITS}
        rows.append({"language": language, **counts})
        logging.info("%s: %d training blocks, %d validation blocks, %d test blocks", language, *counts.values())
    available = {row["language"]: row["train"] for row in rows}
    missing = [
        f"{key} requires {count} training blocks of {language}, which has {available[language]}"
        for key, by_language in numbers.items()
        for language, count in by_language.items()
        if count > available[language]
    ]
    if missing:
        raise UserError(f"config: {'; '.join(missing)}: lower the numbers, or add text")
    write_csv(output, rows)


def required(text: str) -> dict[str, dict[str, int]]:
    """The numbers of blocks that are required, for each key of the config by language.

    Raises:
        UserError: the text does not have that form.
    """
    try:
        numbers = json.loads(text)
        return {key: {language: int(count) for language, count in of.items()} for key, of in numbers.items()}
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"--required-json: {text} is not of the form {FORM}") from None


if __name__ == "__main__":
    run(main)
