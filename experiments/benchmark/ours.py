"""The program itself as a contestant, and the matrix products that it cannot avoid."""

import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from math import ceil
from pathlib import Path
from typing import Self

import numpy as np

from experiments.benchmark.task import BATCH, Contestant, Outcome, Task
from experiments.store.reading import load_all_tables
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from experiments.training.evaluation import EVALUATION_ROWS
from experiments.training.run import chunks
from experiments.training.run import train as train_replicas
from nets.products import product

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Two stacks of matrices, and the array for their product."""


class Ours(Contestant):
    """The program's own `train`, which also evaluates the validation part, counts confusions and makes tables."""

    label = "ours, 1 core"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        for module in ("pandas", "sklearn.model_selection"):
            import_module(module)  # `train` imports them in its first call, and imports are not timed

    @staticmethod
    def takes(task: Task) -> bool:
        return True

    def train(self) -> float:
        settings = self.task.settings
        tables = train_replicas(settings, settings.replicas)
        return float(tables.frames["replicas"]["final_test_error"].mean())


class OursWorkers(Ours):
    """A whole sweep with workers: it also takes locks, stores each run, collects the study and prints a summary."""

    label = "ours, all cores"
    all_cores = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        for module in ("experiments.sweep.environment", "experiments.sweep.summary", "rich.progress"):
            import_module(module)

    @classmethod
    def train_all(cls, contestants: Sequence[Self]) -> Outcome:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
            study = Study("benchmark", Path(folder))
            jobs = [Job.of(contestant.task.settings, study=study) for contestant in contestants]
            if run_sweep(jobs):
                raise RuntimeError("a run failed")
            tables = load_all_tables(study.name, Path(folder))
            assert tables.timing is not None, "each run has one"
            errors = tables.replicas["final_test_error"]
            return Outcome(float(errors.mean()), float(tables.timing["total"].sum()))


class Floor(Contestant):
    """The matrix products of training and evaluation alone, on buffers that exist beforehand; it learns nothing."""

    label = "matrix products alone"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        arrays = task.arrays
        parts = [np.array_split(part[0], ceil(part.shape[1] / EVALUATION_ROWS)) for part in (arrays.train, arrays.test)]
        sizes = [len(rows) for part in parts for rows in part]  # the numbers of rows in which training evaluates
        self.chunks: list[tuple[list[Triple], list[Triple]]] = []
        for replicas in chunks(task.settings, range(task.replicas)):
            weights = [weight[replicas[0] : replicas[-1] + 1] for weight in arrays.weights]
            layers = _layers(weights, BATCH)
            step = [product(*layer) for layer in layers]
            for index, (signal, weight, delta) in reversed(list(enumerate(layers))):
                step.append(product(signal.mT, delta, np.empty_like(weight)))
                if index:
                    step.append(product(delta, weight.mT, np.empty_like(signal)))
            forward = {size: [product(*layer) for layer in _layers(weights, size)] for size in set(sizes)}
            self.chunks.append((step, [views for size in sizes for views in forward[size]]))

    def train(self) -> None:
        matmul = np.matmul
        for step, evaluation in self.chunks:
            for _ in range(self.task.epochs):
                for _ in range(self.task.arrays.train.shape[1] // BATCH):
                    for views in step:
                        matmul(*views)
                for views in evaluation:
                    matmul(*views)


def _layers(weights: list[np.ndarray], rows: int) -> list[Triple]:
    """Return the factors of a forward pass and the array of their product, layer by layer: signals, weights, scores."""
    draw = np.random.default_rng(0)

    def normal(weight: np.ndarray, columns: int) -> np.ndarray:
        return draw.standard_normal((len(weight), rows, columns), dtype=np.float32)

    return [(normal(weight, weight.shape[1]), weight, normal(weight, weight.shape[2])) for weight in weights]
