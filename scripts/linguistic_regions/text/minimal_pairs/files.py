"""Source `files`: a person's own pairs, from jsonl and parquet files."""

from collections import Counter
from collections.abc import Iterator, Sequence

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.files import matching, records
from linguistic_regions.text.languages import languages, meant
from linguistic_regions.text.minimal_pairs import Pair

COLUMNS = ("language", "phenomenon", "good", "bad")


def pairs(language: str, patterns: Sequence[str]) -> Iterator[Pair]:
    """Yield the pairs of a language; other languages' rows are passed over.

    A row may also name a `source`, which is otherwise the file's name, and a `template`, otherwise its phenomenon.

    Args:
        language: code of the language.
        patterns: paths or glob patterns of jsonl or parquet files with the columns `COLUMNS`.

    Raises:
        UserError: no file matches a pattern, or a file cannot be read, lacks one of the columns or has a language that
            is not in the table of languages.
    """
    count: Counter = Counter()
    for path in matching(patterns):
        for row in records(path, COLUMNS):
            if row["language"] not in languages():
                advice = meant(row["language"]) or "give the code that it has in resources/languages.tsv"
                raise UserError(f"{path}: {row['language']!r} is no code of a language: {advice}")
            if row["language"] == language:
                source = row.get("source") or path.name.split(".")[0]
                template = row.get("template") or row["phenomenon"]
                item = f"{source}/{template}/{count[source, template]:04d}"
                count[source, template] += 1
                yield Pair(language, source, row["phenomenon"], template, item, row["good"], row["bad"])
