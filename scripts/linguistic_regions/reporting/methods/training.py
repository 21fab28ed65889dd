"""Training experiments, in words."""

from collections.abc import Mapping, Sequence

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.methods.words import counts, listed, many, named

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


def retraining(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    subject = f"With {formats.percent(settings['ratio'])} of the weights removed, the model"
    return _arms(settings, names, subject, [settings["learning_rate"]], named(settings["evaluate"], names))


def freezing(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    subject = f"With a core of {formats.percent(settings['ratio'])} of the weights, the intact model"
    return _arms(settings, names, subject, settings["learning_rates"], "all languages")


def _arms(settings: Mapping, names: Mapping[str, str], subject: str, rates: Sequence[float], tested: str) -> list[str]:
    """Describe the arms of a training experiment: what is trained, on which text, how, and what is measured."""
    seeds = settings["seeds"]
    return [
        f"{subject} is trained on {named(settings['languages'], names)} at "
        f"{'peak learning rates' if len(rates) > 1 else 'a peak learning rate'} of "
        f"{listed([formats.rate(rate) for rate in rates])}: "
        f"{listed([ARMS.get(arm, arm) for arm in settings['arms']])}.",
        f"Perplexity of {tested} is measured after {counts(settings['milestones'])} samples.",
        f"The {'seeds of the sample order are' if len(seeds) > 1 else 'seed of the sample order is'} {listed(seeds)}.",
    ]


def settings(training: Mapping) -> list[str]:
    betas = listed([f"{beta:g}" for beta in training["betas"]])
    return [
        f"All training on a single language uses AdamW with batches of {many(training['batch_size'], 'sample')}, "
        f"{many(training['warmup_steps'], 'step')} of linear warm-up followed by a half-cosine decay to zero, betas "
        f"{betas}, weight decay {training['weight_decay']:g} on matrices, "
        f"and gradients clipped to a norm of {training['max_grad_norm']:g}."
    ]
