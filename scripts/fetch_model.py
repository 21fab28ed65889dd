"""Bring the base model: from the hub, or from a folder."""

import logging
import shutil
from pathlib import Path

from huggingface_hub import snapshot_download

from linguistic_regions.commands import UserError, run
from linguistic_regions.storage import remove, whole

WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]  # no pickled weights, no code


def main(*, model: str, output: Path, revision: str | None = None) -> None:
    """Put a model in Hugging Face format under `output`. Weights of a local folder are linked, not copied.

    Args:
        model: a folder, or a name on the hub (a gated one needs a token in the environment: HF_TOKEN).
        output: where the workflow looks for it.
        revision: commit, tag or branch on the hub.
    """
    with whole(output) as part:
        if Path(model).is_dir():
            part.mkdir()
            for pattern in WANTED:
                for file in Path(model).resolve().glob(pattern):
                    if file.suffix == ".safetensors":
                        (part / file.name).symlink_to(file)
                    else:
                        shutil.copyfile(file, part / file.name)
        else:
            try:
                snapshot_download(model, revision=revision, allow_patterns=WANTED, local_dir=part)
                remove(part / ".cache")  # the client's notes
            except Exception as error:
                raise UserError(f"model.hub: {model} ({revision or 'main'}): {error}") from None
        if not list(part.glob("*.safetensors")) or not (part / "config.json").exists():
            raise UserError(f"model.hub: {model}: it has no config.json with weights in safetensors format")
    logging.info("%s: %s", output, model)


if __name__ == "__main__":
    run(main)
