"""A region as plain boolean masks, for programs that cannot read packed ones."""

import json
from pathlib import Path

from linguistic_regions.regions.region import Region, require_region
from linguistic_regions.runtime import tensorfile
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.progress import progress


def save_masks(region: Region, path: str | Path) -> None:
    """Write one boolean tensor per parameter of a region, named and shaped as in the model, to a safetensors file.

    `safetensors.torch.load_file` and `safetensors.numpy.load_file` read it. It takes one byte per weight, eight times
    the size of the region's own file. The region's metadata is copied, as JSON strings.

    Raises:
        UserError: if it is not a region or is damaged, or the file is the region's own or cannot be written.
    """
    require_region(region)
    if Path(path).resolve() == Path(region.name).resolve():  # a region is named by the file that it was read from
        raise UserError(f"{path} is the region's own file: name another")
    metadata = {key: json.dumps(value, sort_keys=True) for key, value in region.metadata.items()}
    with tensorfile.create(path, region.shapes, "bool", metadata) as file:
        for name in progress(region.shapes, "masks", unit="matrix"):
            file.write(name, region.mask(name))
