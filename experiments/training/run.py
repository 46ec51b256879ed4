"""The training of a run: settings and data in, tables out. No files, no printing.

The replicas of a run are divided into parts that fit the cache. The replicas of a part are trained side by side from
the first epoch to the last. Replicas share read-only data and nothing else. So neither the parts, nor the threads or
processes that train them, change a bit.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import ceil
from typing import NamedTuple, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.config.settings import Settings
from experiments.data.split import Split, seeds_by_part_sizes
from experiments.tables import GRADIENT_NORM, SHARPNESS, STAGES, Replica, RunTables
from experiments.training.checkpoint import Checkpoint, Start, joined, latest
from experiments.training.diagnostics import layer_statistics, sharpness
from experiments.training.evaluation import Evaluation, confusion, decisions, evaluate
from experiments.training.pretraining import pretrain
from experiments.training.recorder import Record, Recorder, layer_columns
from experiments.training.stack import Stack
from experiments.training.stopping import Best

CHUNK_BYTES = 5 << 18
"""Bytes of a part's parameters. With their gradient and the buffers they are slightly larger than a core's cache.

Smaller parts would need more calls, which cost more time than the cache saves.
"""

Item = TypeVar("Item")
Keep = Callable[[dict[str, np.ndarray]], None]


class Part(NamedTuple):
    """Replicas of a condition that are trained side by side."""

    replicas: tuple[Replica, ...]
    starts: tuple[Start, ...]  # where each replica is resumed, all after the same epoch, or nothing
    split: Split | None = None  # how the rows are divided for its seeds, if that is known


class TrainedPart(NamedTuple):
    """What is recorded of a part, and the seconds that it took."""

    records: tuple[Record, ...]
    parameters: int  # of one network
    clock: dict[str, float]  # processor seconds of each of `STAGES`, and `total`
    machine: Mapping[str, object] | None = None  # which one has trained it, if not this one


def train(
    settings: Settings,
    replicas: Sequence[Replica],
    on_epoch: Callable[[int], None] = lambda count: None,
    *,
    resume: Sequence[Mapping[str, np.ndarray]] = (),
    keep: Keep | None = None,
) -> RunTables:
    """Train replicas of a condition, part by part, and return their tables.

    Parameters
    ----------
    settings
        The condition. Its own list of replicas is not used.
    replicas
        The (learning rate, seed) of each replica to train.
    on_epoch
        It is called with the number of replicas that have just finished an epoch.
    resume
        Checkpoints, as `keep` was given them. The results are bit-identical to those of uninterrupted training.
    keep
        It is called with a checkpoint, as `train_part` does.
    """
    parts = divide(settings, replicas, resume)
    trained = (train_part(settings, part, on_epoch, keep=keep, keep_last=len(parts) > 1) for part in parts)
    return gathered(settings, [part for part in trained if part])


def gathered(settings: Settings, parts: Sequence[TrainedPart]) -> RunTables:
    """Return the tables of trained parts."""
    from experiments.training.assembling import assemble  # here: workers need no tables

    clock = {stage: sum(part.clock[stage] for part in parts) for stage in ("total", *STAGES)}
    return assemble(settings, [record for part in parts for record in part.records], parts[0].parameters, clock)


def divide(
    settings: Settings, replicas: Sequence[Replica], resume: Sequence[Mapping[str, np.ndarray]] = (), least: int = 1
) -> list[Part]:
    """Return the parts in which replicas are trained.

    The replicas of a part take the same steps: equally many in an epoch, from the same epoch on, and of one trial where
    trials differ in more than their learning rate.

    Parameters
    ----------
    settings, replicas, resume
        As for `train`.
    least
        The least number of parts, if there are as many replicas.
    """
    starts = latest(map(Checkpoint.from_arrays, resume), len(layer_columns(settings)))
    seeds = sorted({seed for _, seed in replicas})
    groups: dict[tuple[int, int, float], list[Replica]] = {}
    for number, members in enumerate(seeds_by_part_sizes(settings.data, seeds, **settings.division).values()):
        for replica in replicas:
            if replica[1] in members:
                epoch = starts[replica][0].epoch if replica in starts else -1
                trial = replica[0] if settings.trials else 0.0
                groups.setdefault((number, epoch, trial), []).append(replica)
    return [
        Part(tuple(members), tuple(starts[replica] for replica in members if replica in starts))
        for group in groups.values()
        for members in chunks(settings, group, ceil(least * len(group) / len(replicas)))
    ]


def chunks(settings: Settings, replicas: Sequence[Item], least: int = 1) -> list[Sequence[Item]]:
    """Return replicas in chunks that fit the cache: at least this many chunks, if there are as many replicas."""
    fitting = max(1, CHUNK_BYTES // (settings.weights * np.dtype(settings.dtype).itemsize))
    count = max(min(least, len(replicas)), ceil(len(replicas) / fitting))
    bounds = [len(replicas) * index // count for index in range(count + 1)]
    return [replicas[low:high] for low, high in pairwise(bounds)]


def train_part(
    settings: Settings,
    part: Part,
    on_epoch: Callable[[int], None] = lambda count: None,
    *,
    keep: Keep | None = None,
    keep_last: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainedPart | None:
    """Train a part from where it is resumed to its last epoch; None if it was stopped before.

    Parameters
    ----------
    settings, on_epoch
        As for `train`.
    part
        The replicas.
    keep
        It is called with a checkpoint every `checkpoint.every` epochs, and when the training is stopped.
    keep_last
        Whether a checkpoint of the last epoch is kept: an interruption must not cost this part.
    stopped
        It is asked after every epoch whether to stop.
    """
    begin = time.thread_time()
    chunk = Chunk(settings, part)
    with threadpool_limits(1, "blas"):
        if not chunk.run(on_epoch, keep, keep_last, stopped):
            return None
    return TrainedPart(tuple(chunk.records()), chunk.parameters, chunk.clock | {"total": time.thread_time() - begin})


class Chunk:
    """A part in training, and what is recorded of it."""

    def __init__(self, settings: Settings, part: Part):
        settings = settings.at(part.replicas[0][0])  # all are of one trial
        self.settings, self.part, self.count = settings, part, len(part.replicas)
        self.stack = Stack(settings, part.replicas, part.split)
        self.recorder = Recorder(settings, part.replicas)
        self.clock = dict.fromkeys(STAGES, 0.0)
        self.first = 0  # the epoch that is evaluated first
        self.end: Evaluation | None = None  # of the networks with which the replicas end
        self.best = Best(self.stack) if settings.early_stopping.on else None
        if part.starts:
            checkpoint = joined(part.starts)
            self.first = checkpoint.epoch + 1
            self.recorder.resume(checkpoint)
            self.stack.resume(checkpoint, self._in_training())
            if self.best:
                self.best.resume(checkpoint.state)

    @property
    def parameters(self) -> int:
        """The number of parameters of one network."""
        return int(self.stack.network.parameters.shape[1])

    def run(
        self, on_epoch: Callable[[int], None], keep: Keep | None, keep_last: bool, stopped: Callable[[], bool]
    ) -> bool:
        """Train until the last epoch, or until `stopped`; evaluate as often as the settings say.

        Return whether it was the last epoch.
        """
        settings, stack = self.settings, self.stack
        every, last = settings.checkpoint.every, settings.epochs
        # A diverging replica overflows before the end of its epoch, where it is noticed. That does not affect others.
        with np.errstate(all="ignore"):
            on_epoch(self.count * max(0, self.first - 1))
            if self.first == 0:
                with self._timed("training"):
                    pretrain(stack)
                    stack.start_statistics()
            for epoch in range(self.first, last + 1):
                if not len(stack.active):
                    on_epoch(self.count * (last - max(0, epoch - 1)))
                    break
                finite = self._train_and_record(epoch)
                if epoch:
                    on_epoch(self.count)
                self._drop_ended(epoch, finite)
                ended = epoch == last or not len(stack.active)
                stop = not ended and stopped()
                due = keep_last if ended else stop or (every > 0 and epoch % every == 0)
                if keep and epoch and due:
                    keep(self._checkpoint(epoch).to_arrays())
                if stop:
                    return False
            if self.best:
                self.stack = Stack(settings, self.part.replicas, self.part.split)
                self.best.restore(self.stack)
                self.stack.drop_all_but(np.flatnonzero(self.recorder.diverged < 0))
            if len(self.stack.active):
                with self._timed("evaluation"):
                    self._record_end()
        return True

    def _train_and_record(self, epoch: int) -> np.ndarray:
        """Train an epoch, if it is not epoch 0, and record everything that is asked for after it.

        Return whether each active replica is finite (R,): its losses, and the running statistics of a batch norm.
        """
        stack, settings = self.stack, self.settings
        evaluates = settings.evaluate == "every" or epoch == settings.epochs
        before = None
        if epoch:
            before = stack.network.parameters.copy() if settings.diagnostics.layers and evaluates else None
            with self._timed("training"):
                stack.train_epoch(epoch)
        with self._timed("evaluation"):
            if not evaluates:
                return self._record_overflow(epoch)
            every_epoch = settings.metrics.every_epoch
            evaluation = evaluate(stack, every_epoch or self._ends_with(epoch))
            columns = evaluation.losses | (evaluation.metrics if every_epoch else {})
            self.recorder.record_epoch(stack.active, epoch, columns)
            finite = evaluation.finite & np.isfinite(stack.network.statistics).all(axis=1)
            if self._ends_with(epoch):
                self.end = evaluation.of(finite)
        if settings.diagnostics.layers or settings.diagnostics.sharpness:
            with self._timed("diagnostics"):
                self._diagnose(epoch, before)
        return finite

    def _record_overflow(self, epoch: int) -> np.ndarray:
        """Record the losses of the replicas that have diverged, after an epoch without evaluation; return the others.

        Only a replica with a parameter or statistic that is not finite is looked at. It has diverged if its losses or
        statistics are not finite, as it would have with the evaluation of every epoch.
        """
        stack = self.stack
        statistics, finite = (
            np.asarray(np.isfinite(values).all(axis=1))
            for values in (stack.network.statistics, stack.network.parameters)
        )
        finite &= statistics
        if not finite.all():
            evaluation = evaluate(stack)
            finite[evaluation.finite & statistics] = True
            ended = {name: values[~finite] for name, values in evaluation.losses.items()}
            self.recorder.record_epoch(stack.active[~finite], epoch, ended)
        return finite

    def _diagnose(self, epoch: int, before: np.ndarray | None) -> None:
        """Record the diagnostics on the probe; `before` are the parameters one epoch ago."""
        stack, recorder, output = self.stack, self.recorder, self.settings.output
        work = stack.gather(stack.prepared.split.probe[stack.seed_index])
        if self.settings.diagnostics.layers:
            statistics, gradient_norm = layer_statistics(
                stack.network, output, work, before, self.settings.diagnostics.sides
            )
            recorder.record_layers(stack.active, epoch, statistics)
            recorder.record_epoch(stack.active, epoch, {GRADIENT_NORM: gradient_norm})
        if self.settings.diagnostics.sharpness:
            recorder.record_epoch(stack.active, epoch, {SHARPNESS: sharpness(stack.network, output, work)})

    def _drop_ended(self, epoch: int, finite: np.ndarray) -> None:
        """Drop the replicas that have diverged after this epoch, which are not `finite` (R,), and those that stop."""
        active = self.stack.active
        if not finite.all():
            self.recorder.diverged[active[~finite]] = epoch
        if self.best:
            waited = epoch - self.recorder.best_epoch()[active]
            self.best.update(self.stack, finite & (waited == 0))
            if epoch < self.settings.epochs:
                self.recorder.stopped[active[finite & (waited >= self.settings.early_stopping.patience)]] = epoch
        kept = np.isin(active, self._in_training())
        if not kept.all():
            self.stack.drop_all_but(np.flatnonzero(kept))

    def _ends_with(self, epoch: int) -> bool:
        """Return whether the networks after this epoch are those with which the replicas end."""
        return epoch == self.settings.epochs and self.best is None

    def _in_training(self) -> np.ndarray:
        """Return the indices of the replicas that have neither diverged nor stopped."""
        return np.flatnonzero((self.recorder.diverged < 0) & (self.recorder.stopped < 0))

    def _checkpoint(self, epoch: int) -> Checkpoint:
        stack = self.stack
        state = {slot: stack.for_all(values) for slot, values in stack.state().items()}
        if self.best:
            state |= self.best.arrays
        return self.recorder.checkpoint(epoch, stack.for_all(stack.network.parameters), state)

    def _record_end(self) -> None:
        """Record metrics, confusions and reliability and, if there are two features, decisions on a grid."""
        stack, recorder = self.stack, self.recorder
        # Early stopping returns to other networks, and a chunk may be resumed after its last epoch.
        evaluation = evaluate(stack, measured=True) if self.end is None else self.end
        recorder.record_metrics(stack.active, evaluation.metrics)
        if not self.settings.data.classes:
            return
        recorder.confusion[stack.active] = confusion(stack, evaluation.decided)
        recorder.reliability[stack.active] = evaluation.reliability
        if self.settings.data.inputs.shape[1] == 2:
            recorder.boundary[stack.active] = decisions(stack)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Add the processor's time to a stage: what else the machine does must not make an activation look slow."""
        begin = time.thread_time()
        yield
        self.clock[stage] += time.thread_time() - begin

    def records(self) -> Iterator[Record]:
        """Yield what is recorded of each replica, in the order in which they were given."""
        return self.recorder.records(self.stack.trained() if self.settings.save else {})
