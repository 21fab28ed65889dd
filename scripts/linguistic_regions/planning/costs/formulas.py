"""Operations and memory of passes through a decoder, from its shape alone. Standard library only.

Operations (FLOPs) are those of matrix products: a multiplication and an addition are two. Norms, softmax, activation
functions and the embedding's look-up are left out (some 1 %). Attention counts whole, though half of it is masked: the
usual convention where a share of a device's peak is stated.
"""

from linguistic_regions.planning.costs.decoder import Shape

LOGITS_AT_ONCE = 2**28  # bytes of float32 logits that the loss is computed from at a time


def forward(shape: Shape, block: int) -> float:
    """FLOPs per token of a forward pass over blocks of so many tokens.

    Each weight of a matrix is one multiplication and addition; a token's query meets the keys of its block, and its
    attention their values, once in each head.
    """
    return 2 * (shape.used + shape.embedding) + 4 * block * shape.heads * shape.head_size * shape.layers


def recomputed(shape: Shape, block: int) -> float:
    """FLOPs per token that activation checkpointing adds to a backward pass: the layers forward again, but for the last
    product of each, whose result nobody needs twice."""
    last = 2 * shape.layers * shape.active * shape.width * shape.mlp_width
    return forward(shape, block) - 2 * shape.embedding - last


def training(shape: Shape, block: int) -> float:
    """FLOPs per token of a forward and backward pass: backward has two products for each, one for the gradient of the
    input and one for that of the weight."""
    return 3 * forward(shape, block)


def importance(shape: Shape, block: int) -> float:
    """FLOPs per token of importance: as of training, but for the gradient of the head's weight, which nobody needs."""
    return training(shape, block) - 2 * shape.embedding


def activations(shape: Shape, tokens: int, element: int, backward: bool, checkpointing: bool = False) -> float:
    """Bytes of activations in a pass over so many tokens.

    A layer holds some 10 vectors of the model's width (around norms, attention and residuals) and 4 of the MLP's; a
    backward pass needs those of all layers, or with checkpointing each layer's input and one layer at a time.

    Args:
        shape: the model's.
        tokens: in the pass.
        element: bytes of one number: 2 or 4.
        backward: whether a backward pass follows.
        checkpointing: of activations.
    """
    layer = element * (10 * shape.width + 4 * shape.active * shape.mlp_width)
    if not backward:
        return tokens * layer
    if checkpointing:
        return tokens * (layer + shape.layers * element * shape.width)
    return tokens * layer * shape.layers


def logits(shape: Shape, tokens: int, element: int, backward: bool) -> float:
    """Bytes of the logits of a pass, and of their gradient if it has a backward pass; the loss takes them in float32,
    a part at a time."""
    return tokens * shape.vocabulary * element * (2 if backward else 1) + LOGITS_AT_ONCE


def gathered(shape: Shape, element: int) -> float:
    """Bytes of weights that are whole at a time on each of several GPUs that share a model (FSDP2): a layer, the next
    one, embedding and head; `element` is of one weight."""
    return element * (2 * shape.matrices / shape.layers + 2 * shape.embedding)
