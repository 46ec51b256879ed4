"""The step of minibatch gradient descent that the runner and the estimators share."""

from dataclasses import dataclass

import numpy as np

from nets.network import Network, Work
from nets.norms import SHARE
from nets.optimizers import Optimizer
from nets.outputs import Output


@dataclass
class Descent:
    """A stack of networks in training.

    Attributes
    ----------
    network, output, optimizer
        The networks (R replicas), their output units with the cost, and the update rule.
    state
        The optimizer's arrays (R, P), by name.
    steps
        The number of steps so far.
    fresh
        Whether the networks have no running statistics yet. Then those of the first batch replace what is there.
    """

    network: Network
    output: Output
    optimizer: Optimizer
    state: dict[str, np.ndarray]
    steps: int = 0
    fresh: bool = True

    def step(
        self,
        work: Work,
        rate: np.ndarray,
        scale: np.ndarray,
        row_weights: np.ndarray | None = None,
        activation_l1: np.ndarray | None = None,
    ) -> None:
        """Take one step on the batch that `work` holds.

        Parameters
        ----------
        work
            Buffers for training, whose inputs, targets and masks are filled.
        rate
            Learning rates (R, 1).
        scale
            A factor on ∂cost/∂scores (R, batch, outputs): `Optimizer.gradient_factor` divided by the number of rows.
        row_weights
            The weights of the rows, if they are weighted: a second such factor.
        activation_l1
            The L1 penalty on the hidden activations times `scale`, as in `Network.backward`.
        """
        network = self.network
        scores = network.forward(work, 1.0 if self.fresh else SHARE)
        self.fresh = False
        self.output.gradient(scores, self.output.smooth(work.targets), work.delta)
        work.delta *= scale
        if row_weights is not None:
            work.delta *= row_weights
        network.backward(work, activation_l1)
        if self.optimizer.clip_norm < np.inf:
            self._clip(rate)
        self.steps += 1
        self.optimizer.step(network.parameters, network.gradient, self.state, rate, network.decayed, self.steps)

    def _clip(self, rate: np.ndarray) -> None:
        """Scale each replica's gradient down to the optimizer's `clip_norm`, if its norm is larger.

        As in PyTorch, 1e-6 is added to the norm.
        """
        gradient, limit = self.network.gradient, self.optimizer.clip_norm
        squares = np.vecdot(gradient, gradient).astype(np.float64)
        for index in np.flatnonzero(~np.isfinite(squares)):
            double = gradient[index].astype(np.float64)
            squares[index] = double @ double
        norm = np.sqrt(squares)[:, None] / self.optimizer.gradient_factor(rate)
        gradient *= np.minimum(1, limit / (norm + 1e-6)).astype(gradient.dtype)

    def keep(self, replicas: np.ndarray) -> None:
        """Continue with these replicas only (indices)."""
        self.network.keep(replicas)
        self.state = {slot: values[replicas] for slot, values in self.state.items()}
