"""How importance is measured, in words."""

from collections.abc import Mapping

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.methods.words import counts, many, named

ESTIMATORS = {
    "taylor": "the absolute mean gradient over the samples, times the absolute weight",
    "taylor_abs": "the absolute product of gradient and weight, averaged over micro-batches",
    "fisher": "the squared product of gradient and weight, averaged over micro-batches",
    "magnitude": "the absolute weight, which depends on no text",
}


def further(config: Mapping, names: Mapping[str, str]) -> list[str]:
    further = config["further"]
    if config["importance"]["at"] != "further":
        return []
    return [
        f"A separate copy of the base model is pretrained further on each of {named(further['languages'], names)}, "
        f"on {formats.count(further['milestones'][-1])} samples at a peak learning rate of "
        f"{formats.rate(further['learning_rate'])}; validation perplexity is measured after "
        f"{counts(further['milestones'])} samples."
    ]


def described(importance: Mapping, names: Mapping[str, str]) -> list[str]:
    estimator = importance["estimator"]
    model = {"further": "the model with continued pre-training on that language", "base": "the base model"}
    sentences = [
        f"The score of a weight for a language is {ESTIMATORS[estimator]} ({estimator}), at the weights of "
        f"{model[importance['at']]}, for {named(importance['languages'], names)}.",
        f"Scores are saved after {counts(importance['samples'])} samples; the core is selected by the last.",
    ]
    if estimator in ("taylor_abs", "fisher"):
        sentences.insert(1, f"A micro-batch has {many(importance['micro_batch'], 'block')}.")
    stability = importance["stability"]
    if stability["checks"] and estimator != "magnitude":
        stop = stability["stop_at"]
        sentences.append(
            f"The top {formats.percent(stability['ratio'])} by each half of the samples are compared after "
            f"{counts(stability['checks'])} samples{f', until their Jaccard index is {stop:g}' if stop else ''}."
        )
    return sentences


def fidelity(settings: Mapping) -> list[str]:
    return [
        f"To compare scores with what they estimate, {many(settings['weights'], 'weight')} of each kind of matrix, of "
        "all sizes of each estimator's scores, were set to zero one at a time, and the change of the loss measured in "
        f"float64, on the same {many(settings['samples'], 'training block')} as the scores."
    ]
