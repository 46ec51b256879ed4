"""The training of a run: settings and data in, tables out. No files, no printing.

The replicas of a run are divided into chunks that fit the cache. One thread trains a chunk from the first epoch to the
last. Replicas share read-only data and nothing else, so neither the chunks nor the threads change a bit.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from math import ceil
from typing import TypeVar

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from experiments.config.settings import Settings
from experiments.data.split import seeds_by_part_sizes
from experiments.tables import GRADIENT_NORM, SHARPNESS, STAGES, Replica, RunTables
from experiments.training.checkpoint import Checkpoint, Start, joined, latest
from experiments.training.diagnostics import layer_statistics, sharpness
from experiments.training.evaluation import Evaluation, confusion, decisions, evaluate
from experiments.training.pretraining import pretrain
from experiments.training.recorder import Record, Recorder, assemble
from experiments.training.stack import Stack

CHUNK_BYTES = 5 << 18
"""Bytes of a chunk's parameters. With their gradient and the buffers they are slightly larger than a core's cache.

Smaller chunks would need more calls, which cost more time than the cache saves.
"""

Item = TypeVar("Item")


def train(
    settings: Settings,
    replicas: Sequence[Replica],
    on_epoch: Callable[[int], None] = lambda count: None,
    *,
    resume: Sequence[Mapping[str, np.ndarray]] = (),
    keep: Callable[[dict[str, np.ndarray]], None] | None = None,
) -> RunTables:
    """Train replicas of a condition and return their tables.

    Parameters
    ----------
    settings
        The condition. Its own list of replicas is not used.
    replicas
        The (learning rate, seed) of each replica to train.
    on_epoch
        It is called, from any thread, with the number of replicas that have just finished an epoch.
    resume
        Checkpoints, as `keep` was given them. The results are bit-identical to those of uninterrupted training.
    keep
        It is called, from any thread, with a checkpoint: every `checkpoint.every` epochs, when training is interrupted,
        and when a chunk is done while others are waiting.
    """
    begin = time.perf_counter()
    starts = latest(map(Checkpoint.from_arrays, resume))
    groups = [(seeds, *chunks(settings, group)) for seeds, group in _groups(settings, replicas, starts)]
    threads = max(count for *_, count in groups)
    stop = threading.Event()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        queue = [
            Chunk(settings, chunk, seeds, [starts[replica] for replica in chunk if replica in starts])
            for seeds, members, _ in groups
            for chunk in members
        ]
        waiting = len(queue) > threads
        futures = [pool.submit(chunk.run, on_epoch, keep, stop, waiting) for chunk in queue]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            raise
    clock = {stage: sum(chunk.clock[stage] for chunk in queue) for stage in STAGES}
    clock["total"] = time.perf_counter() - begin
    records = [record for chunk in queue for record in chunk.records()]
    return assemble(settings, records, queue[0].parameters, threads, clock)


def _groups(
    settings: Settings, replicas: Sequence[Replica], starts: Mapping[Replica, Start]
) -> Iterator[tuple[tuple[int, ...], Sequence[Replica]]]:
    """Yield replicas that can be trained side by side, with the seeds whose data are prepared together.

    Such replicas take the same steps: equally many in an epoch, and from the same epoch on.
    """
    seeds = tuple(sorted({seed for _, seed in replicas}))
    for members in seeds_by_part_sizes(settings.data, seeds, **settings.division).values():
        groups: dict[int, list[Replica]] = {}
        for replica in replicas:
            if replica[1] in members:
                epoch = starts[replica][0].epoch if replica in starts else -1
                groups.setdefault(epoch, []).append(replica)
        for group in groups.values():
            yield members, group


def chunks(settings: Settings, replicas: Sequence[Item]) -> tuple[list[Sequence[Item]], int]:
    """Return the chunks in which replicas are trained side by side, and the number of threads."""
    threads = joblib.cpu_count() if settings.threads == "auto" else int(settings.threads)
    if settings.threads == "auto" and settings.weights < 8192:
        # In a narrow network, most of a step is Python code, which only one thread at a time can run.
        threads = 1
    threads = min(len(replicas), threads)
    fitting = max(1, CHUNK_BYTES // (settings.weights * np.dtype(settings.dtype).itemsize))
    count = max(threads, ceil(len(replicas) / fitting))
    bounds = [len(replicas) * index // count for index in range(count + 1)]
    return [replicas[low:high] for low, high in pairwise(bounds)], threads


class Chunk:
    """Replicas that one thread trains side by side, and what is recorded of them.

    Parameters
    ----------
    settings, replicas, seeds
        As for `Stack`.
    starts
        Where each replica is resumed, all after the same epoch, or nothing.
    """

    def __init__(
        self, settings: Settings, replicas: Sequence[Replica], seeds: tuple[int, ...], starts: Sequence[Start]
    ):
        self.settings, self.count = settings, len(replicas)
        self.stack, self.recorder = Stack(settings, replicas, seeds), Recorder(settings, replicas)
        self.clock = dict.fromkeys(STAGES, 0.0)
        self.first = 0  # the epoch that is evaluated first
        self.decided: np.ndarray | None = None  # the classes of all rows after the last epoch
        if starts:
            checkpoint = joined(starts)
            self.first = checkpoint.epoch + 1
            self.stack.resume(checkpoint)
            self.recorder.resume(checkpoint)

    @property
    def parameters(self) -> int:
        """The number of parameters of one network."""
        return int(self.stack.network.parameters.shape[1])

    def run(
        self,
        on_epoch: Callable[[int], None],
        keep: Callable[[dict[str, np.ndarray]], None] | None,
        stop: threading.Event,
        waiting: bool,
    ) -> None:
        """Train until the last epoch or until `stop` is set; evaluate before the first epoch and after each.

        If other chunks are `waiting`, a checkpoint of the last epoch is kept: an interruption must not cost this chunk.
        """
        settings, stack = self.settings, self.stack
        # A diverging replica overflows before the end of its epoch, where it is noticed. That does not affect others.
        with np.errstate(all="ignore"):
            on_epoch(self.count * max(0, self.first - 1))
            if self.first == 0:
                with self._timed("training"):
                    pretrain(stack)
            for epoch in range(self.first, settings.epochs + 1):
                if not len(stack.active):
                    on_epoch(self.count * (settings.epochs - max(0, epoch - 1)))
                    return
                evaluation = self._train_and_record(epoch)
                if epoch:
                    on_epoch(self.count)
                self._drop_diverged(epoch, evaluation)
                if keep and epoch and (self._due(epoch, waiting) or stop.is_set()):
                    keep(self._checkpoint(epoch).to_arrays())
                if stop.is_set():
                    return
            if len(stack.active) and settings.data.classes:
                with self._timed("evaluation"):
                    self._record_decisions()

    def _due(self, epoch: int, waiting: bool) -> bool:
        """Return whether a checkpoint is due after an epoch."""
        every = self.settings.checkpoint.every
        return waiting if epoch == self.settings.epochs else every > 0 and epoch % every == 0

    def _train_and_record(self, epoch: int) -> Evaluation:
        """Train an epoch, if it is not epoch 0, and record everything that is asked for after it."""
        stack, layers = self.stack, self.settings.diagnostics.layers
        before = None
        if epoch:
            before = stack.network.parameters.copy() if layers else None
            with self._timed("training"):
                stack.train_epoch(epoch)
        with self._timed("evaluation"):
            evaluation = evaluate(stack)
            self.recorder.record_epoch(stack.active, epoch, evaluation.losses)
        if self.settings.diagnostics.layers or self.settings.diagnostics.sharpness:
            with self._timed("diagnostics"):
                self._diagnose(epoch, before)
        return evaluation

    def _diagnose(self, epoch: int, before: np.ndarray | None) -> None:
        """Record the diagnostics on the probe; `before` are the parameters one epoch ago."""
        stack, recorder, output = self.stack, self.recorder, self.settings.output
        work = stack.gather(stack.prepared.split.probe[stack.seed_index])
        if self.settings.diagnostics.layers:
            statistics, gradient_norm = layer_statistics(stack.network, output, work, before)
            recorder.record_layers(stack.active, epoch, statistics)
            recorder.record_epoch(stack.active, epoch, {GRADIENT_NORM: gradient_norm})
        if self.settings.diagnostics.sharpness:
            recorder.record_epoch(stack.active, epoch, {SHARPNESS: sharpness(stack.network, output, work)})

    def _drop_diverged(self, epoch: int, evaluation: Evaluation) -> None:
        """Drop the replicas whose losses are not all finite: they have diverged after this epoch."""
        finite = evaluation.finite
        if epoch == self.settings.epochs:
            self.decided = evaluation.decided[finite]
        if not finite.all():
            self.recorder.diverged[self.stack.active[~finite]] = epoch
            self.stack.drop_all_but(np.flatnonzero(finite))

    def _checkpoint(self, epoch: int) -> Checkpoint:
        stack = self.stack
        state = {slot: stack.for_all(values) for slot, values in stack.descent.state.items()}
        return self.recorder.checkpoint(epoch, stack.for_all(stack.network.parameters), state)

    def _record_decisions(self) -> None:
        """Record the confusions of the test part and, if there are two features, the decisions on a grid."""
        stack, recorder = self.stack, self.recorder
        # A chunk that is resumed after its last epoch has not been evaluated yet.
        decided = evaluate(stack).decided if self.decided is None else self.decided
        recorder.confusion[stack.active] = confusion(stack, decided)
        if self.settings.data.inputs.shape[1] == 2:
            recorder.boundary[stack.active] = decisions(stack)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.clock[stage] += time.perf_counter() - begin

    def records(self) -> Iterator[Record]:
        """Yield what is recorded of each replica, in the order in which they were given."""
        return self.recorder.records(self.stack.trained() if self.settings.save else {})
