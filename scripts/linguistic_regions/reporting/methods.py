"""The methods section of the report: every setting that affects a run's results, from its config."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd

from linguistic_regions.reporting import formats
from linguistic_regions.statistics.domains import domains, only

ESTIMATORS = {
    "taylor": "the absolute mean gradient over the samples, times the absolute weight",
    "taylor_abs": "the absolute product of gradient and weight, averaged over micro-batches",
    "fisher": "the squared product of gradient and weight, averaged over micro-batches",
    "magnitude": "the absolute weight, which depends on no text",
}
PRECISIONS = {
    "auto": "Matrix products are computed in bfloat16 where the device supports it and in float32 elsewhere",
    "bf16": "Matrix products are computed in bfloat16",
    "fp32": "Matrix products are computed in float32",
}
ARMS = {
    "top_freeze": "the core removed and held at zero",
    "bottom_freeze": "the bottom removed and held at zero",
    "top_unfreeze": "the core removed and trainable",
    "random_freeze": "a random region removed and held at zero",
    "full": "all weights trained",
    "core_frozen": "the core frozen",
    "random_frozen": "a random region of the same size frozen",
    "region_only": "only the core trained",
}


def public_name(model: str, source: Mapping) -> str:
    """Return the public name of a model: the one recorded with its weights, never the path of a folder."""
    name = str(source.get("name") or model)
    is_path = name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if is_path else name


def paragraphs(
    config: Mapping, source: Mapping, tables: Mapping[str, pd.DataFrame], names: Mapping[str, str], model: str
) -> list[tuple[str, str]]:
    """Return the heading and text of each part of the method; parts whose settings are missing are left out.

    Args:
        config: the run's settings.
        source: the origin of the base model, as recorded in `provenance.json`.
        tables: the run's tables by name.
        names: English names of languages by code.
        model: name of the run's model.
    """

    def experiment(name: str, part: Callable[[Mapping], list[str]]) -> Callable[[], list[str]]:
        return lambda: part(config[name]) if name in config["experiments"] else []

    parts: dict[str, Callable[[], list[str]]] = {
        "Model": lambda: _model(config["model"], source, model),
        "Text": lambda: _text(config, names),
        "Tests": lambda: _tests(config["tokens"], tables.get("removal")),
        "Continued pre-training": lambda: _further(config, names),
        "Importance": lambda: _importance(config["importance"], names),
        "Fidelity": experiment("fidelity", _fidelity),
        "Core removal": experiment("removal", _removal),
        "Controls": experiment("controls", _controls),
        "Monolingual regions": experiment("monolingual", partial(_monolingual, names=names)),
        "Generations": lambda: _generations(config["generations"], names),
        "Tasks of lm-evaluation-harness": lambda: _lm_eval(config["lm_eval"]),
        "Retraining": experiment("retraining", partial(_retraining, names=names)),
        "Freezing": experiment("freezing", partial(_freezing, names=names)),
        "Training": lambda: _training(config["training"]),
        "Precision": lambda: [f"{PRECISIONS[config['precision']]}; trained weights and sums of scores are float32."],
        "Seeds": lambda: [
            f"The seed of the order of training blocks and of the initial weights is {config['seed']}; random regions "
            "use consecutive seeds from it."
        ],
    }
    made = []
    for heading, part in parts.items():
        try:
            sentences = part()
        except KeyError:  # the config is incomplete, as when report.py is run by hand
            continue
        if sentences:
            made.append((heading, " ".join(sentences)))
    return made


def begins(bos: bool | None) -> str:
    """Say how a block of tokens begins; None: as the tokenizer has it."""
    words = {True: "with", False: "without", None: "with or without (as the tokenizer does)"}[bos]
    return f"{words} a beginning-of-sequence token"


def dequantized(source: Mapping) -> str:
    """Return a sentence on dequantized weights; empty if the weights were not quantized."""
    kind = source.get("dequantized")
    return f"Its weights were dequantized from {kind} (GGUF)." if kind else ""


def _model(settings: Mapping, source: Mapping, model: str) -> list[str]:
    selected = "Regions are selected from all matrices of the decoder layers"
    if settings["include"]:
        selected = f"Regions are selected from the weights whose names match {_listed(settings['include'])}"
    if settings["exclude"]:
        selected += f", except those that match {_listed(settings['exclude'])}"
    if settings["pretrained"]:
        commit = source.get("commit")
        sentences = [f"The model is {model}{f', commit {commit}' if commit else ''}.", dequantized(source)]
        sentences.append(f"Weights that are not trained are stored in {settings['dtype']}.")
    else:
        scratch = settings["scratch"]
        sentences = [
            f"The model is a Llama with {_many(scratch['layers'], 'layer')}, width {scratch['width']}, "
            f"{_many(scratch['heads'], 'attention head')} ({scratch['kv_heads']} for keys and values), MLP width "
            f"{scratch['mlp_width']} and a vocabulary of {formats.count(scratch['vocabulary'])} entries.",
            f"It was pretrained in this run on {formats.count(scratch['samples'])} samples in batches of "
            f"{scratch['batch_size']}, with peak learning rate {formats.rate(scratch['learning_rate'])}, "
            f"{formats.count(scratch['warmup_steps'])} warm-up steps and weight decay {scratch['weight_decay']:g}; a "
            f"language with n blocks was sampled in proportion to n to the power of {scratch['balance']:g}.",
        ]
    return [sentence for sentence in (*sentences, f"{selected}.") if sentence]


def _text(config: Mapping, names: Mapping[str, str]) -> list[str]:
    corpora = config["corpora"]
    own = corpora.get("languages") or {}
    sources = list(dict.fromkeys([corpora["source"], *(own[code].get("source", corpora["source"]) for code in own)]))
    sentences = [f"The text of {_many(len(config['languages']), 'language')} comes from {_sources(corpora, sources)}."]
    if own:
        sentences.append(f"{_named(own, names)} {'has' if len(own) == 1 else 'have'} separate settings.")
    sentences.append(
        f"{formats.percent(corpora['test'])} of the documents are held out for testing and "
        f"{formats.percent(corpora['valid'])} for validation."
    )
    bounds = {"max_documents": "documents", "max_characters": "characters"}
    further = {name: text for name, text in (corpora.get("domains") or {}).items() if text}
    if further:
        sentences.append(
            f"Training and importance use {corpora['domain']}; tests also use {_listed(list(further))}, in the "
            "languages for which it is available."
        )
    limits = [f"{formats.count(corpora[key])} {noun}" for key, noun in bounds.items() if corpora.get(key)]
    if limits:
        sentences.append(f"At most {_listed(limits)} are used per language.")
    return sentences


def _sources(corpora: Mapping, sources: Sequence[str]) -> str:
    words = {
        "debian": lambda: f"the Debian packages {_listed(corpora['debian']['packages'])}",
        "huggingface": lambda: f"the data set {corpora['huggingface']['repo']}",
        "files": lambda: "local files",
    }
    return _listed([words[source]() if source in words else source for source in sources])


def _tests(tokens: Mapping, removal: pd.DataFrame | None) -> list[str]:
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
        sentences.append(f"Perplexity is measured on {_listed(tested)}.")
    return sentences


def _further(config: Mapping, names: Mapping[str, str]) -> list[str]:
    further = config["further"]
    if config["importance"]["at"] != "further":
        return []
    return [
        f"A separate copy of the base model is pretrained further on each of {_named(further['languages'], names)}, "
        f"on {formats.count(further['milestones'][-1])} samples at a peak learning rate of "
        f"{formats.rate(further['learning_rate'])}; validation perplexity is measured after "
        f"{_counts(further['milestones'])} samples."
    ]


def _importance(importance: Mapping, names: Mapping[str, str]) -> list[str]:
    estimator = importance["estimator"]
    model = {"further": "the model with continued pre-training on that language", "base": "the base model"}
    sentences = [
        f"The score of a weight for a language is {ESTIMATORS[estimator]} ({estimator}), at the weights of "
        f"{model[importance['at']]}, for {_named(importance['languages'], names)}.",
        f"Scores are saved after {_counts(importance['samples'])} samples; the core is selected by the last.",
    ]
    if estimator in ("taylor_abs", "fisher"):
        sentences.insert(1, f"A micro-batch has {_many(importance['micro_batch'], 'block')}.")
    stability = importance["stability"]
    if stability["checks"] and estimator != "magnitude":
        stop = stability["stop_at"]
        sentences.append(
            f"The top {formats.percent(stability['ratio'])} by each half of the samples are compared after "
            f"{_counts(stability['checks'])} samples{f', until their Jaccard index is {stop:g}' if stop else ''}."
        )
    return sentences


def _fidelity(settings: Mapping) -> list[str]:
    return [
        f"To compare scores with what they estimate, {_many(settings['weights'], 'weight')} of each kind of matrix, of "
        "all sizes of each estimator's scores, were set to zero one at a time, and the change of the loss measured in "
        f"float64, on the same {_many(settings['samples'], 'training block')} as the scores."
    ]


def _removal(settings: Mapping) -> list[str]:
    sentences = [
        f"{_listed([formats.percent(ratio) for ratio in settings['ratios']])} of the weights are set to zero, "
        f"{_listed([formats.scope(scope) for scope in settings['scopes']])}: the top, the bottom and "
        f"{_many(settings['replicates'], 'random region')} each."
    ]
    if settings["regions"]:
        sentences.append(f"The regions {_listed(settings['regions'])} of the configuration are also removed.")
    curve = settings["curve"]
    if curve["estimators"] and curve["ratios"]:
        sentences.append(
            f"For curves, the top {_listed([formats.percent(ratio) for ratio in curve['ratios']])} of each tensor by "
            f"{_listed(curve['estimators'])} and as many random weights are removed"
            f"{', each also without the outlier dimensions' if curve['without_outliers'] else ''}."
        )
    return sentences


def _controls(settings: Mapping) -> list[str]:
    kinds = [kind.replace("_", " ") for kind in settings["regions"]]
    sentences = [
        f"The core of {formats.percent(settings['ratio'])} is compared with further regions: {_listed(kinds)}. Random "
        f"regions are drawn {_many(settings['replicates'], 'time')}.",
        f"Outliers are those of {_many(settings['blocks'], 'block')} of each language of importance.",
    ]
    if settings["factors"]:
        factors = _listed([f"{factor:g}" for factor in settings["factors"]])
        sentences.append(f"Outlier rows and weights are multiplied by {factors} too.")
    if settings["noise"]:
        scales = _listed([f"{scale:g}" for scale in settings["noise"]])
        sentences.append(f"Noise of {scales} standard deviations of each matrix is added to them too.")
    return sentences


def _monolingual(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    ratio, own = formats.percent(settings["ratio"]), _named(settings["languages"], names)
    others = _named(settings["subtract"], names) if settings["subtract"] else "the others"
    designs = {
        "difference": f"A monolingual region is the part of the top {ratio} for one of {own} that is not in the top "
        f"for any of {others}, ranked within each tensor.",
        "contrast": f"A contrast region is the top {ratio} by the scores of one of {own} minus the mean of the scores "
        f"of {others}, ranked within each tensor.",
    }
    controls = {"random": _many(settings["replicates"], "random region"), "bottom": "a bottom region"}
    controls = [named for control, named in controls.items() if control in settings["controls"]]
    sentences = [designs[design] for design in settings["designs"]]
    if settings["size"] == "smallest":
        sentences.append("All regions are cut, by score, to the smallest in each tensor.")
    if controls:
        sentences.append(f"Each is compared with {_listed(controls)} of the same size in each tensor.")
    return sentences


def _generations(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    if not settings["languages"]:
        return []
    return [
        f"A prompt in {_named(settings['languages'], names)} is continued by the most likely token at each step, one "
        f"prompt at a time, up to {_many(settings['tokens'], 'token')} or the end of the text."
    ]


def _lm_eval(settings: Mapping) -> list[str]:
    if not settings["tasks"]:
        return []
    limit = f", at most {_many(settings['limit'], 'document')} of each task" if settings["limit"] else ""
    return [
        f"lm-evaluation-harness puts these to the model and scores its answers{limit}: {_listed(settings['tasks'])}."
    ]


def _retraining(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    subject = f"With {formats.percent(settings['ratio'])} of the weights removed, the model"
    return _arms(settings, names, subject, [settings["learning_rate"]], _named(settings["evaluate"], names))


def _freezing(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    subject = f"With a core of {formats.percent(settings['ratio'])} of the weights, the intact model"
    return _arms(settings, names, subject, settings["learning_rates"], "all languages")


def _arms(settings: Mapping, names: Mapping[str, str], subject: str, rates: Sequence[float], tested: str) -> list[str]:
    """Describe the arms of a training experiment: what is trained, on which text, how, and what is measured."""
    seeds = settings["seeds"]
    return [
        f"{subject} is trained on {_named(settings['languages'], names)} at "
        f"{'peak learning rates' if len(rates) > 1 else 'a peak learning rate'} of "
        f"{_listed([formats.rate(rate) for rate in rates])}: "
        f"{_listed([ARMS.get(arm, arm) for arm in settings['arms']])}.",
        f"Perplexity of {tested} is measured after {_counts(settings['milestones'])} samples.",
        f"The {'seeds of the sample order are' if len(seeds) > 1 else 'seed of the sample order is'} {_listed(seeds)}.",
    ]


def _training(training: Mapping) -> list[str]:
    betas = _listed([f"{beta:g}" for beta in training["betas"]])
    return [
        f"All training on a single language uses AdamW with batches of {_many(training['batch_size'], 'sample')}, "
        f"{_many(training['warmup_steps'], 'step')} of linear warm-up followed by a half-cosine decay to zero, betas "
        f"{betas}, weight decay {training['weight_decay']:g} on matrices, "
        f"and gradients clipped to a norm of {training['max_grad_norm']:g}."
    ]


def _listed(words: Sequence[object]) -> str:
    """Join words as in "a, b and c"."""
    words = [str(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _named(codes: Sequence[str], names: Mapping[str, str]) -> str:
    return _listed([names.get(code, code) for code in codes])


def _counts(numbers: Sequence[float]) -> str:
    return _listed([formats.count(number) for number in numbers])


def _many(number: int, noun: str) -> str:
    return f"{formats.count(number)} {noun}{'' if number == 1 else 's'}"
