"""Regions: sets of a model's weights. Does not need torch."""

from linguistic_regions.regions.region import Region

__all__ = ["Region"]
