"""Estimators of the importance of a weight."""

from dataclasses import dataclass

ESTIMATORS = ("taylor", "taylor_abs", "fisher", "magnitude")


@dataclass(frozen=True)
class Estimator:
    """How importance is estimated, and how samples are grouped for it.

    With g_j the gradient of the mean next-token loss and theta_j the weight:

    - "taylor": |mean over samples of g_j| * |theta_j|, the first-order estimate of
      |L(theta) - L(theta with theta_j = 0)| over all samples;
    - "taylor_abs": the mean over micro-batches of |g_j * theta_j|;
    - "fisher": the mean over micro-batches of (g_j * theta_j)^2, the diagonal of the empirical Fisher information times
      theta_j^2;
    - "magnitude": |theta_j|, a baseline that needs no text.

    Attributes:
        name: one of these.
        micro_batch: blocks per micro-batch of "taylor_abs" and "fisher". The scores of "taylor" do not depend on
            batching.
    """

    name: str = "taylor"
    micro_batch: int = 1

    @property
    def by_micro_batch(self) -> bool:
        """Whether the terms of the sum are those of micro-batches, not of samples."""
        return self.name in ("taylor_abs", "fisher")
