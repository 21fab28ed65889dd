"""Bring the base model: from the hub, or from a folder."""

import json
import logging
import shutil
from functools import partial
from pathlib import Path

from linguistic_regions import checksums, hub, locks, modelfiles, vocabulary
from linguistic_regions.commands import UserError, run
from linguistic_regions.storage import move, remove, whole


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
            check(part, model)
            note(part, {"model": model})
    else:
        waiting = checkpoints or output.with_name(f"{output.name}.fetched")
        locks.hold(waiting / ".lock", str(waiting))
        tokenizer = partial(vocabulary.own, trust_remote_code=trust_remote_code, model=model)
        fetched, commit = hub.fetch(model, revision, waiting, trust_remote_code, before_weights=tokenizer)
        check(fetched, model)
        note(fetched, {"model": model, "revision": revision, "commit": commit})
        move(fetched, output)
        remove(waiting)
    logging.info("%s: %s", output, model)


def note(folder: Path, source: dict) -> None:
    """Write beside a model where it comes from, and seal the folder."""
    (folder / modelfiles.SOURCE).write_text(json.dumps(source) + "\n", encoding="utf-8")
    checksums.seal(folder)


def check(folder: Path, model: str) -> None:
    """See that the folder holds a model with weights that can be loaded.

    Raises:
        UserError: it does not.
    """
    if not list(folder.glob("*.safetensors")) or not (folder / "config.json").exists():
        raise UserError(
            f"model.hub: {model}: it has no config.json with weights in safetensors format; pickled weights are not "
            "loaded: convert them, or name a revision that has them"
        )


if __name__ == "__main__":
    run(main)
