"""What early stopping keeps: the networks after the epochs with the lowest validation loss."""

import numpy as np

from experiments.training.stack import Stack

BEST = "best."
"""The names of the arrays in a checkpoint begin with this."""


class Best:
    """The network of each replica of a part after its best epoch so far.

    Attributes
    ----------
    arrays
        Parameters and running statistics by name; the first axis of each counts the replicas.
    """

    def __init__(self, stack: Stack):
        self.arrays = {BEST + name: values.copy() for name, values in stack.network.arrays().items()}

    def update(self, stack: Stack, improved: np.ndarray) -> None:
        """Take over the networks of these active replicas (bool)."""
        for name, values in stack.network.arrays().items():
            self.arrays[BEST + name][stack.active[improved]] = values[improved]

    def resume(self, state: dict[str, np.ndarray]) -> None:
        """Continue with what a checkpoint contains."""
        for name, values in self.arrays.items():
            values[:] = state[name]

    def restore(self, stack: Stack) -> None:
        """Replace the networks of a fresh stack of all replicas."""
        for name, values in stack.network.arrays().items():
            values[:] = self.arrays[BEST + name]
