"""The shape of the decoder in a GGUF file, from its header. Standard library only, but for what is on the hub."""

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

PIECE = 1 << 22  # bytes of a file on the hub that are fetched at a time


def of_file(path: Path) -> Shape:
    """The shape of the model in a local file.

    Raises:
        UserError: it is not there, damaged, or its metadata lack a field.
    """
    try:
        return described(gguf_header.read(path), str(path))
    except FileNotFoundError:
        raise UserError(
            f"model.pretrained: there is no file {path}: check the path (~ does not stand for your home)"
        ) from None
    except (gguf_header.InvalidGguf, OSError) as error:
        raise UserError(f"model.pretrained: {path} cannot be read ({error}): bring it again") from None


def on_hub(repo: str, file: str, revision: str | None) -> Shape:
    """The shape of the model in a file on the hub, of which only the header is fetched; a copy of the shape is kept.

    Raises:
        UserError: it cannot be had.
    """
    key = hashlib.sha256(f"{repo}\n{file}\n{revision}".encode()).hexdigest()[:32]
    kept = environment.hub_cache() / "linguistic-regions" / f"{key}.json"
    try:
        return Shape(**json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    from huggingface_hub import HfFileSystem  # takes longer to import than all the rest

    from linguistic_regions.runtime import hub

    def fetched() -> Header:
        place = f"{repo}/{file}"
        with HfFileSystem().open(place, "rb", revision=revision, block_size=PIECE) as opened:
            return gguf_header.parse(opened)

    try:
        shape = described(hub.with_retries(fetched), f"{repo}/{file}")
    except UserError:
        raise
    except Exception as error:  # the client raises a dozen kinds
        raise UserError(f"model.pretrained: {file}: {hub.explain(error, repo, revision)}") from None
    with atomic_write(kept) as part:
        part.write_text(json.dumps(asdict(shape)), encoding="utf-8")
    return shape


def described(header: Header, name: str) -> Shape:
    """The shape that a GGUF file's header describes.

    Args:
        header: of the file.
        name: of the model, for the error.

    Raises:
        UserError: it lacks a field.
    """
    architecture = header.metadata["general.architecture"]
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}

    def field(key: str, otherwise: int | None = None) -> int:
        found = header.metadata.get(f"{architecture}.{key}", otherwise)
        found = max(found, default=None) if isinstance(found, list) else found
        if not isinstance(found, int) or found < 1:
            raise UserError(f"model.pretrained: {name}: its metadata have no {architecture}.{key}: name another file")
        return found

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
