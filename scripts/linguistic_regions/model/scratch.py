"""A Llama with random weights."""

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
)

from linguistic_regions.model.loading import attention_implementation
from linguistic_regions.runtime.compute import device


def from_scratch(
    vocabulary: int,
    layers: int,
    width: int,
    heads: int,
    kv_heads: int,
    mlp_width: int,
    context: int,
    tied: bool,
    seed: int,
    where: torch.device | None = None,
) -> LlamaForCausalLM:
    """Create a Llama with random weights; the same seed gives the same weights.

    Args:
        vocabulary: size of the vocabulary; ids 0 and 1 are BOS and EOS.
        layers: decoder layers.
        width: hidden size.
        heads: attention heads.
        kv_heads: key and value heads; fewer than `heads` means grouped-query attention.
        mlp_width: inner width of the gated MLP.
        context: maximum input, in tokens.
        tied: whether the head shares the embedding's weights.
        seed: of the initial weights.
        where: device of the model; None: `device()`.
    """
    where = where or device()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=mlp_width,
        max_position_embeddings=context,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=1,
        use_cache=False,
        attn_implementation=attention_implementation(where),
    )
    return LlamaForCausalLM(config).to(where)
