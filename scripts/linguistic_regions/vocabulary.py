"""The tokenizer: a model's own, or a byte-level BPE trained on the corpora for a model from scratch."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from linguistic_regions import hub
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


def own(model: str, revision: str | None = None, trust_remote_code: bool = False) -> PreTrainedTokenizerFast:
    """The tokenizer of a model on the hub or in a folder, in its fast form.

    Args:
        model: name on the hub, or folder.
        revision: commit, tag or branch on the hub.
        trust_remote_code: whether Python code that comes with it may run.

    Raises:
        UserError: the model has no tokenizer, or none that the `tokenizers` library can run.
    """
    with TemporaryDirectory() as fetched:
        folder = model
        if not Path(model).is_dir():
            folder = hub.fetch(model, revision, hub.patterns(trust_remote_code, weights=False), Path(fetched))
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, use_fast=True, local_files_only=True, trust_remote_code=trust_remote_code
            )
        except Exception as error:
            raise UserError(
                f"model.hub: {model}: no tokenizer could be loaded ({error}): name a model that has one"
            ) from None
    if not tokenizer.is_fast:
        raise UserError(f"model.hub: {model}: its tokenizer has no fast form (tokenizer.json); convert it first")
    return tokenizer
