"""Gather the text of one language and split it: documents in, three parquet files and a manifest out."""

import json
from pathlib import Path
from typing import Any, Literal

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.progress import progress
from linguistic_regions.runtime.storage import atomic_write
from linguistic_regions.text import splits
from linguistic_regions.text.documents import Source
from linguistic_regions.text.languages import fill


def main(
    *,
    language: str,
    source: Literal["debian", "huggingface", "files"],
    output: Path,
    domain: str = "",
    packages: tuple[Path, ...] = (),
    trained: tuple[Path, ...] = (),
    repo: str | None = None,
    dataset_config: str | None = None,
    split: str = "train",
    column: str = "text",
    revision: str | None = None,
    paths: tuple[str, ...] = (),
    test: float = 0.1,
    valid: float = 0.05,
    max_documents: int | None = None,
    max_characters: int | None = None,
) -> None:
    """Gather the text of one language and split it: {train,valid,test}.parquet and manifest.json.

    In --repo, --dataset-config and --paths, {language} stands for the language's code, and {fineweb2} or any other
    column of resources/languages.tsv for the language's field there.

    Args:
        language: Code of the language, such as `ru`.
        source: Where the text comes from.
        output: Folder to write to.
        domain: Kind of text, for the manifest.
        packages: debian: folders that fetch_package.py made.
        trained: documents (parquet) that models are trained on; a paragraph of theirs is dropped here.
        repo: huggingface: name of the data set on the hub, such as `HuggingFaceFW/fineweb-2`, or a local folder.
        dataset_config: huggingface: configuration of the data set, such as `{fineweb2}`.
        split: huggingface: split of the data set.
        column: huggingface, files: column of the text.
        revision: huggingface: commit, tag or branch of the data set.
        paths: files: txt, jsonl (either may be gzipped), parquet files, or patterns such as `'{language}/*.txt'`.
        test: Share of the documents for the test split.
        valid: Share of the documents for the validation split.
        max_documents: Take no more documents than this.
        max_characters: Take no more documents once they have this many characters.
    """
    documents: Source
    match source:
        case "debian":
            from linguistic_regions.text.debian import Debian

            documents = Debian(language, _required(packages, "--packages", source))
        case "huggingface":
            from linguistic_regions.text.huggingface import HuggingFace

            name = fill(_required(repo, "--repo", source), language)
            config = fill(dataset_config, language) if dataset_config else None
            documents = HuggingFace(name, config, split, column, revision)
        case "files":
            from linguistic_regions.text.files import Files

            patterns = _required(paths, "--paths", source)
            documents = Files([fill(pattern, language) for pattern in patterns], column)
    output.mkdir(parents=True, exist_ok=True)
    manifest = output / "manifest.json"
    manifest.unlink(missing_ok=True)  # it vouches for the files beside it, which are about to change
    shown = progress(documents, f"text of {language}", max_documents, "document")
    taken = splits.bounded(shown, max_documents, max_characters)
    written = splits.write_splits(taken, output, test, valid, trained)
    with atomic_write(manifest) as part:
        summary = {"language": language, "domain": domain, "source": source, "origin": documents.origin(), **written}
        part.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _required(value: Any, flag: str, source: str) -> Any:
    if not value:
        raise UserError(f"source '{source}' needs {flag}")
    return value


if __name__ == "__main__":
    run(main)
