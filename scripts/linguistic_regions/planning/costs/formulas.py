"""Operations and memory of passes through a decoder, computed from its shape. Standard library only.

FLOPs are those of matrix products; a multiplication and an addition count as two. Norms, softmax, activation functions
and the embedding lookup are left out (about 1 %). Attention is counted in full although half of it is masked, as usual
in figures of model FLOPs utilization.
"""

from linguistic_regions.planning.costs.decoder import Shape

LOGITS_AT_ONCE = 2**28  # bytes of float32 logits that are in memory at a time


def forward(shape: Shape, block: int) -> float:
    """FLOPs per token of a forward pass over blocks of `block` tokens.

    Two for each weight of a matrix; and for attention, the products of each query with the block's keys, and of each
    row of attention weights with the block's values, in each head.
    """
    return 2 * (shape.used + shape.embedding) + 4 * block * shape.heads * shape.head_size * shape.layers


def recomputation(shape: Shape, block: int) -> float:
    """FLOPs per token that activation checkpointing adds: a second forward pass through the layers, without the last
    product of each layer, whose result is not needed."""
    last = 2 * shape.layers * shape.active * shape.width * shape.mlp_width
    return forward(shape, block) - 2 * shape.embedding - last


def training(shape: Shape, block: int) -> float:
    """FLOPs per token of a forward and a backward pass. The backward pass has two products for each of the forward
    pass: for the gradients of the input and of the weight."""
    return 3 * forward(shape, block)


def importance(shape: Shape, block: int) -> float:
    """FLOPs per token of scoring: those of training, without the gradient of the head's weight."""
    return training(shape, block) - 2 * shape.embedding


def activations(shape: Shape, tokens: int, element: int, backward: bool, checkpointing: bool = False) -> float:
    """Bytes of activations in a pass.

    Per token, a layer stores about 10 vectors of the hidden size and 4 of the MLP's width. A backward pass needs those
    of all layers; with activation checkpointing, the input of each layer and the activations of one layer.

    Args:
        shape: of the model.
        tokens: number of tokens in the pass.
        element: bytes per number: 2 or 4.
        backward: whether a backward pass follows.
        checkpointing: whether activations are checkpointed.
    """
    layer = element * (10 * shape.width + 4 * shape.active * shape.mlp_width)
    if not backward:
        return tokens * layer
    if checkpointing:
        return tokens * (layer + shape.layers * element * shape.width)
    return tokens * layer * shape.layers


def logits(shape: Shape, tokens: int, element: int, backward: bool) -> float:
    """Bytes of the logits of a pass, of their gradient if there is a backward pass, and of the part that is converted
    to float32 at a time."""
    return tokens * shape.vocabulary * element * (2 if backward else 1) + LOGITS_AT_ONCE


def gathered(shape: Shape, element: int) -> float:
    """Bytes of gathered weights on each of several GPUs that share a model (FSDP2): two layers, embedding and head, at
    `element` bytes per weight."""
    return element * (2 * shape.matrices / shape.layers + 2 * shape.embedding)
