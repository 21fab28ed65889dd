"""The shape of the decoder in a GGUF file, from its header. Standard library only, except for files on the hub."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from linguistic_regions.model import gguf_header
from linguistic_regions.model.gguf_header import Header
from linguistic_regions.planning.costs.decoder import Shape
from linguistic_regions.runtime import environment
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.storage import atomic_write

CHUNK = 1 << 22  # bytes of a file on the hub that are downloaded at a time


def from_file(path: Path) -> Shape:
    """The shape of the model in a local file.

    Raises:
        UserError: the file does not exist, is corrupted, or lacks a field.
    """
    try:
        return from_header(gguf_header.read(path), str(path))
    except FileNotFoundError:
        raise UserError(f"model.pretrained: there is no file {path}: check the path (~ is not expanded)") from None
    except (gguf_header.InvalidGguf, OSError) as error:
        raise UserError(f"model.pretrained: {path} cannot be read ({error}): download it again") from None


def from_hub(repo: str, file: str, revision: str | None) -> Shape:
    """The shape of the model in a file on the hub. Only the header is downloaded, and the shape is cached.

    Raises:
        UserError: the file is not available, is corrupted, or lacks a field.
    """
    key = hashlib.sha256(f"{repo}\n{file}\n{revision}".encode()).hexdigest()[:32]
    cached = environment.hub_cache() / "linguistic-regions" / f"{key}.json"
    try:
        return Shape(**json.loads(cached.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    from huggingface_hub import HfFileSystem  # slow to import

    from linguistic_regions.runtime import hub

    def download() -> Header:
        with HfFileSystem().open(f"{repo}/{file}", "rb", revision=revision, block_size=CHUNK) as stream:
            return gguf_header.parse(stream)

    try:
        shape = from_header(hub.with_retries(download), f"{repo}/{file}")
    except UserError:
        raise
    except Exception as error:  # the client raises many types
        raise UserError(f"model.pretrained: {file}: {hub.explain(error, repo, revision)}") from None
    with atomic_write(cached) as part:
        part.write_text(json.dumps(asdict(shape)), encoding="utf-8")
    return shape


def from_header(header: Header, name: str) -> Shape:
    """The shape of the model that a GGUF header describes.

    Args:
        header: the header.
        name: the name of the model in error messages.

    Raises:
        UserError: the header lacks a field.
    """
    architecture = header.metadata["general.architecture"]
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}

    def field(key: str, default: int | None = None) -> int:
        value = header.metadata.get(f"{architecture}.{key}", default)
        value = max(value, default=None) if isinstance(value, list) else value
        if not isinstance(value, int) or value < 1:
            raise UserError(f"model.pretrained: {name}: its metadata has no {architecture}.{key}: name another file")
        return value

    width, heads, experts = field("embedding_length"), field("attention.head_count"), field("expert_count", 1)
    mlp_width = field("expert_feed_forward_length" if experts > 1 else "feed_forward_length", 4 * width)
    up = shapes.get("blk.0.ffn_up.weight", (mlp_width, width))
    return Shape(
        layers=field("block_count"),
        width=width,
        mlp_width=mlp_width,
        heads=heads,
        kv_heads=field("attention.head_count_kv", heads),
        head_size=field("attention.key_length", width // heads),
        vocabulary=shapes["token_embd.weight"][0] if "token_embd.weight" in shapes else field("vocab_size"),
        tied="output.weight" not in shapes,
        gated=any(".ffn_gate" in tensor for tensor in shapes) or up[0] == 2 * mlp_width,
        experts=experts,
        active=field("expert_used_count", 1),
    )
