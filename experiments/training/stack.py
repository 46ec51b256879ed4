"""Replicas of one condition that are trained side by side."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from experiments.config.settings import Settings
from experiments.data.scaling import DENSE_BYTES
from experiments.data.split import SCALES, Prepared, Split, prepare
from experiments.streams import stream
from experiments.tables import Replica
from experiments.training.checkpoint import Checkpoint
from nets.descent import Descent
from nets.network import Network, Work

_PREPARED: dict[tuple[Any, ...], Prepared] = {}
"""The data that were prepared last: most parts of a sweep share the data set and the seeds."""
_PREPARING = threading.Lock()

STATISTICS = "statistics"
"""The name of the running statistics among the arrays of a checkpoint."""


def _prepare(settings: Settings, seeds: tuple[int, ...], split: Split | None) -> Prepared:
    key = (settings.data, seeds, settings.dtype, settings.output.scaling, *settings.division.values())
    with _PREPARING:
        if key not in _PREPARED:
            large = settings.data.inputs.nbytes * len(seeds) > DENSE_BYTES
            while len(_PREPARED) > (0 if large else 1):
                _PREPARED.pop(next(iter(_PREPARED)))
            _PREPARED[key] = prepare(
                settings.data,
                seeds,
                dtype=settings.dtype,
                **settings.division,
                scaling=settings.output.scaling,
                parts=split,
                when_read=True,
            )
        return _PREPARED[key]


class Stack:
    """Replicas of one condition that are trained side by side. A diverged replica can be dropped.

    Parameters
    ----------
    settings
        The condition. Its own list of replicas is not used.
    replicas
        The (learning rate, seed) of each replica.
    split
        How the rows are divided for the replicas' seeds, if that is known.

    Attributes
    ----------
    prepared
        The data set, divided and scaled for each of the replicas' seeds.
    labels
        The class (n,) of each row of the data set, in a classification.
    active
        The indices (R,) of the replicas that were not dropped. All other arrays have a row for each of these only.
    seed_index
        The index (R,) of each replica's seed in `prepared`.
    descent
        The networks, the optimizer's state, and the number of steps.
    """

    def __init__(self, settings: Settings, replicas: Sequence[Replica], split: Split | None = None):
        seeds = seeds_of(replicas)
        self.settings, self.replicas = settings, replicas
        self.prepared = _prepare(settings, seeds, split)
        self.active = np.arange(len(replicas))
        self.seed_index = np.array([seeds.index(seed) for _, seed in replicas])
        self.seed = np.array([seed for _, seed in replicas])
        self.rate = np.array([rate for rate, _ in replicas], settings.dtype)[:, None]
        self._set_data()
        self.network = self._initial_network()
        state = settings.optimizer.state(self.network.parameters)
        self.descent = Descent(self.network, settings.output, settings.optimizer, state)
        self._set_buffers()

    def _set_data(self) -> None:
        """Make the rows that `gather` takes: those of all seeds below each other, or those that all seeds share."""
        settings, prepared = self.settings, self.prepared
        self.inputs = prepared.inputs.reshape(-1, prepared.inputs.shape[2])
        self._class_weights = None  # (seeds, classes)
        if settings.data.task == "regression":
            self.targets = prepared.targets.reshape(-1, prepared.targets.shape[2])
            return
        self.labels = prepared.targets
        self.targets = settings.output.encode(self.labels, len(settings.data.classes), settings.dtype)
        if settings.class_weight == "balanced":
            counts = np.stack([np.bincount(self.labels[rows]) for rows in prepared.split.train])
            self._class_weights = balanced(counts).astype(settings.dtype)

    def _initial_network(self) -> Network:
        settings = self.settings
        network = Network(
            self.inputs.shape[1],
            settings.net.hidden,
            settings.outputs,
            settings.activation,
            len(self.replicas),
            settings.dtype,
            settings.net.recipe,
        )
        network.initialize(
            settings.init, lambda replica, layer: stream(settings.entropy, "init", int(self.seed[replica]), layer)
        )
        network.layers[-1].bias[:] = settings.net.output_bias
        return network

    def _set_buffers(self) -> None:
        """Make what belongs to the active replicas: their first rows in the data, and no buffers yet."""
        start = (self.seed_index * len(self.settings.data.inputs))[:, None]
        self._input_start = start if len(self.prepared.inputs) > 1 else None
        self._target_start = start if self.prepared.targets.ndim == 3 and len(self.prepared.targets) > 1 else None
        self._work: dict[tuple[int, bool], Work] = {}
        self._reading: dict[int, Work] = {}

    def gather(self, rows: np.ndarray, training: bool = False) -> Work:
        """Return buffers, for training or not, with the inputs and targets of these rows (R, n) of each replica."""
        key = rows.shape[1], training
        if key not in self._work:
            self._work[key] = Work(self.network, *key, targets=self.targets.shape[1])
        work = self._work[key]
        starts = (self._input_start, self._target_start)
        for values, start, out in zip((self.inputs, self.targets), starts, (work.inputs, work.targets), strict=True):
            # mode="clip" lets take write straight into `out`; no index is out of range.
            values.take(rows if start is None else rows + start, 0, out, "clip")
        return work

    def read(self, rows: slice) -> Work:
        """Return buffers with the inputs and targets of the same rows for each replica, as views where possible."""
        count = rows.stop - rows.start
        if count not in self._reading:
            self._reading[count] = Work(self.network, count)
        work = self._reading[count]
        targets = self.prepared.targets if self.prepared.targets.ndim == 3 else self.targets[np.newaxis]
        work.read(self._of_replicas(self.prepared.inputs[:, rows]), self._of_replicas(targets[:, rows]))
        return work

    def _of_replicas(self, values: np.ndarray) -> np.ndarray:
        """Return the values (R, n, d) of each replica from those of each seed, or from those that all seeds share."""
        if len(values) == 1:
            return np.broadcast_to(values, (len(self.seed_index), *values.shape[1:]))
        rows: np.ndarray = values[self.seed_index]
        return rows

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        """Yield the training rows (R, batch) of each step of an epoch."""
        train, batch = self.prepared.split.train, self.settings.batch_size
        count = train.shape[1]
        order = {
            seed: stream(self.settings.entropy, "order", int(seed), epoch).permutation(count) for seed in set(self.seed)
        }
        rows = np.stack([train[row][order[seed]] for row, seed in zip(self.seed_index, self.seed, strict=True)])
        by_step = rows[:, : count // batch * batch].reshape(len(rows), -1, batch).swapaxes(0, 1)
        yield from by_step.copy()  # each step's rows lie together

    def train_epoch(self, epoch: int) -> None:
        """Train for one epoch."""
        for _ in self.train_steps(epoch):
            pass

    def train_steps(self, epoch: int) -> Iterator[None]:
        """Train for one epoch; yield after each step."""
        settings = self.settings
        rate = self.rate * settings.schedule.factor(epoch, settings.epochs)
        rate = rate.astype(self.network.dtype, copy=False)
        scale = (settings.optimizer.gradient_factor(rate) / settings.batch_size)[:, :, None]
        penalty = scale * settings.activation_l1 if settings.activation_l1 else None
        for rows, work in self._work_of_steps(epoch):
            self.descent.step(work, rate, scale, self._row_weights(rows), penalty)
            yield

    def _work_of_steps(self, epoch: int) -> Iterator[tuple[np.ndarray, Work]]:
        """Yield the rows and the filled buffers of each step of an epoch."""
        seeds = self.seed.tolist()
        drawing = set(seeds) if self.network.drops else ()
        generators = {seed: stream(self.settings.entropy, "dropout", seed, epoch) for seed in drawing}
        for rows in self.batches(epoch):
            work = self.gather(rows, training=True)
            self.network.draw_masks(generators, seeds, work)
            yield rows, work

    def start_statistics(self) -> None:
        """Set the running statistics of a batch norm to those of the first step of training, before it is taken."""
        if self.network.statistics.shape[1]:
            _, work = next(self._work_of_steps(1))
            self.network.forward(work, share=1.0)

    def _row_weights(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the weights (R, n, 1) of these rows' classes, if classes are weighted."""
        if self._class_weights is None:
            return None
        weights: np.ndarray = self._class_weights[self.seed_index[:, None], self.labels[rows]]
        return weights[:, :, None]

    def drop_all_but(self, kept: np.ndarray) -> None:
        """Drop all active replicas except these (indices among the active ones)."""
        self.active, self.seed_index, self.seed, self.rate = (
            values[kept] for values in (self.active, self.seed_index, self.seed, self.rate)
        )
        self.descent.keep(kept)
        self._set_buffers()

    def resume(self, checkpoint: Checkpoint, kept: np.ndarray) -> None:
        """Continue after a checkpoint of the same replicas, with those that are kept (indices)."""
        self.descent.steps = checkpoint.epoch * (self.prepared.split.train.shape[1] // self.settings.batch_size)
        self.network.parameters[:] = checkpoint.parameters
        for slot, values in self.descent.state.items():
            values[:] = checkpoint.state[slot]
        if self.network.statistics.shape[1]:
            self.network.statistics[:] = checkpoint.state[STATISTICS]
        self.descent.fresh = False
        self.drop_all_but(kept)

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays (R, …) that a checkpoint needs besides the parameters: the optimizer's and `STATISTICS`."""
        statistics = self.network.statistics
        return self.descent.state | ({STATISTICS: statistics} if statistics.shape[1] else {})

    def for_all(self, values: np.ndarray) -> np.ndarray:
        """Return rows for all replicas from those of the active ones; rows of dropped replicas are NaN."""
        rows = np.full((len(self.replicas), *values.shape[1:]), np.nan, values.dtype)
        rows[self.active] = values
        return rows

    def trained(self) -> dict[int, dict[str, np.ndarray]]:
        """Return the parameters of each active replica, by its index, and what scales its inputs and targets."""
        scales = {name: getattr(self.prepared, name) for name in SCALES}
        networks = {}
        for position, (index, row) in enumerate(zip(self.active.tolist(), self.seed_index, strict=True)):
            arrays = {
                name: values[row if len(values) > 1 else 0] for name, values in scales.items() if values is not None
            }
            networks[index] = {name: values[position] for name, values in self.network.arrays().items()} | arrays
        return networks


def seeds_of(replicas: Iterable[Replica]) -> tuple[int, ...]:
    """Return the seeds of replicas, sorted."""
    return tuple(sorted({seed for _, seed in replicas}))


def balanced(counts: np.ndarray) -> np.ndarray:
    """Return the weights n / (K n_k) of K classes with n_k rows (…, K).

    With them all classes have the same total weight, and the mean weight of a row is 1.

    References
    ----------
    King and Zeng (2001), "Logistic regression in rare events data".
    """
    weights: np.ndarray = counts.sum(axis=-1, keepdims=True) / (counts.shape[-1] * counts)
    return weights
