"""Regions: sets of a model's weights. Needs no torch."""

from linguistic_regions.regions.region import Region

__all__ = ["Region"]
