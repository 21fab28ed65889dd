"""The text that is trained and tested on, in words."""

from collections.abc import Mapping, Sequence

import pandas as pd

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.methods.words import listed, many, named
from linguistic_regions.statistics.domains import domains, only


def described(config: Mapping, names: Mapping[str, str]) -> list[str]:
    corpora = config["corpora"]
    own = corpora.get("languages") or {}
    sources = list(dict.fromkeys([corpora["source"], *(own[code].get("source", corpora["source"]) for code in own)]))
    sentences = [f"The text of {many(len(config['languages']), 'language')} comes from {_sources(corpora, sources)}."]
    if own:
        sentences.append(f"{named(own, names)} {'has' if len(own) == 1 else 'have'} separate settings.")
    sentences.append(
        f"{formats.percent(corpora['test'])} of the documents are held out for testing and "
        f"{formats.percent(corpora['valid'])} for validation."
    )
    bounds = {"max_documents": "documents", "max_characters": "characters"}
    further = {name: text for name, text in (corpora.get("domains") or {}).items() if text}
    if further:
        sentences.append(
            f"Training and importance use {corpora['domain']}; tests also use {listed(list(further))}, in the "
            "languages for which it is available."
        )
    limits = [f"{formats.count(corpora[key])} {noun}" for key, noun in bounds.items() if corpora.get(key)]
    if limits:
        sentences.append(f"At most {listed(limits)} are used per language.")
    return sentences


def _sources(corpora: Mapping, sources: Sequence[str]) -> str:
    words = {
        "debian": lambda: f"the Debian packages {listed(corpora['debian']['packages'])}",
        "huggingface": lambda: f"the data set {corpora['huggingface']['repo']}",
        "files": lambda: "local files",
    }
    return listed([words[source]() if source in words else source for source in sources])


def begins(bos: bool | None) -> str:
    """Say how a block of tokens begins; None: as the tokenizer has it."""
    words = {True: "with", False: "without", None: "with or without (as the tokenizer does)"}[bos]
    return f"{words} a beginning-of-sequence token"


def tests(tokens: Mapping, removal: pd.DataFrame | None) -> list[str]:
    used = set() if removal is None else set(removal["bos"].astype(str))
    bos = tokens["bos"] if tokens["bos"] is not None or len(used) != 1 else used == {"True"}
    train = f"at most {formats.count(tokens['train_blocks'])}" if tokens["train_blocks"] else "all"
    sentences = [
        f"Text is split into blocks of {formats.count(tokens['block_size'])} tokens, {begins(bos)}; "
        "one block is one sample.",
        f"For each language, {train} training blocks are used, and at most {formats.count(tokens['valid_blocks'])} "
        f"blocks for validation and {formats.count(tokens['test_blocks'])} for testing.",
    ]
    tested = []
    for domain in domains(removal) if removal is not None else []:
        base = only(removal, domain)
        counts = base[base["kind"] == "base"].groupby("language")["tokens"].first()
        if len(counts):
            low, high = formats.count(counts.min()), formats.count(counts.max())
            span = low if low == high else f"{low} to {high}"
            kind = f" of {domain}" if domain else ""
            tested.append(f"{span} tokens per language{kind} ({formats.count(counts.sum())} in all)")
    if tested:
        sentences.append(f"Perplexity is measured on {listed(tested)}.")
    return sentences
