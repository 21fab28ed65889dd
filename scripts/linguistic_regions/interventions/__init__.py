"""Interventions on a region of a model: set it to zero, remove or scale it temporarily, freeze it in training."""

from linguistic_regions.interventions.freezing import freeze
from linguistic_regions.interventions.lesions import removed, scaled, zero
from linguistic_regions.interventions.trainer import FreezeRegion

__all__ = ["FreezeRegion", "freeze", "removed", "scaled", "zero"]
