"""The tokenizer: a model's own, or a byte-level BPE trained on the corpora for a model from scratch."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from linguistic_regions.commands import UserError

BOS, EOS = "<s>", "</s>"


def train(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `size` entries (Llama's BOS and EOS among them) that begins each text with BOS."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)


def own(folder: str | Path, trust_remote_code: bool = False, model: str | None = None) -> PreTrainedTokenizerFast:
    """The tokenizer of a model in a folder, in its fast form.

    Args:
        folder: in Hugging Face format.
        trust_remote_code: whether Python code that comes with it may run.
        model: what errors call it; None: the folder.

    Raises:
        UserError: the model has no tokenizer, or none that the `tokenizers` library can run.
    """
    model = model or str(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        raise UserError(
            f"model.pretrained: {model}: no tokenizer could be loaded ({error}): name a model that has one"
        ) from None
    if not tokenizer.is_fast:
        raise UserError(f"model.pretrained: {model}: its tokenizer has no fast form (tokenizer.json); convert it first")
    return tokenizer
