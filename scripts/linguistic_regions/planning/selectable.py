"""Check that the config selects weights of its model, as far as the model's shape tells before it is there."""

import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from linguistic_regions.model import sources
from linguistic_regions.planning import plan
from linguistic_regions.planning.consistency import lookup
from linguistic_regions.planning.costs.decoder import Shape
from linguistic_regions.regions.selection import selected
from linguistic_regions.runtime import tensorfile
from linguistic_regions.runtime.errors import UserError

RATIOS = {  # the keys of ratios of regions that are ranked within each matrix, by experiment
    "removal": ("removal.ratios", "removal.curve.ratios"),
    "controls": ("controls.ratio",),
    "monolingual": ("monolingual.ratio",),
    "retraining": ("retraining.ratio",),
    "freezing": ("freezing.ratio",),
}
PARTS = [f"self_attn.{kind}_proj" for kind in "qkvo"] + [f"mlp.{kind}_proj" for kind in ("gate", "up", "down")]


def check(config: dict, shape: Shape) -> None:
    """Check that each ratio selects a weight of each matrix, and that `model.include` and `model.exclude` leave one.

    If either of these is given, ratios are checked when regions are built. The two are checked when the model is
    loaded, unless its names are known: it is pretrained in the run, or it is a folder whose files have them.

    Args:
        config: a checked config.
        shape: of its model.

    Raises:
        UserError: a ratio, or the patterns, select nothing.
    """
    mistakes = [*_ratios(config, shape), *_patterns(config, shape.experts)]
    if mistakes:
        raise UserError(*(f"config: {mistake}" for mistake in mistakes))


def _ratios(config: dict, shape: Shape) -> Iterator[str]:
    if config["model"]["include"] or config["model"]["exclude"]:
        return
    keys = [key for experiment in config["experiments"] for key in RATIOS.get(experiment, ())]
    if not config["removal"]["curve"]["estimators"]:
        keys = [key for key in keys if key != "removal.curve.ratios"]
    if config["removal"]["scopes"] == ["model"]:
        keys = [key for key in keys if key != "removal.ratios"]
    if plan.stability(config):
        keys.append("importance.stability.ratio")
    smallest = shape.smallest_matrix
    for key in keys:
        value = lookup(config, key)
        for ratio in value if isinstance(value, list) else [value]:
            if selected(ratio, smallest) == 0:
                yield (
                    f"{key}: {ratio:g} selects no weight of the smallest matrix, which has {smallest}: give at least "
                    f"1/{smallest}, {1 / smallest:.3g}"
                )


def _patterns(config: dict, experts: int) -> Iterator[str]:
    model = config["model"]
    include, exclude = ([re.compile(pattern) for pattern in model[key]] for key in ("include", "exclude"))
    if not include and not exclude:
        return
    if not model["pretrained"]:
        layers = range(model["scratch"]["layers"])
        wanted = [f"model.layers.{layer}.{part}.weight" for layer in layers for part in PARTS]
        wanted += ["model.embed_tokens.weight", "lm_head.weight"] if include else []
    elif isinstance(source := sources.parse_source(model["pretrained"]), sources.Folder) and experts == 1:
        wanted = _matrices(source.path, in_layers=not include)
    else:  # not there yet; or of experts, whose matrices transformers joins
        return
    found = [name for name in wanted if not include or any(pattern.search(name) for pattern in include)]
    if wanted and all(any(pattern.search(name) for pattern in exclude) for name in found):
        yield f"model.include / model.exclude: no weight matrix is selected; matrices are named like {wanted[0]}"


def _matrices(folder: Path, in_layers: bool) -> list[str]:
    """The names of the matrices in a model's files, or those in its layers; none if the model may have other names."""
    try:
        headers = [tensorfile.header(path)[0] for path in sorted(folder.glob("*.safetensors"))]
    except (OSError, ValueError, SafetensorError):
        return []
    names = [name for stored in headers for name, entry in stored.items() if len(entry.get("shape", ())) > 1]
    layers = [name for name in names if name.startswith("model.layers.")]
    return layers if in_layers or not layers else [*layers, *(name for name in names if name not in set(layers))]
