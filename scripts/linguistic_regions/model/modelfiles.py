"""The files of a model in Hugging Face format."""

from pathlib import Path

from linguistic_regions.runtime.errors import UserError

TEXT = ["*.json", "*.model", "*.txt", "*.jinja"]  # settings and tokenizer
WEIGHTS = ["*.safetensors"]  # no pickled weights
CODE = ["*.py"]
TOKENIZER = ["tokenizer.json", "*.model", "vocab*", "tekken.json"]  # a tokenizer has at least one of them
SOURCE = "source.json"  # written by fetch_model.py: where the model comes from


NO_WEIGHTS = (
    "it has no weights in safetensors format; pickled weights are not loaded: convert them to safetensors, or name a "
    "model or revision that has such weights"
)


def patterns(trust_remote_code: bool, weights: bool = True) -> list[str]:
    """Glob patterns of a model's files: settings and tokenizer, weights, and code if it is trusted."""
    return TEXT + WEIGHTS * weights + CODE * trust_remote_code


def check_folder(path: str | Path) -> None:
    """Check that a folder is there: transformers takes what is none for a name on the hub.

    Raises:
        UserError: it is not.
    """
    if not Path(path).is_dir():
        raise UserError(f"{path}: there is no folder of a model: fetch it with fetch_model.py, or check the path")
