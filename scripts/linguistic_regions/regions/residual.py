"""Which axis of a weight matrix is the residual stream, told from the matrix's name and shape. Needs no torch.

A matrix reads from the residual stream (query, key, value, gate, up) or writes to it (output, down). A Linear is
stored as (out, in), so the hidden dimensions are the columns of the former and the rows of the latter. GPT-2's Conv1D
is stored as (in, out), the other way round. Names do not tell the two apart (GPT-BigCode has Linears under GPT-2's
names), and many matrices are square, so the layout is inferred from the shapes of all matrices together.
"""

from collections.abc import Mapping

from linguistic_regions.runtime.errors import UserError
from linguistic_regions.runtime.tensorfile import Shape

# Ends of module names, as transformers has them.
READS = {"q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value", "Wqkv", "wqkv", "W_pack", "c_attn", "q_attn"}
READS |= {"q_a_proj", "kv_a_proj_with_mqa", "qkv"}
READS |= {"gate_proj", "up_proj", "gate_up_proj", "fc1", "fc_in", "dense_h_to_4h", "c_fc", "w1", "w3", "gate", "Wi"}
ATTENTION_OUT = {"o_proj", "out_proj", "attn.c_proj", "attention.c_proj", "attention.dense", "self_attention.dense"}
ATTENTION_OUT |= {"self_attn.dense", "wo", "attn.Wo"}
MLP_OUT = {"down_proj", "fc2", "fc_out", "mlp.c_proj", "dense_4h_to_h", "w2", "mlp.Wo"}
INNER = {"q_b_proj", "kv_b_proj"}  # of DeepSeek's latent attention: neither end is the residual stream
EMBEDDINGS = {
    "embed_tokens",
    "embed_in",
    "embed_out",
    "word_embeddings",
    "wte",
    "lm_head",
}  # (vocabulary, width) always
CONV1D = {"c_attn", "q_attn", "c_fc", "attn.c_proj", "mlp.c_proj"}  # names that a Conv1D may have


def ends_in(module: str, names: set[str]) -> bool:
    """Whether a dotted module name ends in one of these names, part by part."""
    return any(f".{module}".endswith(f".{name}") for name in names)


def residual_axes(shapes: Mapping[str, Shape]) -> dict[str, int | None]:
    """For each matrix the axis along which its indices are hidden dimensions: 0 rows, 1 columns, None neither.

    Args:
        shapes: of the matrices, by parameter name.

    Raises:
        UserError: a name is unknown; a tensor is no matrix; or the shapes fit no layout of one model, or both.
    """
    linear = {name: _linear_axis(name, shape) for name, shape in shapes.items()}
    conv = {
        name: axis if axis is None or ends_in(_module(name), EMBEDDINGS) else 1 - axis for name, axis in linear.items()
    }
    fitting = [axes for axes in (linear, conv) if len(_widths(shapes, axes)) <= 1]
    if not fitting:
        raise UserError(
            f"select: dimension: {next(iter(shapes))} and the other matrices share no hidden size: exclude those that "
            "are not of the residual stream (model.exclude)"
        )
    if len(fitting) == 2 and any(ends_in(_module(name), CONV1D) for name in shapes):
        raise UserError(
            f"select: dimension: {next(iter(shapes))} and the others are square, so their rows cannot be told from "
            "their columns: add matrices of the MLP (model.include)"
        )
    return fitting[0]


def width(shapes: Mapping[str, Shape]) -> int:
    """The number of hidden dimensions that the matrices share.

    Raises:
        UserError: as of `residual_axes`; or no matrix is of the residual stream.
    """
    found = _widths(shapes, residual_axes(shapes))
    if not found:
        raise UserError("select: dimension: no matrix reads from or writes to the residual stream: see model.include")
    return found.pop()


def _widths(shapes: Mapping[str, Shape], axes: Mapping[str, int | None]) -> set[int]:
    return {shapes[name][axis] for name, axis in axes.items() if axis is not None}


def _linear_axis(name: str, shape: Shape) -> int | None:
    """The axis of a matrix that is stored as (out, in)."""
    module = _module(name)
    if len(shape) != 2:
        raise UserError(f"select: dimension: {name} is no matrix, its shape is {list(shape)}: see model.exclude")
    if ends_in(module, READS | EMBEDDINGS):
        return 1
    if ends_in(module, ATTENTION_OUT | MLP_OUT):
        return 0
    if ends_in(module, INNER):
        return None
    raise UserError(
        f"select: dimension: {name}: it is not known whether this matrix reads from or writes to the residual stream: "
        "add its name to linguistic_regions/regions/residual.py"
    )


def _module(name: str) -> str:
    return name.removesuffix(".weight")
