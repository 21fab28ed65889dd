"""Gather minimal pairs of one language: two sentences, of which the first is grammatical and the second is not.

.venv/bin/python scripts/pairs.py --language ru --sources templates --tokenizer results/demo/models/tokenizer
--output ru.parquet
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.options import Count, OutputFile, Seed, required
from linguistic_regions.text import minimal_pairs
from linguistic_regions.text.minimal_pairs import Pair, corruptions, files, templates
from linguistic_regions.text.minimal_pairs.selection import Sieve, select
from linguistic_regions.text.splits import Split
from linguistic_regions.text.tokens import BlockTokenizer


def main(
    *,
    language: str,
    sources: tuple[Literal["templates", "corruptions", "hub", "files"], ...],
    tokenizer: Path,
    output: OutputFile,
    count: Count | None = None,
    test: Path | None = None,
    seed: Seed = 0,
    paths: tuple[str, ...] = (),
    repo: str | None = None,
    dataset_config: str | None = None,
    split: str = "train",
    revision: str | None = None,
    good: str = "sentence_good",
    bad: str = "sentence_bad",
    phenomenon: str | None = None,
) -> None:
    """Write the pairs of all sources that can be told apart.

    Args:
        language: code of the language, such as `ru`.
        sources: where pairs come from.
        tokenizer: folder of the model's tokenizer: pairs that it cannot tell apart are dropped.
        output: the pairs, parquet.
        count: maximum number of pairs of each source, evenly over its phenomena; None: all.
        test: corruptions: documents (parquet) that the model was not trained on.
        seed: corruptions: of the choice of sentences and words.
        paths: files: jsonl or parquet files with the columns language, phenomenon, good and bad.
        repo: hub: name of the data set, such as `nyu-mll/blimp`, or a local folder.
        dataset_config: hub: configuration of the data set; None: all, each of which is a paradigm.
        split: hub: split of the data set.
        revision: hub: commit, tag or branch of the data set.
        good: hub: column of the grammatical sentence.
        bad: hub: column of the other sentence.
        phenomenon: hub: column of the phenomenon; None: the configuration.
    """
    sieve = Sieve(BlockTokenizer.load(tokenizer).tokenizer)
    found: list[Pair] = []
    for source in sources:
        pairs: Iterable[Pair]
        match source:
            case "templates":
                pairs = templates.pairs(language)
            case "corruptions":
                pairs = corruptions.pairs(language, Split(required(test, "--test", source)), seed)
            case "hub":
                from linguistic_regions.text.minimal_pairs import hub

                name = required(repo, "--repo", source)
                published = hub.PublishedSet(name, dataset_config, split, revision, good, bad, phenomenon)
                pairs = hub.pairs(language, published)
            case "files":
                pairs = files.pairs(language, required(paths, "--paths", source))
        kept = list(sieve(pairs))
        taken = select(kept, count)
        logging.info("%s: %d of %d pairs are taken", source, len(taken), len(kept))
        found += taken
    if not found:
        names = ", ".join([*sources, *paths])
        dropped = ", ".join(f"{number} {reason}" for reason, number in sieve.dropped.items() if number)
        raise UserError(
            f"there are no minimal pairs of {language} in {names}{f' (dropped: {dropped})' if dropped else ''}: name "
            f"another source (probes.sources), or leave {language} out (probes.languages)"
        )
    if contradictions := sieve.dropped["in both orders"]:
        logging.warning(
            "%s: %d pairs are given in both orders, so that either sentence is the grammatical one; the first of each "
            "two is kept",
            language,
            contradictions,
        )
    logging.info("dropped: %s", ", ".join(f"{number} {reason}" for reason, number in sieve.dropped.items()))
    minimal_pairs.write(output, found, sieve.dropped)


if __name__ == "__main__":
    run(main)
