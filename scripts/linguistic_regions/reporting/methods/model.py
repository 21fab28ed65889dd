"""The model, in words."""

from collections.abc import Mapping

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.methods.words import listed, many

PRECISIONS = {
    "auto": "Matrix products are computed in bfloat16 where the device supports it and in float32 elsewhere",
    "bf16": "Matrix products are computed in bfloat16",
    "fp32": "Matrix products are computed in float32",
}


def public_name(model: str, source: Mapping) -> str:
    """Return the public name of a model: the one recorded with its weights, never the path of a folder."""
    name = str(source.get("name") or model)
    is_path = name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if is_path else name


def dequantized(source: Mapping) -> str:
    """Return a sentence on dequantized weights; empty if the weights were not quantized."""
    kind = source.get("dequantized")
    return f"Its weights were dequantized from {kind} (GGUF)." if kind else ""


def described(settings: Mapping, source: Mapping, model: str) -> list[str]:
    selected = "Regions are selected from all matrices of the decoder layers"
    if settings["include"]:
        selected = f"Regions are selected from the weights whose names match {listed(settings['include'])}"
    if settings["exclude"]:
        selected += f", except those that match {listed(settings['exclude'])}"
    if settings["pretrained"]:
        commit = source.get("commit")
        sentences = [f"The model is {model}{f', commit {commit}' if commit else ''}.", dequantized(source)]
        sentences.append(f"Weights that are not trained are stored in {settings['dtype']}.")
    else:
        scratch = settings["scratch"]
        sentences = [
            f"The model is a Llama with {many(scratch['layers'], 'layer')}, width {scratch['width']}, "
            f"{many(scratch['heads'], 'attention head')} ({scratch['kv_heads']} for keys and values), MLP width "
            f"{scratch['mlp_width']} and a vocabulary of {formats.count(scratch['vocabulary'])} entries.",
            f"It was pretrained in this run on {formats.count(scratch['samples'])} samples in batches of "
            f"{scratch['batch_size']}, with peak learning rate {formats.rate(scratch['learning_rate'])}, "
            f"{formats.count(scratch['warmup_steps'])} warm-up steps and weight decay {scratch['weight_decay']:g}; a "
            f"language with n blocks was sampled in proportion to n to the power of {scratch['balance']:g}.",
        ]
    return [sentence for sentence in (*sentences, f"{selected}.") if sentence]


def precision(kind: str) -> str:
    return f"{PRECISIONS[kind]}; trained weights and sums of scores are float32."
