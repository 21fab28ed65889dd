"""The methods section of the report: every setting that affects a run's results, from its config."""

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd

from linguistic_regions.reporting.methods import evaluations, importance, model, removals, text, training


def paragraphs(
    config: Mapping, source: Mapping, tables: Mapping[str, pd.DataFrame], names: Mapping[str, str], model_name: str
) -> list[tuple[str, str]]:
    """Return the heading and text of each part of the method; parts whose settings are missing are left out.

    Args:
        config: the run's settings.
        source: the origin of the base model, as recorded in `provenance.json`.
        tables: the run's tables by name.
        names: English names of languages by code.
        model_name: name of the run's model.
    """

    def experiment(name: str, part: Callable[[Mapping], list[str]]) -> Callable[[], list[str]]:
        return lambda: part(config[name]) if name in config["experiments"] else []

    def of_run(name: str) -> dict:
        """The settings of an evaluation, with those of its languages that are in the run."""
        languages = [code for code in config[name]["languages"] if code in config["languages"]]
        return {**config[name], "languages": languages}

    parts: dict[str, Callable[[], list[str]]] = {
        "Model": lambda: model.described(config["model"], source, model_name),
        "Text": lambda: text.described(config, names),
        "Tests": lambda: text.tests(config["tokens"], tables.get("removal")),
        "Continued pre-training": lambda: importance.further(config, names),
        "Importance": lambda: importance.described(config["importance"], names),
        "Fidelity": experiment("fidelity", importance.fidelity),
        "Core removal": experiment("removal", removals.core),
        "Controls": experiment("controls", removals.controls),
        "Monolingual regions": experiment("monolingual", partial(removals.monolingual, names=names)),
        "Generations": lambda: evaluations.generations(of_run("generations"), names),
        "Minimal pairs": lambda: evaluations.probes(of_run("probes"), names),
        "Tasks of lm-evaluation-harness": lambda: evaluations.lm_eval(config["lm_eval"]),
        "Retraining": experiment("retraining", partial(training.retraining, names=names)),
        "Freezing": experiment("freezing", partial(training.freezing, names=names)),
        "Training": lambda: training.settings(config["training"]),
        "Precision": lambda: [model.precision(config["precision"])],
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
