"""What a run measured, as the claims read it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from linguistic_regions.statistics.domains import domains, only


class NotMeasured(Exception):
    """A run lacks what a claim rests on; the message says what."""


@dataclass(frozen=True)
class Run:
    """The tables of a run, and the evidence of its removals and probes.

    Attributes:
        tables: by name, from `tables.read_folder`.
        items: evidence of the intact model and of removals, from `evidence.read`; empty if there is none.
        labels: the labels of each of its conditions.
        close: the languages close to each, from `text.kinship.close_languages`.
        direct, prompted: evidence of minimal pairs in the same conditions; empty if there is none.
        names: the languages' names by code; a language without one is called by its code.
    """

    tables: Mapping[str, pd.DataFrame]
    items: pd.DataFrame
    labels: Mapping[str, Mapping]
    close: Mapping[str, Sequence[str]] = field(default_factory=dict)
    direct: pd.DataFrame = field(default_factory=pd.DataFrame)
    prompted: pd.DataFrame = field(default_factory=pd.DataFrame)
    names: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table.

        Raises:
            NotMeasured: the run has none.
        """
        if name not in self.tables:
            raise NotMeasured(f"this run has no {name} table")
        return self.tables[name]

    def names_of(self, codes: Iterable[str]) -> str:
        """Return the names of languages, separated by commas."""
        return ", ".join(self.names.get(code, code) for code in codes)

    def domain(self, number: int) -> str:
        """Return the name of a domain that removals were tested on: 0 is the one that regions were found in.

        Raises:
            NotMeasured: the run has fewer domains.
        """
        names = domains(self.table("removal"))
        if number >= len(names):
            raise NotMeasured("tested on one domain only")
        return names[number]

    def evidence(self, domain: int = 0) -> pd.DataFrame:
        """Return the evidence of removals in one domain."""
        return only(self.items, self.domain(domain))

    def conditions(self, kind: str, **labels) -> list[str]:
        """Return the names of the removals with these labels.

        Raises:
            NotMeasured: there is none.
        """
        wanted = {"kind": kind, "factor": 0.0, **labels}
        found = [name for name, each in self.labels.items() if wanted.items() <= each.items()]
        if not found:
            told = ", ".join(f"{key} {value}" for key, value in labels.items())
            raise NotMeasured(f"no region of the kind {kind} was removed{f' ({told})' if told else ''}")
        return found
