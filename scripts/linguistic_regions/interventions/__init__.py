"""Interventions on a region of a model: zero it, remove, scale or perturb it temporarily, freeze it in training."""

from linguistic_regions.interventions.freezing import freeze
from linguistic_regions.interventions.lesions import noised, removed, scaled, zero
from linguistic_regions.interventions.trainer import FreezeRegion

__all__ = ["FreezeRegion", "freeze", "noised", "removed", "scaled", "zero"]
