"""Bring the base model: from the hub, or from a folder."""

import json
import logging
import shutil
from functools import partial
from pathlib import Path

from safetensors import SafetensorError

from linguistic_regions import checksums, hub, locks, modelfiles, modelsettings, tensorfile, vocabulary
from linguistic_regions.commands import UserError, run
from linguistic_regions.storage import move, read_json, remove, whole


def main(
    *,
    model: str,
    output: Path,
    revision: str | None = None,
    trust_remote_code: bool = False,
    checkpoints: Path | None = None,
) -> None:
    """Put a model in Hugging Face format under `output`. Weights of a local folder are linked, not copied.

    Args:
        model: a folder, or a name on the hub (a gated one needs a token in the environment: HF_TOKEN).
        output: where the workflow looks for it.
        revision: commit, tag or branch on the hub.
        trust_remote_code: bring the Python code that comes with the model too.
        checkpoints: folder where what has come of a model on the hub waits for the rest; None: beside `output`.
    """
    if Path(model).is_dir():
        with whole(output) as part:
            part.mkdir()
            for pattern in modelfiles.patterns(trust_remote_code):
                for file in Path(model).resolve().glob(pattern):
                    if file.suffix == ".safetensors":
                        (part / file.name).symlink_to(file)
                    else:
                        shutil.copyfile(file, part / file.name)
            check(part, model, trust_remote_code)
            note(part, {"model": model})
    else:
        waiting = checkpoints or output.with_name(f"{output.name}.fetched")
        locks.hold(waiting / ".lock", str(waiting))
        look = partial(check_text, model=model, trust_remote_code=trust_remote_code)
        fetched, commit = hub.fetch(model, revision, waiting, trust_remote_code, before_weights=look)
        check(fetched, model, trust_remote_code)
        note(fetched, {"model": model, "revision": revision, "commit": commit})
        move(fetched, output)
        remove(waiting)
    logging.info("%s: %s", output, model)


def note(folder: Path, source: dict) -> None:
    """Write beside a model where it comes from, and seal the folder."""
    (folder / modelfiles.SOURCE).write_text(json.dumps(source) + "\n", encoding="utf-8")
    checksums.seal(folder)


def check_text(folder: Path, model: str, trust_remote_code: bool) -> None:
    """See that a folder without weights is of a causal language model with a tokenizer.

    Raises:
        UserError: it is not.
    """
    modelsettings.read(folder, trust_remote_code)
    vocabulary.own(folder, trust_remote_code, model)


def check(folder: Path, model: str, trust_remote_code: bool) -> None:
    """See that the folder holds a model with weights that can be loaded, without loading them.

    Raises:
        UserError: it does not.
    """
    if (folder / "adapter_config.json").exists():
        raise UserError(f"model.pretrained: {model}: it is an adapter: merge it into its model, and name that")
    if not list(folder.glob("*.safetensors")) or not (folder / "config.json").exists():
        raise UserError(
            f"model.pretrained: {model}: it has no config.json with weights in safetensors format; pickled weights are "
            "not loaded: convert them, or name a revision that has them"
        )
    index = folder / "model.safetensors.index.json"
    named = set(read_json(index).get("weight_map", {}).values()) if index.exists() else {"model.safetensors"}
    for name in sorted(named):
        try:
            tensorfile.metadata(folder / name)
        except (OSError, SafetensorError) as error:
            raise UserError(f"model.pretrained: {model}: {name} cannot be read ({error}): bring it again") from None
    modelsettings.read(folder, trust_remote_code)


if __name__ == "__main__":
    run(main)
