"""How a run was made, in sentences: every setting that bears on its results, read from its config."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from linguistic_regions.claims import formats
from linguistic_regions.statistics.domains import domains, only

ESTIMATORS = {
    "taylor": "the absolute mean gradient over the samples, times the absolute weight",
    "taylor_abs": "the absolute product of gradient and weight, averaged over groups of blocks",
    "magnitude": "the absolute weight, without any text",
}
PRECISIONS = {
    "auto": "Matrix products are computed in bfloat16 where the device supports it and in float32 elsewhere",
    "bf16": "Matrix products are computed in bfloat16",
    "fp32": "Matrix products are computed in float32",
}
ARMS = {
    "top_freeze": "the core removed and held at zero",
    "bottom_freeze": "the bottom removed and held at zero",
    "top_unfreeze": "the core removed and free to grow back",
    "random_freeze": "a random region removed and held at zero",
    "full": "all weights trained",
    "core_frozen": "the core frozen",
    "random_frozen": "a random region of its size frozen",
    "region_only": "only the core trained",
}


def public_name(model: str, source: Mapping) -> str:
    """The name of a model that readers know: the one recorded with its weights, and never the path of a folder."""
    name = str(source.get("name") or model)
    is_path = name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if is_path else name


def paragraphs(
    config: Mapping, source: Mapping, tables: Mapping[str, pd.DataFrame], names: Mapping[str, str], model: str
) -> list[tuple[str, str]]:
    """Heading and text of each part of the method; a part whose settings the config does not hold is left out.

    Args:
        config: the run's settings.
        source: where the base model comes from, as `provenance.json` records it.
        tables: the run's tables by name.
        names: English names of languages by code.
        model: name of the run's model.
    """
    parts: dict[str, Callable[[], list[str]]] = {
        "Model": lambda: _model(config["model"], source, model),
        "Text": lambda: _text(config, names),
        "Tests": lambda: _tests(config["tokens"], tables.get("removal")),
        "Further pre-training": lambda: _further(config, names),
        "Importance": lambda: _importance(config["importance"], names),
        "Core removal": lambda: _removal(config),
        "Monolingual regions": lambda: _monolingual(config, names),
        "Retraining": lambda: _retraining(config, names),
        "Freezing": lambda: _freezing(config, names),
        "Training": lambda: _training(config["training"]),
        "Computing": lambda: [f"{PRECISIONS[config['precision']]}; trained weights and sums of scores are float32."],
        "Seeds": lambda: [
            f"The seed of the order of training blocks and of initial weights is {config['seed']}; those of random "
            "regions count up from it."
        ],
    }
    made = []
    for heading, part in parts.items():
        try:
            sentences = part()
        except KeyError:  # an incomplete config, as of a report written by hand
            continue
        if sentences:
            made.append((heading, " ".join(sentences)))
    return made


def dequantized(source: Mapping) -> str:
    """A sentence on weights that were quantized before; empty if they were not."""
    kind = source.get("dequantized")
    return f"Its weights were dequantized from {kind} (GGUF)." if kind else ""


def _model(settings: Mapping, source: Mapping, model: str) -> list[str]:
    selected = "Regions are cut from all matrices of the decoder layers"
    if settings["include"]:
        selected = f"Regions are cut from the weights whose names match {_listed(settings['include'])}"
    if settings["exclude"]:
        selected += f", without those that match {_listed(settings['exclude'])}"
    if settings["pretrained"]:
        commit = source.get("commit")
        said = [f"The model is {model}{f', commit {commit}' if commit else ''}.", dequantized(source)]
        said.append(f"Weights that are not trained are held in {settings['dtype']}.")
    else:
        made = settings["scratch"]
        said = [
            f"The model is a Llama of {_many(made['layers'], 'layer')}, width {made['width']}, "
            f"{_many(made['heads'], 'attention head')} ({made['kv_heads']} for keys and values) and MLP width "
            f"{made['mlp_width']}, over a vocabulary of {formats.count(made['vocabulary'])} entries.",
            f"It was trained here on {formats.count(made['samples'])} samples in batches of {made['batch_size']}: "
            f"peak learning rate {formats.rate(made['learning_rate'])}, {formats.count(made['warmup_steps'])} warm-up "
            f"steps, weight decay {made['weight_decay']:g}, a language with n blocks drawn in proportion to "
            f"n to the power of {made['balance']:g}.",
        ]
    return [sentence for sentence in (*said, f"{selected}.") if sentence]


def _text(config: Mapping, names: Mapping[str, str]) -> list[str]:
    corpora = config["corpora"]
    own = corpora.get("languages") or {}
    sources = list(dict.fromkeys([corpora["source"], *(own[code].get("source", corpora["source"]) for code in own)]))
    said = [f"The text of {_many(len(config['languages']), 'language')} comes from: {_sources(corpora, sources)}."]
    if own:
        said.append(f"{_named(own, names)} {'has' if len(own) == 1 else 'have'} settings of their own.")
    said.append(
        f"{formats.percent(corpora['test'])} of the documents are held out for testing and "
        f"{formats.percent(corpora['valid'])} for validation."
    )
    bounds = {"max_documents": "documents", "max_characters": "characters"}
    further = {name: text for name, text in (corpora.get("domains") or {}).items() if text}
    if further:
        said.append(
            f"The model is trained and scored on {corpora['domain']}, and tested on {_listed(list(further))} as well, "
            "in the languages that have it."
        )
    limits = [f"{formats.count(corpora[key])} {noun}" for key, noun in bounds.items() if corpora.get(key)]
    if limits:
        said.append(f"At most {_listed(limits)} are used per language.")
    return said


def _sources(corpora: Mapping, sources: Sequence[str]) -> str:
    words = {
        "debian": lambda: f"Debian's packages {_listed(corpora['debian']['packages'])}",
        "huggingface": lambda: f"the data set {corpora['huggingface']['repo']}",
        "files": lambda: "files",
    }
    return _listed([words[source]() if source in words else source for source in sources])


def _tests(tokens: Mapping, removal: pd.DataFrame | None) -> list[str]:
    used = set() if removal is None else set(removal["bos"].astype(str))
    bos = tokens["bos"] if tokens["bos"] is not None or len(used) != 1 else used == {"True"}
    begins = {True: "with", False: "without", None: "with or without (as the tokenizer does)"}[bos]
    train = f"at most {formats.count(tokens['train_blocks'])}" if tokens["train_blocks"] else "all"
    said = [
        f"Text is cut into blocks of {formats.count(tokens['block_size'])} tokens, {begins} a beginning-of-sequence "
        "token; one block is one sample.",
        f"Of each language {train} training blocks are used, at most {formats.count(tokens['valid_blocks'])} blocks "
        f"are measured for validation and at most {formats.count(tokens['test_blocks'])} for testing.",
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
        said.append(f"Perplexity is that of {_listed(tested)}.")
    return said


def _further(config: Mapping, names: Mapping[str, str]) -> list[str]:
    further = config["further"]
    if config["importance"]["at"] != "further":
        return []
    return [
        f"A copy of the base model is trained further on each of {_named(further['languages'], names)}, with "
        f"{formats.count(further['milestones'][-1])} samples and a peak learning rate of "
        f"{formats.rate(further['learning_rate'])}; validation perplexity is measured after "
        f"{_counts(further['milestones'])} samples."
    ]


def _importance(importance: Mapping, names: Mapping[str, str]) -> list[str]:
    estimator = importance["estimator"]
    where = {"further": "the model further trained on that language", "base": "the base model"}[importance["at"]]
    said = [
        f"The score of a weight for a language is {ESTIMATORS[estimator]} ({estimator}), measured at the weights of "
        f"{where}, for {_named(importance['languages'], names)}.",
        f"It is kept after {_counts(importance['samples'])} samples; the core is cut at the last.",
    ]
    if estimator == "taylor_abs":
        said.insert(1, f"A group has {_many(importance['micro_batch'], 'block')}.")
    stability = importance["stability"]
    if stability["checks"] and estimator != "magnitude":
        stop = stability["stop_at"]
        said.append(
            f"The top {formats.percent(stability['ratio'])} of two halves of the samples are compared after "
            f"{_counts(stability['checks'])} samples{f', until they agree by {stop:g}' if stop else ''}."
        )
    return said


def _removal(config: Mapping) -> list[str]:
    removal = config["removal"]
    if "removal" not in config["experiments"]:
        return []
    said = [
        f"{_listed([formats.percent(ratio) for ratio in removal['ratios']])} of the weights are set to zero, "
        f"{_listed([formats.scope(scope) for scope in removal['scopes']])}: the top, the bottom, and "
        f"{_many(removal['replicates'], 'random region')} for each."
    ]
    if removal["regions"]:
        said.append(f"The regions {_listed(removal['regions'])} of the configuration are removed as well.")
    return said


def _monolingual(config: Mapping, names: Mapping[str, str]) -> list[str]:
    settings = config["monolingual"]
    if "monolingual" not in config["experiments"]:
        return []
    return [
        f"A monolingual region is what is in the top {formats.percent(settings['ratio'])} of one of "
        f"{_named(settings['languages'], names)} and in that of none of the others, ranked within each tensor; each "
        f"is compared with {_many(settings['replicates'], 'random region')} and a bottom region of its size in every "
        "tensor."
    ]


def _retraining(config: Mapping, names: Mapping[str, str]) -> list[str]:
    settings = config["retraining"]
    if "retraining" not in config["experiments"]:
        return []
    return [
        f"With {formats.percent(settings['ratio'])} removed the model is trained on "
        f"{_named(settings['languages'], names)} at a peak learning rate of {formats.rate(settings['learning_rate'])}: "
        f"{_listed([ARMS.get(arm, arm) for arm in settings['arms']])}.",
        f"Perplexity of {_named(settings['evaluate'], names)} is measured after {_counts(settings['milestones'])} "
        "samples.",
    ]


def _freezing(config: Mapping, names: Mapping[str, str]) -> list[str]:
    settings = config["freezing"]
    if "freezing" not in config["experiments"]:
        return []
    rates = _listed([formats.rate(rate) for rate in settings["learning_rates"]])
    seeds = [str(seed) for seed in settings["seeds"]]
    return [
        f"The intact model is trained on {_named(settings['languages'], names)} at peak learning "
        f"{'rates' if len(settings['learning_rates']) > 1 else 'rate'} of {rates}, with a core of "
        f"{formats.percent(settings['ratio'])}: {_listed([ARMS.get(arm, arm) for arm in settings['arms']])}.",
        f"Perplexity of all languages is measured after {_counts(settings['milestones'])} samples; the order of the "
        f"samples has the {'seeds' if len(seeds) > 1 else 'seed'} {_listed(seeds)}.",
    ]


def _training(training: Mapping) -> list[str]:
    betas = _listed([f"{beta:g}" for beta in training["betas"]])
    return [
        f"All training on one language uses AdamW with batches of {_many(training['batch_size'], 'sample')}, "
        f"{_many(training['warmup_steps'], 'step')} of linear warm-up and then a half cosine to zero, betas "
        f"{betas}, weight decay {training['weight_decay']:g} on matrices, "
        f"and gradients clipped to a norm of {training['max_grad_norm']:g}."
    ]


def _listed(words: Sequence[object]) -> str:
    """a, b and c."""
    words = [str(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _named(codes: Sequence[str], names: Mapping[str, str]) -> str:
    return _listed([names.get(code, code) for code in codes])


def _counts(numbers: Sequence[float]) -> str:
    return _listed([formats.count(number) for number in numbers])


def _many(number: int, noun: str) -> str:
    return f"{formats.count(number)} {noun}{'' if number == 1 else 's'}"
