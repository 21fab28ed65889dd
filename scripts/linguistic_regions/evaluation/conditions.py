"""Conditions: the states in which a model is measured, intact or with a region changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from linguistic_regions.interventions.lesions import scaled
from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.checksums import fingerprint

INTACT = "intact"
LABELS = {"ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": ""}


@dataclass(frozen=True)
class Condition:
    """A state of a model.

    Attributes:
        name: its name in the evidence.
        region: whose weights are changed; None: the model is intact.
        factor: what they are multiplied by; 0 removes the region.
    """

    name: str = INTACT
    region: Region | None = None
    factor: float = 0.0

    @classmethod
    def without(cls, path: Path) -> "Condition":
        """The model without the region in a file."""
        return cls(path.stem, Region.load(path))

    @property
    def fingerprint(self) -> str:
        """Identifies the state, given the model."""
        return fingerprint((self.region and self.region.fingerprint, self.factor))

    @property
    def labels(self) -> dict:
        """What the tables say of it: how its region was made, by its recipe."""
        if self.region is None:
            return {"region": "base", "kind": "base", **LABELS}
        return {
            "region": self.name,
            "kind": "other",
            **LABELS,
            **self.region.metadata.get("recipe", {}).get("label", {}),
        }

    @contextmanager
    def applied(self, model: PreTrainedModel) -> Iterator[None]:
        """Bring a model into this state inside the block; restore each bit after it."""
        if self.region is None:
            yield
        else:
            with scaled(model, self.region, self.factor):
                yield
