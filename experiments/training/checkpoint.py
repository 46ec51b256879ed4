"""The state from which a chunk is resumed, and its conversion to the arrays of a file and back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.tables import Replica

STATE = "state."
"""The names of the further arrays begin with this."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Replicas of one chunk after an epoch. The first axis of each array counts the replicas.

    Attributes
    ----------
    replicas
        The (learning rate, seed) of each replica.
    epoch
        The last epoch that is recorded.
    history
        (R, epoch + 1, columns that are recorded after each epoch).
    layers
        (R, epoch + 1, layers, columns of a layer that are recorded after each epoch).
    diverged
        The epoch (R,) after which a replica had diverged, or -1.
    parameters
        (R, P), NaN for a replica that is no longer trained.
    state
        Further arrays (R, …) by name: the optimizer's, those of a batch norm, and what early stopping keeps.
    """

    replicas: Sequence[Replica]
    epoch: int
    history: np.ndarray
    layers: np.ndarray
    diverged: np.ndarray
    parameters: np.ndarray
    state: dict[str, np.ndarray]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that are written to a file."""
        return {
            "lr": np.array([rate for rate, _ in self.replicas]),
            "seed": np.array([seed for _, seed in self.replicas]),
            "epoch": np.array(self.epoch),
            "history": self.history,
            "layers": self.layers,
            "diverged": self.diverged,
            "parameters": self.parameters,
            **{STATE + slot: values for slot, values in self.state.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Checkpoint":
        """Return the checkpoint that was written as these arrays."""
        return cls(
            list(zip(arrays["lr"].tolist(), arrays["seed"].tolist(), strict=True)),
            int(arrays["epoch"]),
            arrays["history"],
            arrays["layers"],
            arrays["diverged"],
            arrays["parameters"],
            {name.removeprefix(STATE): values for name, values in arrays.items() if name.startswith(STATE)},
        )


Start = tuple[Checkpoint, int]
"""Where a replica is resumed: a checkpoint, and the replica's index in it."""


def latest(checkpoints: Iterable[Checkpoint], columns: int) -> dict[Replica, Start]:
    """Return where each replica is resumed: in its checkpoint of the last epoch.

    A checkpoint of a version that recorded another number of `columns` of a layer is left out.
    """
    starts: dict[Replica, Start] = {}
    for checkpoint in checkpoints:
        if checkpoint.layers.shape[3] != columns:
            continue
        for index, replica in enumerate(checkpoint.replicas):
            if replica not in starts or checkpoint.epoch > starts[replica][0].epoch:
                starts[replica] = checkpoint, index
    return starts


def joined(starts: Sequence[Start]) -> Checkpoint:
    """Return one checkpoint of replicas that are resumed after the same epoch."""

    def rows(values: Callable[[Checkpoint], np.ndarray]) -> np.ndarray:
        return np.stack([values(checkpoint)[index] for checkpoint, index in starts])

    first, _ = starts[0]
    return Checkpoint(
        [checkpoint.replicas[index] for checkpoint, index in starts],
        first.epoch,
        rows(lambda checkpoint: checkpoint.history),
        rows(lambda checkpoint: checkpoint.layers),
        rows(lambda checkpoint: checkpoint.diverged),
        rows(lambda checkpoint: checkpoint.parameters),
        {slot: np.stack([checkpoint.state[slot][index] for checkpoint, index in starts]) for slot in first.state},
    )
