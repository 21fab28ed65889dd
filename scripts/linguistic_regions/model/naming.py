"""The public name of a model, under which tables and the report show it: never a path. Standard library only."""

import json
import re
from pathlib import Path

from linguistic_regions.model import sources
from linguistic_regions.model.modelfiles import SOURCE
from linguistic_regions.runtime.storage import read_json

UNNAMED = "this run's model"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SNAPSHOT = re.compile(r"models--(?P<name>[^/]+)/snapshots/[^/]+")
# Q4_1, Q4_K_M, IQ3_XXS, UD-Q4_K_XL, i1-Q4_K_S, f16, bf16, fp32, MXFP4, TQ1_0
QUANTIZATION = re.compile(
    r"[._-](?:(?:UD|i1)-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|TQ\d_\d|B?F16|FP?(?:8|16|32)|MXFP4(?:_MOE)?)", re.IGNORECASE
)


def public_name(pretrained: str, gguf: str | None = None) -> str:
    """The public name of the model that `model.pretrained` names.

    Args:
        pretrained: as in the config.
        gguf: name of the GGUF file in a wheel, once it is known; until then the wheel's name stands for the model's.

    Raises:
        UserError: a requirement that is none.
    """
    match sources.source(pretrained):
        case sources.HubModel(name):
            return name
        case sources.Folder(path):
            return of_folder(path)
        case sources.GgufFile(path):
            return of_file(path.name)
        case sources.HubGguf(_, file):
            return of_file(Path(file).name)
        case sources.Wheel(project):
            return of_file(gguf) if gguf else project


def of_folder(path: Path) -> str:
    """The name of a model in a folder: its name on the hub if the folder tells it, else the folder's own."""
    place = path.resolve()
    if found := SNAPSHOT.fullmatch("/".join(place.parts[-3:])):
        return found["name"].replace("--", "/", 1)
    try:
        said = json.loads((place / "config.json").read_text(encoding="utf-8"))["_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        said = None
    return said if isinstance(said, str) and HUB_NAME.fullmatch(said) else place.name


def of_file(name: str) -> str:
    """The name of a model in a GGUF file: the file's, without its suffix and that of the quantization."""
    stem = name[: -len(".gguf")] if name.lower().endswith(".gguf") else name
    ends = [found.start() for found in QUANTIZATION.finditer(stem) if found.end() == len(stem)]
    return stem[: ends[0]] if ends and ends[0] > 0 else stem


def of_run(given: str | None, model: Path | None) -> str:
    """The name under which a run's figures stand.

    Args:
        given: by the person; counts before all else.
        model: folder of the base model, which says what it is if it was fetched.
    """
    return given or (read_json(model / SOURCE).get("name") if model else None) or UNNAMED
