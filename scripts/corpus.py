"""Gather the text of one language and split it into train, valid and test."""

import json
from pathlib import Path
from typing import Literal

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, OutputFolder, Ratio, required
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.text import splits
from linguistic_regions.text.documents import Source
from linguistic_regions.text.languages import fill


def main(
    *,
    language: str,
    source: Literal["debian", "huggingface", "files"],
    output: OutputFolder,
    domain: str = "",
    packages: tuple[Path, ...] = (),
    training_files: tuple[Path, ...] = (),
    repo: str | None = None,
    dataset_config: str | None = None,
    split: str = "train",
    column: str = "text",
    revision: str | None = None,
    paths: tuple[str, ...] = (),
    test: Ratio = 0.1,
    valid: Ratio = 0.05,
    max_documents: Count | None = None,
    max_characters: Count | None = None,
) -> None:
    """Write {train,valid,test}.parquet, the documents of each split, and manifest.json.

    In --repo, --dataset-config and --paths, {language} is replaced by the language's code, and {fineweb2} or any other
    column of resources/languages.tsv by the language's field in that column.

    Example: .venv/bin/python scripts/corpus.py --language ru --source files --paths 'texts/{language}/*.txt' --output
    corpora/ru

    Args:
        language: code of the language, such as `ru`.
        source: where the text comes from.
        output: folder of the corpus.
        domain: kind of text, for the manifest.
        packages: debian: folders made by fetch_package.py.
        training_files: documents (parquet) on which models are trained; their paragraphs are dropped here.
        repo: huggingface: name of the data set on the hub, such as `HuggingFaceFW/fineweb-2`, or a local folder.
        dataset_config: huggingface: configuration of the data set, such as `{fineweb2}`.
        split: huggingface: split of the data set.
        column: huggingface, files: column that contains the text.
        revision: huggingface: commit, tag or branch of the data set.
        paths: files: txt, jsonl (both may be gzipped) or parquet files, or patterns such as `'{language}/*.txt'`.
        test: share of the documents for the test split.
        valid: share of the documents for the validation split.
        max_documents: maximum number of documents.
        max_characters: stop after the document that reaches this number of characters.
    """
    if test + valid >= 1:
        raise UserError(f"--test, --valid: {test:g} and {valid:g} leave no text for training: lower them")
    documents: Source
    match source:
        case "debian":
            from linguistic_regions.text.debian import Debian

            documents = Debian(language, required(packages, "--packages", source))
        case "huggingface":
            from linguistic_regions.text.huggingface import HuggingFace

            name = fill(required(repo, "--repo", source), language)
            config = fill(dataset_config, language) if dataset_config else None
            documents = HuggingFace(name, config, split, column, revision)
        case "files":
            from linguistic_regions.text.files import Files

            patterns = required(paths, "--paths", source)
            documents = Files([fill(pattern, language) for pattern in patterns], column)
            if output.absolute() in {path.absolute().parent for path in documents.paths}:
                raise UserError(f"--output: {output} has files that are read (--paths): name another folder")
    output.mkdir(parents=True, exist_ok=True)
    manifest = output / "manifest.json"
    manifest.unlink(missing_ok=True)  # it describes the files that are about to change
    with_progress = progress(documents, f"text of {language}", max_documents, "document")
    limited = splits.limit(with_progress, max_documents, max_characters)
    counts = splits.write_splits(limited, output, test, valid, training_files)
    with atomic_write(manifest) as part:
        summary = {"language": language, "domain": domain, "source": source, "origin": documents.origin(), **counts}
        part.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
