"""The files of a model in Hugging Face format."""

TEXT = ["*.json", "*.model", "*.txt", "*.jinja"]  # settings and tokenizer
WEIGHTS = ["*.safetensors"]  # no pickled weights
CODE = ["*.py"]
SOURCE = "source.json"  # written by fetch_model.py: where the model comes from


def patterns(trust_remote_code: bool, weights: bool = True) -> list[str]:
    """Glob patterns of a model's files: settings and tokenizer, weights, and code if it is trusted."""
    return TEXT + WEIGHTS * weights + CODE * trust_remote_code
