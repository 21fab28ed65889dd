"""A GGUF file as a model in Hugging Face format: plain float32 weights, and the tokenizer, compared with the file."""

import json
import logging
from collections import Counter
from pathlib import Path

import torch
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from tokenizers import pre_tokenizers
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    modeling_gguf_pytorch_utils,
)
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS
from transformers.utils import logging as transformers_logging

from linguistic_regions.model import gguf_header
from linguistic_regions.model.gguf_header import Header
from linguistic_regions.model.tokenizer import load_tokenizer
from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.runtime.progress import progress

log = logging.getLogger(__name__)
transformers_logging.disable_progress_bar()
modeling_gguf_pytorch_utils.tqdm = lambda tensors, **_: progress(tensors, "dequantize", unit="tensor", delay=3.0)

TOKENS = "tokenizer.ggml.tokens"
PLAIN = {GGMLQuantizationType[name] for name in ("F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64")}
# How text is split before byte pairs are merged: names by which transformers knows no rule of its own, and splits as
# GPT-2 does; the second kind sets each digit apart.
LIKE_GPT2 = {"default", "gpt-2"}
DIGITS_APART = {"smollm", "starcoder", "refact", "codeshell"}
SENTENCES = (
    "All human beings are born free and equal in dignity and rights; in 1948, 48 of 58 states said so.",
    "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    "人人生而自由,在尊严和权利上一律平等。",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Ĉiuj homoj estas denaske liberaj kaj egalaj.\n\tmia  linio: x = {1}",
)


def convert(file: Path, folder: Path, model: str) -> str | None:
    """Write the model and the tokenizer of a GGUF file in Hugging Face format.

    Args:
        file: the GGUF file.
        folder: is there, and empty.
        model: what errors call it.

    Returns:
        How the file's weights are quantized, such as "Q4_1"; None if they are not.

    Raises:
        UserError: the file is damaged, transformers cannot read its architecture, or its tokenizer is not what the
            file says.
    """
    header = check_whole(file, model)
    settings = _settings(file, header, model)
    _tokenizer(file, header, model).save_pretrained(folder)
    _leave_out_added(folder / "tokenizer.json", len(header.metadata[TOKENS]))
    check_tokenizer(load_tokenizer(folder, model=model), header, model)
    _plain(_weights(file, settings, model)).save_pretrained(folder)
    return quantization(header)


def check_whole(file: Path, model: str) -> Header:
    """The header of a GGUF file, all of whose tensors are there; with the tokens of its vocabulary.

    Raises:
        UserError: it is damaged, cut short, one part of several, or has a type of tensor that there is not.
    """
    try:
        header = gguf_header.read(file, (TOKENS,))
        size = file.stat().st_size
    except (gguf_header.Damaged, OSError) as error:
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: {file.name} cannot be read ({error}): bring it again"
        ) from None
    if header.metadata.get("split.count", 1) not in (0, 1):
        raise UserError(f"model.pretrained: {model}: {file.name} is one part of several: merge them into one file")
    for tensor in header.tensors:
        if tensor.kind not in list(GGMLQuantizationType):
            raise UserError(f"model.pretrained: {model}: {tensor.name} is of an unknown type ({tensor.kind})")
        block, length = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
        if header.data + tensor.offset + tensor.size // block * length > size:
            raise UserError(
                f"model.pretrained: {model}: {file.name} is cut short, {tensor.name} is not in it: bring it again"
            )
    return header


def quantization(header: Header) -> str | None:
    """The name of the quantization of most weights, such as "Q4_K_M" or "Q8_0"; None for weights that are plain."""
    weights = Counter()
    for tensor in header.tensors:
        weights[GGMLQuantizationType(tensor.kind)] += tensor.size
    quantized = {kind: count for kind, count in weights.items() if kind not in PLAIN}
    if not quantized:
        return None
    said = header.metadata.get("general.file_type")
    if said in list(LlamaFileType) and LlamaFileType(said).name.startswith("MOSTLY_"):
        name = LlamaFileType(said).name.removeprefix("MOSTLY_")
        if name not in ("F16", "BF16"):
            return name
    return max(quantized, key=quantized.get).name


def check_tokenizer(tokenizer: PreTrainedTokenizerFast, header: Header, model: str) -> None:
    """See that a converted tokenizer is the one that the GGUF file describes, and loses no text.

    Args:
        tokenizer: as the workflow will load it.
        header: of the file, with its tokens.
        model: what errors call it.

    Raises:
        UserError: says what differs.
    """
    metadata, tokens = header.metadata, header.metadata[TOKENS]

    def differs(what: str) -> UserError:
        return UserError(f"model.pretrained: {model}: its tokenizer could not be converted: {what}; name another file")

    for kind, now in (("BOS", tokenizer.bos_token_id), ("EOS", tokenizer.eos_token_id)):
        meant = metadata.get(f"tokenizer.ggml.{kind.lower()}_token_id")
        if meant is not None and now != meant:
            raise differs(f"{kind} is token {now}, and {meant} in the file")
    if len(tokenizer) != len(tokens):
        raise differs(f"it has {len(tokenizer)} tokens, and {len(tokens)} in the file")
    rows = next((tensor.shape[0] for tensor in header.tensors if tensor.name == "token_embd.weight"), None)
    if rows is not None and rows < len(tokens):
        raise differs(f"it has {len(tokens)} tokens, and the embedding has {rows} rows")
    for sentence in SENTENCES:
        ids = tokenizer(sentence, add_special_tokens=False)["input_ids"]
        if metadata["tokenizer.ggml.model"] != "gpt2" and tokenizer.unk_token_id in ids:
            continue  # a vocabulary that lacks a script says so; bytes lack none
        back = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if back != sentence:
            raise differs(f"{sentence!r} becomes {back!r}")


def _settings(file: Path, header: Header, model: str) -> PreTrainedConfig:
    """The settings that the file's metadata describe."""
    architecture = header.metadata["general.architecture"]
    try:
        settings = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    except Exception as error:  # the library raises all kinds
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: transformers cannot read a GGUF file of architecture {architecture!r} "
            f"({_line(error)}): name the model in Hugging Face format"
        ) from error
    if type(settings) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(
            f"model.pretrained: {model}: a {settings.model_type} model is no causal language model: name one that is"
        )
    scaled = header.metadata.get(f"{architecture}.rope.scaling.type", "none") != "none"
    scaled = scaled or any(tensor.name.startswith("rope_") for tensor in header.tensors)
    if scaled and not (getattr(settings, "rope_parameters", None) or {}).get("factor"):
        log.warning("%s: its scaling of positions is not converted: long blocks may be read worse", model)
    return settings


def _tokenizer(file: Path, header: Header, model: str) -> PreTrainedTokenizerFast:
    """The tokenizer that transformers makes of the file's metadata."""
    if TOKENS not in header.metadata or not isinstance(header.metadata.get("tokenizer.ggml.model"), str):
        raise UserError(f"model.pretrained: {model}: {file.name} has no tokenizer: name a file that has one")
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    except Exception as error:
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: no tokenizer could be made of {file.name} ({_line(error)}): name another file"
        ) from error
    split = header.metadata.get("tokenizer.ggml.pre", "default")
    if header.metadata["tokenizer.ggml.model"] != "gpt2" or split in GGUF_PRE_TOKENIZER_SPLITS or split in LIKE_GPT2:
        return tokenizer
    if split in DIGITS_APART:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    else:
        log.warning("%s: how its tokenizer splits text (%s) is not known: it is split as GPT-2 does", model, split)
    return tokenizer


def _leave_out_added(path: Path, count: int) -> None:
    """Take out of a tokenizer.json what transformers adds to the file's tokens, such as GPT-2's <|endoftext|>."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < count]
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")


def _weights(file: Path, settings: PreTrainedConfig, model: str) -> PreTrainedModel:
    """The model with its weights dequantized to float32."""
    try:
        loaded, found = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            config=settings,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: {file.name} could not be dequantized ({_line(error)}): bring it again, or "
            "name another"
        ) from error
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"model.pretrained: {model}: {len(missing)} weights of the model are not in {file.name}, {missing[0]} "
            "among them: name another file"
        )
    return loaded


def _plain(model: PreTrainedModel) -> PreTrainedModel:
    """The model without the marks of its quantization, so that it can be saved and trained as any other."""
    model.hf_quantizer = None
    model.is_quantized = False
    for config in (model.config, model.config.get_text_config()):
        for mark in ("quantization_config", "_model_name_or_path"):  # the latter is a label of the file's maker
            if hasattr(config, mark):
                delattr(config, mark)
    return model


def _line(error: Exception) -> str:
    """The first line of what a library says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
