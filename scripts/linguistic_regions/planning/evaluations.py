"""The evaluations that a run makes of each condition, and what each asks for. Needs no torch."""

from collections.abc import Iterable
from dataclasses import dataclass, field, make_dataclass
from importlib import import_module

EVALUATIONS = ("perplexity",)  # modules of linguistic_regions.evaluation, in the order in which they run
PACKAGE = "linguistic_regions.evaluation"


@dataclass(frozen=True)
class Plan:
    """What an evaluation asks for in a run.

    Attributes:
        inputs: the files of its items.
        options: its settings, by field of its `Measurement`.
        tokens: that pass through the model for each condition, at most.
    """

    inputs: list[str]
    options: dict[str, object]
    tokens: float


def planned(config: dict) -> dict[str, Plan]:
    """What each evaluation that the run makes asks for, by its name."""
    plans = {name: import_module(f"{PACKAGE}.{name}").planned(config) for name in EVALUATIONS}
    return {name: plan for name, plan in plans.items() if plan}


def modules(plans: Iterable[str]) -> list[str]:
    """The modules of these evaluations, whose code their rows follow from."""
    return [f"{PACKAGE}.{name}" for name in plans]


def options(plans: dict[str, Plan]) -> dict[str, object]:
    """The settings of all evaluations, as options of evaluate.py: `perplexity.texts` and the like."""
    return {f"{name}.{option}": value for name, plan in plans.items() for option, value in plan.options.items()}


def measurements() -> type:
    """A dataclass with a field for each evaluation: its `Measurement`, with nothing to measure."""
    found = {name: import_module(f"{PACKAGE}.{name}").Measurement for name in EVALUATIONS}
    fields = [(name, kind, field(default_factory=kind)) for name, kind in found.items()]
    return make_dataclass("Measurements", fields, frozen=True)
