"""The public name of a model, which is shown in tables and the report and is never a path. Standard library only."""

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
        gguf: name of the GGUF file in a wheel; None: it is not known yet, and the wheel's name is used.

    Raises:
        UserError: `pretrained` is an invalid requirement.
    """
    match sources.parse_source(pretrained):
        case sources.HubModel(name):
            return name
        case sources.Folder(path):
            return folder_name(path)
        case sources.GgufFile(path):
            return file_name(path.name)
        case sources.HubGguf(_, file):
            return file_name(Path(file).name)
        case sources.Wheel(project):
            return file_name(gguf) if gguf else project


def folder_name(path: Path) -> str:
    """The name of a model in a folder: its name on the hub if that can be determined, else the folder's name."""
    folder = path.resolve()
    if found := SNAPSHOT.fullmatch("/".join(folder.parts[-3:])):
        return found["name"].replace("--", "/", 1)
    try:
        name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None
    return name if isinstance(name, str) and HUB_NAME.fullmatch(name) else folder.name


def file_name(name: str) -> str:
    """The name of a model in a GGUF file: the file's name without its suffix and the quantization."""
    stem = name[: -len(".gguf")] if name.lower().endswith(".gguf") else name
    ends = [found.start() for found in QUANTIZATION.finditer(stem) if found.end() == len(stem)]
    return stem[: ends[0]] if ends and ends[0] > 0 else stem


def run_model_name(given: str | None, model: Path | None) -> str:
    """The name of a run's model in its tables and report.

    Args:
        given: the name that the user gives; None: the public name is used.
        model: folder of the base model, if it was fetched.
    """
    return given or (read_json(model / SOURCE).get("name") if model else None) or UNNAMED
