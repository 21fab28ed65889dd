"""Convert a GGUF file to Hugging Face format: float32 weights, and a tokenizer that is compared with the file's."""

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
modeling_gguf_pytorch_utils.tqdm = lambda tensors, **_: progress(tensors, "dequantize", unit="tensor")

TOKENS = "tokenizer.ggml.tokens"
UNQUANTIZED_TYPES = {GGMLQuantizationType[name] for name in ("F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64")}
# Names of pre-tokenizers that transformers does not know: those that split text as GPT-2 does, and those that also
# split off each digit.
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
        folder: an empty folder.
        model: the name of the model in error messages.

    Returns:
        The quantization of the file's weights, such as "Q4_1"; None if they are not quantized.

    Raises:
        UserError: the file is corrupted, transformers does not support its architecture, or the converted tokenizer
            differs from the file's.
    """
    header = check_complete(file, model)
    settings = _settings(file, header, model)
    _tokenizer(file, header, model).save_pretrained(folder)
    _remove_added_tokens(folder / "tokenizer.json", len(header.metadata[TOKENS]))
    check_tokenizer(load_tokenizer(folder, model=model), header, model)
    _strip_quantization(_weights(file, settings, model)).save_pretrained(folder)
    return quantization(header)


def check_complete(file: Path, model: str) -> Header:
    """Check that a GGUF file contains all of its tensors.

    Returns:
        Its header, with the tokens of the vocabulary.

    Raises:
        UserError: the file is corrupted, truncated, or one of several parts, or has a tensor of an unknown type.
    """
    try:
        header = gguf_header.read(file, (TOKENS,))
        size = file.stat().st_size
    except (gguf_header.InvalidGguf, OSError) as error:
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: {file.name} cannot be read ({error}): download it again"
        ) from None
    if header.metadata.get("split.count", 1) not in (0, 1):
        raise UserError(f"model.pretrained: {model}: {file.name} is one of several parts: merge them into one file")
    for tensor in header.tensors:
        if tensor.kind not in list(GGMLQuantizationType):
            raise UserError(
                f"model.pretrained: {model}: {tensor.name} is of an unknown type ({tensor.kind}): name another file"
            )
        block, length = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
        if header.data + tensor.offset + tensor.size // block * length > size:
            raise UserError(
                f"model.pretrained: {model}: {file.name} is truncated before {tensor.name}: download it again"
            )
    return header


def quantization(header: Header) -> str | None:
    """The quantization of most weights, such as "Q4_K_M" or "Q8_0"; None if no weights are quantized."""
    weights = Counter()
    for tensor in header.tensors:
        weights[GGMLQuantizationType(tensor.kind)] += tensor.size
    quantized = {kind: count for kind, count in weights.items() if kind not in UNQUANTIZED_TYPES}
    if not quantized:
        return None
    file_type = header.metadata.get("general.file_type")
    if file_type in list(LlamaFileType) and LlamaFileType(file_type).name.startswith("MOSTLY_"):
        name = LlamaFileType(file_type).name.removeprefix("MOSTLY_")
        if name not in ("F16", "BF16"):
            return name
    return max(quantized, key=quantized.get).name


def check_tokenizer(tokenizer: PreTrainedTokenizerFast, header: Header, model: str) -> None:
    """Check that a converted tokenizer agrees with the GGUF file, and that it reproduces text.

    Args:
        tokenizer: the converted tokenizer.
        header: the file's header, with the tokens of the vocabulary.
        model: the name of the model in error messages.

    Raises:
        UserError: the tokenizer differs; the message says in what.
    """
    metadata, tokens = header.metadata, header.metadata[TOKENS]

    def differs(what: str) -> UserError:
        return UserError(f"model.pretrained: {model}: its tokenizer could not be converted: {what}; name another file")

    for kind, actual in (("BOS", tokenizer.bos_token_id), ("EOS", tokenizer.eos_token_id)):
        expected = metadata.get(f"tokenizer.ggml.{kind.lower()}_token_id")
        if expected is not None and actual != expected:
            raise differs(f"{kind} is token {actual}, but {expected} in the file")
    if len(tokenizer) != len(tokens):
        raise differs(f"it has {len(tokenizer)} tokens, but {len(tokens)} in the file")
    rows = next((tensor.shape[0] for tensor in header.tensors if tensor.name == "token_embd.weight"), None)
    if rows is not None and rows < len(tokens):
        raise differs(f"it has {len(tokens)} tokens, but the embedding has {rows} rows")
    for sentence in SENTENCES:
        ids = tokenizer(sentence, add_special_tokens=False)["input_ids"]
        if metadata["tokenizer.ggml.model"] != "gpt2" and tokenizer.unk_token_id in ids:
            continue  # the vocabulary lacks this script, which cannot happen with byte-level BPE
        decoded = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if decoded != sentence:
            raise differs(f"{sentence!r} becomes {decoded!r}")


def _settings(file: Path, header: Header, model: str) -> PreTrainedConfig:
    """The model's settings, from the file's metadata."""
    architecture = header.metadata["general.architecture"]
    try:
        settings = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    except Exception as error:  # the library raises all kinds
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: transformers cannot read a GGUF file of architecture {architecture!r} "
            f"({_first_line(error)}): name the model in Hugging Face format"
        ) from error
    if type(settings) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(
            f"model.pretrained: {model}: a {settings.model_type} model is not a causal language model: name one that is"
        )
    scaled = header.metadata.get(f"{architecture}.rope.scaling.type", "none") != "none"
    scaled = scaled or any(tensor.name.startswith("rope_") for tensor in header.tensors)
    if scaled and not (getattr(settings, "rope_parameters", None) or {}).get("factor"):
        log.warning("%s: its RoPE scaling is not converted: the loss of long blocks may be too high", model)
    return settings


def _tokenizer(file: Path, header: Header, model: str) -> PreTrainedTokenizerFast:
    """The tokenizer that transformers converts from the file's metadata."""
    if TOKENS not in header.metadata or not isinstance(header.metadata.get("tokenizer.ggml.model"), str):
        raise UserError(f"model.pretrained: {model}: {file.name} has no tokenizer: name a file that has one")
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    except Exception as error:
        raise system_error(error) or UserError(
            f"model.pretrained: {model}: the tokenizer of {file.name} could not be converted ({_first_line(error)}): "
            "name another file"
        ) from error
    split = header.metadata.get("tokenizer.ggml.pre", "default")
    if header.metadata["tokenizer.ggml.model"] != "gpt2" or split in GGUF_PRE_TOKENIZER_SPLITS or split in LIKE_GPT2:
        return tokenizer
    if split in DIGITS_APART:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    else:
        log.warning("%s: the pre-tokenizer %s of its tokenizer is unknown: that of GPT-2 is used", model, split)
    return tokenizer


def _remove_added_tokens(path: Path, count: int) -> None:
    """Remove the tokens that transformers adds to those of the file, such as GPT-2's <|endoftext|>."""
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
            f"model.pretrained: {model}: {file.name} could not be dequantized ({_first_line(error)}): download it "
            "again, or name another file"
        ) from error
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"model.pretrained: {model}: {len(missing)} weights of the model are missing in {file.name}, such as "
            f"{missing[0]}: name another file"
        )
    return loaded


def _strip_quantization(model: PreTrainedModel) -> PreTrainedModel:
    """Remove the attributes that mark a model as quantized, so that it can be saved and trained."""
    model.hf_quantizer = None
    model.is_quantized = False
    for config in (model.config, model.config.get_text_config()):
        for name in ("quantization_config", "_model_name_or_path"):  # the latter is from the file's metadata
            if hasattr(config, name):
                delattr(config, name)
    return model


def _first_line(error: Exception) -> str:
    """The first line of an error message."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
