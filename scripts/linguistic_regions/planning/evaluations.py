"""The evaluations that a run makes in each condition, and what each of them needs. Needs no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, make_dataclass
from importlib import import_module

# Modules of linguistic_regions.evaluation, in the order in which they run.
EVALUATIONS = ("perplexity", "generations", "direct", "prompted", "lm_eval")
PACKAGE = "linguistic_regions.evaluation"


@dataclass(frozen=True)
class Plan:
    """What an evaluation needs in a run.

    Attributes:
        inputs: the files of its items.
        options: its settings, by field of its `Measurement`.
        tokens: maximum number of tokens that pass through the model per condition.
        steps: maximum number of steps of generation per condition: passes of one token.
    """

    inputs: list[str]
    options: dict[str, object]
    tokens: float
    steps: float = 0


def planned(config: dict) -> dict[str, Plan]:
    """The plans of the run's evaluations, by name."""
    plans = {name: import_module(f"{PACKAGE}.{name}").planned(config) for name in EVALUATIONS}
    return {name: plan for name, plan in plans.items() if plan}


def modules(plans: Iterable[str]) -> list[str]:
    """The dotted modules of these evaluations."""
    return [f"{PACKAGE}.{name}" for name in plans]


def options(plans: dict[str, Plan]) -> dict[str, object]:
    """The settings of all evaluations as options of evaluate.py, such as `perplexity.texts`."""
    return {f"{name}.{option}": value for name, plan in plans.items() for option, value in plan.options.items()}


def amounts(plans: Mapping[str, Plan], conditions: Iterable[Mapping]) -> tuple[float, float]:
    """The tokens that pass through the model in some conditions, and the steps of generation, in all of them together.

    Args:
        plans: the plans of evaluations, by name.
        conditions: the labels of each condition, such as its `kind`.
    """
    made = {name: import_module(f"{PACKAGE}.{name}").Measurement(**each.options) for name, each in plans.items()}
    wanted = [plans[name] for labels in conditions for name in plans if made[name].wanted_in(labels)]
    return sum(each.tokens for each in wanted), sum(each.steps for each in wanted)


def measurements() -> type:
    """A dataclass with a field for each evaluation, whose default is a `Measurement` that measures nothing."""
    found = {name: import_module(f"{PACKAGE}.{name}").Measurement for name in EVALUATIONS}
    fields = [(name, kind, field(default_factory=kind)) for name, kind in found.items()]
    return make_dataclass("Measurements", fields, frozen=True)
