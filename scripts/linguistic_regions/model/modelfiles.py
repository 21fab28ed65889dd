"""Which files make up a model in Hugging Face format, wherever it lies."""

TEXT = ["*.json", "*.model", "*.txt", "*.jinja"]  # settings and tokenizer
WEIGHTS = ["*.safetensors"]  # no pickled ones
CODE = ["*.py"]
SOURCE = "source.json"  # that we put beside them: where they come from


def patterns(trust_remote_code: bool, weights: bool = True) -> list[str]:
    """Patterns of their names; code only of a model that the config trusts."""
    return TEXT + WEIGHTS * weights + CODE * trust_remote_code
