"""A run: settings and data in, tables out. No files, no printing.

The replicas of a run are cut into chunks that fit the cache; each chunk is trained from the first epoch to the
last by one thread. Replicas share nothing but read-only data, so neither the cut nor the threads change a bit.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from math import ceil

import joblib
import numpy as np

from experiments.config.settings import Settings
from experiments.data.split import prepare, seeds_by_part_sizes
from experiments.streams import stream
from experiments.tables import LAYER_COLUMNS, LOSS_COLUMNS, PARTS, RunTables
from experiments.training.diagnostics import layer_statistics, sharpness
from experiments.training.pretraining import Denoiser, nonnegative
from experiments.training.recorder import Record, assemble
from nets.network import Network, Work

EVALUATION_ROWS = 256


CHUNK_BYTES = 5 << 18
"""Parameters of a chunk: with their gradient and the buffers they just outgrow a core's cache, where smaller chunks
would cost more calls than they save."""


GRID = 100


_prepare = lru_cache(maxsize=2)(prepare)  # the runs of a sweep mostly share data set and seeds


def train(
    settings: Settings,
    replicas: Sequence[tuple[float, int]],
    on_epoch: Callable[[int], None] = lambda count: None,
    *,
    resume: Sequence[Mapping[str, np.ndarray]] = (),
    keep: Callable[[dict[str, np.ndarray]], None] | None = None,
) -> RunTables:
    """Train these (learning rate, seed) replicas of a condition and return their tables.

    Parameters
    ----------
    settings
        The condition; its own list of replicas is not looked at.
    replicas
        What to train.
    on_epoch
        Called, from any thread, with the number of replicas that have just finished an epoch.
    resume
        Checkpoints to go on from, as `keep` was given them: the numbers are those of a training without a break.
    keep
        Called, from any thread, with a checkpoint every `checkpoint.every` epochs, when training is interrupted, and
        when a chunk is done before others have begun.
    """
    from threadpoolctl import threadpool_limits

    begin = time.perf_counter()
    seeds = tuple(sorted({seed for _, seed in replicas}))
    division = {"entropy": settings.entropy, **settings.split}
    starts = _latest(resume)
    # Side by side are those that make the same steps: as many in an epoch, from the same epoch on.
    cuts = []
    for members in seeds_by_part_sizes(settings.data, seeds, **division).values():
        prepared = _prepare(settings.data, members, dtype=settings.dtype, **division)
        groups = {}
        for replica in replicas:
            if replica[1] in members:
                groups.setdefault(_epoch(starts.get(replica)), []).append(replica)
        cuts += [(prepared, members, *cut(settings, group)) for group in groups.values()]
    threads = max(count for *_, count in cuts)
    stop = threading.Event()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        stacks = [
            _Stack(settings, prepared, members, chunk, [starts.get(replica) for replica in chunk])
            for prepared, members, chunks, _ in cuts
            for chunk in chunks
        ]
        queued = len(stacks) > threads
        futures = [pool.submit(stack.run, on_epoch, keep, stop, queued) for stack in stacks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            raise
    clock = sum((stack.clock for stack in stacks), Counter())
    clock["total"] = time.perf_counter() - begin
    parameters = stacks[0].network.parameters.shape[1]
    records = [record for stack in stacks for record in stack.records()]
    return assemble(settings, records, parameters, {"threads": threads, **clock})


def steps_to_error(settings: Settings, replicas: Sequence[tuple[float, int]], error: float) -> dict:
    """Return for each (learning rate, seed) after how many minibatch steps its training error was first this low.

    The training is that of `train`, looked at after each step instead of each epoch. One that does not get there is
    censored: the steps of all its epochs are returned.
    """
    from threadpoolctl import threadpool_limits

    seeds = tuple(sorted({seed for _, seed in replicas}))
    prepared = _prepare(settings.data, seeds, entropy=settings.entropy, dtype=settings.dtype, **settings.split)
    stack = _Stack(settings, prepared, seeds, replicas, [None] * len(replicas))
    labels = stack.labels[prepared.split.train[stack.row]]
    found = np.zeros(len(replicas), int)
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        stack.pretrain()
        for epoch in range(1, settings.epochs + 1):
            for _ in stack.train_steps(epoch):
                scores = stack.network.forward(stack.gather(prepared.split.train[stack.row]))
                wrong = (settings.output.decide(scores) != labels).mean(axis=1)
                found[(found == 0) & (wrong <= error)] = stack.steps
                if found.all():
                    return dict(zip(replicas, found.tolist(), strict=True))
    return dict(zip(replicas, np.where(found, found, stack.steps).tolist(), strict=True))


def _latest(checkpoints):
    """Return for each replica the checkpoint that got furthest, and the replica's place in it."""
    latest = {}
    for arrays in checkpoints:
        for place, replica in enumerate(zip(arrays["lr"].tolist(), arrays["seed"].tolist(), strict=True)):
            if _epoch((arrays, place)) > _epoch(latest.get(replica)):
                latest[replica] = arrays, place
    return latest


def _epoch(start):
    """Return the last epoch of a checkpoint, -1 without one."""
    return -1 if start is None else int(start[0]["epoch"])


def cut(settings: Settings, replicas: Sequence) -> tuple[list[Sequence], int]:
    """Return the chunks in which replicas are trained side by side, and the number of threads."""
    threads = settings.threads
    if threads == "auto":
        threads = joblib.cpu_count()
    if settings.threads == "auto" and settings.weights < 8192:
        # A step of a narrow network is mostly the interpreter's time, which threads do not share.
        threads = 1
    threads = min(len(replicas), threads)
    fitting = max(1, CHUNK_BYTES // (settings.weights * np.dtype(settings.dtype).itemsize))
    count = max(threads, ceil(len(replicas) / fitting))
    bounds = [len(replicas) * index // count for index in range(count + 1)]
    return [replicas[low:high] for low, high in pairwise(bounds)], threads


class _Stack:
    """Replicas that are trained side by side; those that diverge leave it.

    `starts` has, for each replica, a checkpoint and its place in it; None throughout for a fresh start.
    """

    def __init__(self, settings, prepared, seeds, replicas, starts):
        self.settings, self.prepared, self.replicas = settings, prepared, replicas
        self.row = np.array([seeds.index(seed) for _, seed in replicas])
        self.seed = np.array([seed for _, seed in replicas])
        data, output = settings.data, settings.output
        dtype = np.dtype(settings.dtype)
        self.rate = np.array([rate for rate, _ in replicas], dtype)[:, None]
        features = prepared.inputs.shape[2]
        self.inputs = prepared.inputs.reshape(-1, features)
        self.class_weights = None  # (seeds, classes)
        if data.task == "classification":
            self.labels = prepared.targets
            self.targets = output.encode(prepared.targets, len(data.classes), dtype)
            if settings.class_weight == "balanced":
                counts = np.stack([np.bincount(self.labels[rows]) for rows in prepared.split.train])
                self.class_weights = balanced(counts).astype(dtype)
        else:
            self.targets = prepared.targets.reshape(-1, settings.outputs)
        self.network = Network(features, settings.hidden, settings.outputs, settings.activation, len(replicas), dtype)
        self.network.initialise(
            settings.init,
            lambda replica, layer: stream(settings.entropy, "init", int(self.seed[replica]), layer),
        )
        self.network.layers[-1].bias[:] = settings.output_bias
        self.state = settings.optimizer.state(self.network.parameters)
        self.active = np.arange(len(replicas))
        self.history = np.full((len(replicas), settings.epochs + 1, len(LOSS_COLUMNS) + 2), np.nan)
        layers = len(settings.hidden) + 1
        self.layers = np.full((len(replicas), settings.epochs + 1, layers, len(LAYER_COLUMNS)), np.nan)
        self.diverged = np.full(len(replicas), -1)
        self.confusion = np.zeros((len(replicas), len(data.classes), len(data.classes)), np.int64)
        self.decided = None  # the active replicas' classes of all rows, after the last epoch
        self.boundary = np.zeros((len(replicas), GRID, GRID), np.uint8)
        self.clock = Counter()
        self.steps = 0
        self.first = 0
        if starts[0] is not None:
            self._restore(starts)
        self._rebuild()

    def _restore(self, starts):
        """Go on from checkpoints."""
        last = _epoch(starts[0])
        self.first = last + 1
        self.steps = last * (self.prepared.split.train.shape[1] // self.settings.batch_size)
        self.history[:, : last + 1] = [arrays["history"][place] for arrays, place in starts]
        self.layers[:, : last + 1] = [arrays["layers"][place] for arrays, place in starts]
        self.diverged[:] = [arrays["diverged"][place] for arrays, place in starts]
        self.network.parameters[:] = [arrays["parameters"][place] for arrays, place in starts]
        for slot, values in self.state.items():
            values[:] = [arrays[f"state.{slot}"][place] for arrays, place in starts]
        self._go_on_with(np.flatnonzero(self.diverged < 0))

    def _checkpoint(self, epoch):
        """Return all that `_restore` needs, a row for each replica (what has diverged has no parameters any more)."""

        def spread(values):
            rows = np.full((len(self.replicas), *values.shape[1:]), np.nan, values.dtype)
            rows[self.active] = values
            return rows

        return {
            "lr": np.array([rate for rate, _ in self.replicas]),
            "seed": np.array([seed for _, seed in self.replicas]),
            "epoch": np.array(epoch),
            "history": self.history[:, : epoch + 1],
            "layers": self.layers[:, : epoch + 1],
            "diverged": self.diverged,
            "parameters": spread(self.network.parameters),
            **{f"state.{slot}": spread(values) for slot, values in self.state.items()},
        }

    def _rebuild(self):
        """Make the buffers and row indices that belong to the active replicas."""
        start = (self.row * len(self.settings.data.inputs))[:, None]
        self.input_start = start * (len(self.prepared.inputs) > 1)
        self.target_start = start * (self.prepared.targets.ndim == 3 and len(self.prepared.targets) > 1)
        self.work: dict[int, Work] = {}

    def run(self, on_epoch, keep, stop, queued):
        """Train, evaluating before the first epoch and after each, until the last epoch or until `stop` is set."""
        # A diverging replica overflows before it is noticed at the end of its epoch; its neighbours do not care.
        with np.errstate(all="ignore"):
            before = None
            on_epoch(len(self.replicas) * max(0, self.first - 1))
            if self.first == 0:
                self._timed("training", self.pretrain)
            for epoch in range(self.first, self.settings.epochs + 1):
                if not len(self.active):
                    on_epoch(len(self.replicas) * (self.settings.epochs - max(0, epoch - 1)))
                    return
                if epoch:
                    before = self.network.parameters.copy() if self.settings.diagnostics["layers"] else None
                    self._timed("training", self._train_epoch, epoch)
                self._timed("evaluation", self._evaluate, epoch)
                if any(self.settings.diagnostics.values()):
                    self._timed("diagnostics", self._diagnose, epoch, before)
                if epoch:
                    on_epoch(len(self.replicas))
                self._drop_diverged(epoch)
                if epoch == self.settings.epochs:
                    due = queued  # an interruption must not cost this chunk
                else:
                    due = self.settings.checkpoint_every and epoch % self.settings.checkpoint_every == 0
                if keep and epoch and (due or stop.is_set()):
                    keep(self._checkpoint(epoch))
                if stop.is_set():
                    return
            if len(self.active):
                if self.decided is None:  # resumed after its last epoch
                    self._evaluate(self.settings.epochs)
                self._timed("evaluation", self._finish)

    def _timed(self, name, method, *arguments):
        begin = time.perf_counter()
        method(*arguments)
        self.clock[name] += time.perf_counter() - begin

    def gather(self, rows):
        """Return buffers filled with the inputs and targets of these rows (R, n) of each replica."""
        if rows.shape[1] not in self.work:
            self.work[rows.shape[1]] = Work(self.network, rows.shape[1])
        work = self.work[rows.shape[1]]
        # mode="clip" lets take write straight into `out`; no index is out of range.
        np.take(self.inputs, rows + self.input_start, axis=0, out=work.inputs, mode="clip")
        np.take(self.targets, rows + self.target_start, axis=0, out=work.targets, mode="clip")
        return work

    def _train_epoch(self, epoch):
        for _ in self.train_steps(epoch):
            pass

    def train_steps(self, epoch):
        """Train an epoch, stopping after each minibatch step."""
        settings, network = self.settings, self.network
        batch = settings.batch_size
        rate = self.rate * settings.schedule.factor(epoch, settings.epochs)
        rate = rate.astype(network.dtype, copy=False)
        scale = rate if settings.optimizer.folds_rate else np.ones_like(rate)
        scale = (scale / batch)[:, :, None]
        penalty = scale * settings.activation_l1 if settings.activation_l1 else None
        for rows in self._batches(epoch):
            work = self.gather(rows)
            scores = network.forward(work)
            settings.output.gradient(scores, work.targets, work.delta)
            work.delta *= scale
            if self.class_weights is not None:
                labels = self.labels[rows]
                work.delta *= self.class_weights[self.row[:, None], labels][:, :, None]
            network.backward(work, penalty)
            self.steps += 1
            settings.optimizer.step(network.parameters, network.gradient, self.state, rate, network.decayed, self.steps)
            yield

    def _batches(self, epoch):
        """Yield the training rows (R, batch) of each step of an epoch."""
        train, batch = self.prepared.split.train, self.settings.batch_size
        count = train.shape[1]
        order = {
            seed: stream(self.settings.entropy, "order", int(seed), epoch).permutation(count) for seed in set(self.seed)
        }
        rows = np.stack([train[row][order[seed]] for row, seed in zip(self.row, self.seed, strict=True)])
        for start in range(0, count - batch + 1, batch):
            yield rows[:, start : start + batch]

    def pretrain(self):
        """Train the hidden layers as denoising autoencoders, as often as the settings say."""
        settings, epochs = self.settings, self.settings.pretrain["epochs"]
        rate = self.network.dtype.type(settings.pretrain["lr"] / settings.batch_size)
        for index in range(len(settings.hidden) if epochs else 0):
            positive = nonnegative(settings.activation) if index else settings.data.image
            denoiser = Denoiser(self.network, index, settings.batch_size, positive)
            for epoch in range(1, epochs + 1):
                place = index * epochs + epoch
                masks = {seed: stream(settings.entropy, "noise", int(seed), place) for seed in set(self.seed)}
                for rows in self._batches(epoch):
                    work = self.gather(rows)
                    if index:
                        self.network.forward(work)
                    signal = work.post[index - 1] if index else work.inputs
                    draws = {seed: generator.random(signal.shape[1:]) for seed, generator in masks.items()}
                    kept = np.stack([draws[seed] for seed in self.seed]) >= settings.pretrain["noise"]
                    denoiser.step(signal, kept, rate)
            denoiser.hand_over()

    def _evaluate(self, epoch):
        """Record each part's cost and error: every row of the data belongs to one part, so all are run through once."""
        settings, data = self.settings, self.settings.data
        rows = np.arange(len(data.inputs))
        costs, errors = np.empty((2, len(self.active), len(rows)))
        decided = np.zeros(costs.shape, np.intp)
        for chunk in np.array_split(rows, ceil(len(rows) / EVALUATION_ROWS)):
            where = slice(chunk[0], chunk[-1] + 1)
            work = self.gather(np.broadcast_to(chunk, (len(self.active), len(chunk))))
            scores = self.network.forward(work)
            costs[:, where] = settings.output.cost(scores, work.targets)
            if data.task == "classification":
                decided[:, where] = settings.output.decide(scores)
                errors[:, where] = decided[:, where] != self.labels[where]
            else:
                difference = scores.astype(np.float64) - work.targets
                errors[:, where] = (difference * difference).mean(axis=2)
        self.decided = decided if epoch == settings.epochs else None
        start = np.arange(len(self.active))[:, None] * len(rows)
        for index, part in enumerate(PARTS):
            own = getattr(self.prepared.split, part)[self.row] + start
            loss, error = costs.take(own).mean(axis=1), errors.take(own).mean(axis=1)
            if data.task == "regression":
                error = np.sqrt(error)
                if self.prepared.target_scale.shape[1] == 1:
                    error *= self.prepared.target_scale[self.row, 0]
            error[~np.isfinite(loss)] = np.nan
            self.history[self.active, epoch, 2 * index] = loss
            self.history[self.active, epoch, 2 * index + 1] = error

    def _diagnose(self, epoch, before):
        work = self.gather(self.prepared.split.probe[self.row])
        if self.settings.diagnostics["layers"]:
            statistics, gradient_norm = layer_statistics(self.network, self.settings.output, work, before)
            self.layers[self.active, epoch] = statistics
            self.history[self.active, epoch, -2] = gradient_norm
        if self.settings.diagnostics["sharpness"]:
            self.history[self.active, epoch, -1] = sharpness(self.network, self.settings.output, work)

    def _drop_diverged(self, epoch):
        finite = np.isfinite(self.history[self.active, epoch, : len(LOSS_COLUMNS) : 2]).all(axis=1)
        if finite.all():
            return
        self.diverged[self.active[~finite]] = epoch
        self._go_on_with(np.flatnonzero(finite))
        self._rebuild()

    def _go_on_with(self, keep):
        """Leave all but these of the active replicas (indices) out from now on."""
        self.active, self.row, self.seed, self.rate = (
            values[keep] for values in (self.active, self.row, self.seed, self.rate)
        )
        self.network.keep(keep)
        if self.decided is not None:
            self.decided = self.decided[keep]
        self.state = {slot: values[keep] for slot, values in self.state.items()}

    def _finish(self):
        """Count the test part's confusions and, of two features, decide on a grid."""
        settings, prepared = self.settings, self.prepared
        classes = len(settings.data.classes)
        if not classes:
            return
        for replica, decided, rows in zip(self.active, self.decided, prepared.split.test[self.row], strict=True):
            pairs = self.labels[rows] * classes + decided[rows]
            self.confusion[replica] = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        if self.inputs.shape[1] == 2:
            points = np.stack([axis.ravel() for axis in np.meshgrid(*grid(settings.data.inputs))], axis=1)
            work = Work(self.network, GRID)
            for line in range(GRID):
                inputs = points[line * GRID : (line + 1) * GRID]
                mean, scale = prepared.input_mean[self.row, None], prepared.input_scale[self.row, None]
                work.inputs[:] = (inputs - mean) / scale
                decided = settings.output.decide(self.network.forward(work))
                self.boundary[self.active, line] = decided

    def records(self):
        """Return one `Record` per replica, in the order that they were given."""
        return [
            Record(
                replica,
                None if self.diverged[index] < 0 else int(self.diverged[index]),
                self.history[index],
                self.layers[index],
                self.confusion[index],
                self.boundary[index],
                self._network(index),
            )
            for index, replica in enumerate(self.replicas)
        ]

    def _network(self, index):
        """Return a replica's parameters and what scales its inputs and targets, if it has not diverged."""
        if not self.settings.save or self.diverged[index] >= 0:
            return None
        place = int(np.flatnonzero(self.active == index)[0])
        scales = {
            name: getattr(self.prepared, name)
            for name in ("input_mean", "input_scale", "target_mean", "target_scale")
            if getattr(self.prepared, name) is not None
        }
        rows = {name: values[self.row[place] if len(values) > 1 else 0] for name, values in scales.items()}
        return {"parameters": self.network.parameters[place]} | rows


def balanced(counts: np.ndarray) -> np.ndarray:
    """Return the weights n / (K n_k) of K classes with n_k rows (…, K): all classes weigh the same, rows 1 on average.

    King and Zeng (2001).
    """
    return counts.sum(axis=-1, keepdims=True) / (counts.shape[-1] * counts)


def grid(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the axes of a grid over two features, a tenth wider than the data on each side, in their units."""
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    margin = (high - low) / 10
    x, y = np.linspace(low - margin, high + margin, GRID).T
    return x, y
