"""Conditions: the states in which a model is evaluated, intact or with a lesion."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linguistic_regions.regions.region import Region
from linguistic_regions.runtime.checksums import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

INTACT = "intact"
LABELS = {"ratio": 0.0, "samples": 0, "replicate": 0, "scope": "", "target": "", "factor": 0.0, "estimator": ""}
LABELS |= {"subtracted": "", "weights": 0}


@dataclass(frozen=True)
class Condition:
    """A state of a model.

    Attributes:
        name: its name in the evidence.
        region: the region to scale; None: the model is intact.
        factor: the factor that its weights are multiplied by; 0 removes the region.
    """

    name: str = INTACT
    region: Region | None = None
    factor: float = 0.0

    @classmethod
    def of(cls, path: Path, factor: float = 0.0) -> "Condition":
        """Return the condition in which the region in a file is multiplied by a factor; 0 removes it."""
        return cls(f"{path.stem}-x{factor:g}" if factor else path.stem, Region.load(path), factor)

    @property
    def fingerprint(self) -> str:
        """Identifies the state of a given model."""
        return fingerprint((self.region and self.region.fingerprint, self.factor))

    @property
    def labels(self) -> dict:
        """Its labels in the tables, from the recipe of its region."""
        if self.region is None:
            return {"region": "base", "kind": "base", **LABELS, "factor": 1.0}
        return {
            "region": self.name,
            "kind": "other",
            **LABELS,
            "factor": self.factor,
            "weights": len(self.region),
            **self.region.metadata.get("recipe", {}).get("label", {}),
        }

    @contextmanager
    def applied(self, model: "PreTrainedModel") -> Iterator[None]:
        """Put a model into this state inside the block; restore it bit for bit afterwards."""
        from linguistic_regions.interventions.lesions import scaled

        if self.region is None:
            yield
        else:
            with scaled(model, self.region, self.factor):
                yield


def wanted_under(labels: Mapping, regions: Collection[str], languages: Collection[str] | None = None) -> bool:
    """Whether a condition is the intact model, or a region of some kinds: the first of several random ones.

    Args:
        labels: of the condition.
        regions: the kinds.
        languages: whose regions count, besides the core's; None: those of all languages.
    """
    is_first = labels["replicate"] <= 1
    is_ours = languages is None or labels["target"] in ("", "core", *languages)
    return labels["kind"] == "base" or (labels["kind"] in regions and is_first and is_ours)
