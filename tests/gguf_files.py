"""Tiny GGUF files, as llama.cpp writes them, and wheels that carry one."""

import hashlib
import json
import zipfile
from pathlib import Path

import gguf
import torch
from gguf import GGMLQuantizationType, LlamaFileType
from gguf.quants import dequantize, quantize

from linguistic_regions.model.scratch import from_scratch

SHAPE = {"vocabulary": 300, "layers": 2, "width": 64, "heads": 4, "kv_heads": 2, "mlp_width": 96, "context": 32}
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
}  # fmt: skip


def llama(tied=True):
    """The model of the files: two layers with grouped-query attention."""
    return from_scratch(**SHAPE, tied=tied, seed=3).eval()


def permuted(weight, heads):
    """The rows of a query or key matrix as llama.cpp orders them: the two halves of each head interleaved."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


@torch.no_grad()
def rounded(model, kind):
    """The model with its matrices as they are after a quantization, without any file."""
    for weight in model.parameters():
        if weight.ndim > 1:
            kept = quantize(weight.numpy(), GGMLQuantizationType[kind])
            weight.copy_(torch.from_numpy(dequantize(kept, GGMLQuantizationType[kind])))
    return model


def write(path, tokenizer_folder, kind="Q4_1", tied=True, architecture="llama", rows=None, **metadata):
    """Write `llama()` with a byte-level tokenizer to a GGUF file.

    Args:
        path: the file.
        tokenizer_folder: of a tokenizer.json, whose entries 0 and 1 are BOS and EOS.
        kind: type of the matrices: "F16", "Q4_1", "Q8_0".
        tied: leave out the output matrix.
        architecture: that the file states.
        rows: of the embedding; None: all.
        metadata: keys of tokenizer.ggml, or chat_template, with other values, or None to leave them out.
    """
    bpe = json.loads((Path(tokenizer_folder) / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("an internal label")
    writer.add_block_count(SHAPE["layers"])
    writer.add_context_length(SHAPE["context"])
    writer.add_embedding_length(SHAPE["width"])
    writer.add_feed_forward_length(SHAPE["mlp_width"])
    writer.add_head_count(SHAPE["heads"])
    writer.add_head_count_kv(SHAPE["kv_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(LlamaFileType[f"MOSTLY_{kind}"])
    told = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": sorted(bpe["vocab"], key=bpe["vocab"].get),
        "token_type": [3, 3, *[1] * (SHAPE["vocabulary"] - 2)],
        "merges": [" ".join(merge) for merge in bpe["merges"]],
        "bos_token_id": 0,
        "eos_token_id": 1,
        "add_bos_token": True,
    }
    kinds = {str: writer.add_string, int: writer.add_uint32, bool: writer.add_bool, list: writer.add_array}
    for key, value in (told | metadata).items():
        if value is not None:
            place = "tokenizer." if key == "chat_template" else "tokenizer.ggml."
            kinds[type(value)](f"{place}{key}", value)
    for name, weight in llama(tied).state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        data = weight.numpy()
        for ours, theirs in (("q_proj", "heads"), ("k_proj", "kv_heads")):
            data = permuted(data, SHAPE[theirs]) if ours in name else data
        name = name.replace("model.layers.", "blk.")
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        if name == "token_embd.weight" and rows:
            data = data[:rows]
        if data.ndim > 1:
            writer.add_tensor(name, quantize(data, GGMLQuantizationType[kind]), raw_dtype=GGMLQuantizationType[kind])
        else:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def wheel(folder, project, files, version="1.0"):
    """Make a wheel of these files, by their path in it; gives its file and the line of a requirements file."""
    place = f"{project.replace('-', '_')}-{version}"
    told = {
        f"{place}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{place}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{place}.dist-info/RECORD": "",
        f"{project.replace('-', '_')}/__init__.py": "raise SystemExit('code of the wheel ran')\n",
    }
    path = Path(folder) / f"{place}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (told | files).items():
            archive.writestr(name, content)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return path, f"{project}=={version} --hash=sha256:{checksum}"
