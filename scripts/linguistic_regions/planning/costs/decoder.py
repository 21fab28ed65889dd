"""The shape of a decoder, and the numbers of weights that follow from it. Standard library only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The shape of a decoder with one attention and one MLP in each layer.

    Attributes:
        layers: decoder layers.
        width: hidden size.
        mlp_width: inner width of the MLP, or of one expert.
        heads: attention heads.
        kv_heads: key and value heads; fewer than `heads` means grouped-query attention.
        head_size: width of a head; heads x head_size need not be `width`.
        vocabulary: rows of the embedding.
        tied: whether the head shares the embedding's weights.
        gated: whether the MLP has a third matrix, the gate.
        experts: MLPs per layer.
        active: experts that a token passes through.
    """

    layers: int
    width: int
    mlp_width: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    gated: bool
    experts: int = 1
    active: int = 1

    @property
    def matrices(self) -> int:
        """Number of selectable weights: attention and MLP of all layers, without routers and shared experts."""
        return self.layers * (self._attention + self.experts * self._mlp)

    @property
    def used(self) -> int:
        """Number of selectable weights that a token passes through."""
        return self.layers * (self._attention + self.active * self._mlp)

    @property
    def largest_matrix(self) -> int:
        """Number of weights of the largest selectable matrix, assuming that matrices are not fused."""
        return self.width * max(self.experts * self.mlp_width, self.heads * self.head_size)

    @property
    def smallest_matrix(self) -> int:
        """Number of weights of the smallest selectable matrix, assuming that matrices are not fused."""
        return self.width * min(self.mlp_width, self.kv_heads * self.head_size)

    @property
    def embedding(self) -> int:
        """Number of weights of the embedding, which is also that of the head."""
        return self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """Number of weights of the language model, without norms, biases and position embeddings (below 1 %)."""
        return self.matrices + self.embedding * (1 if self.tied else 2)

    @property
    def _attention(self) -> int:
        return 2 * (self.heads + self.kv_heads) * self.head_size * self.width

    @property
    def _mlp(self) -> int:
        return (3 if self.gated else 2) * self.width * self.mlp_width
