"""The contestants of `experiments.benchmark`: the same networks, batches and steps, each by its own best means.

A contestant is a class with `label`, what it `needs`, and three methods: `takes` says whether it can do a task,
constructing it hands it the task's arrays in its own form, `train` is what is timed. All start from the same
weights, take complete batches of a fresh permutation per epoch, and at each epoch's end evaluate cost and error
of the training and the test part.

    python -m experiments.benchmark.contestants NAME CORE...

is a server, pinned to these cores before anything is imported that might count them: it reads one JSON request a
line (`{"task": {…}}` constructs, `{"train": true}` trains once) and answers each with a line.
"""

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


CONTESTANTS: dict[str, type["Contestant"]] = {}


RATES = {"sgd": 0.05, "adam": 0.001}


BATCH = 32


@dataclass(frozen=True)
class Task:
    """What is to be trained: one network shape from `seeds` seeds, in float32 with batches of 32.

    Training rows beyond a multiple of the batch are left out of an epoch, other ones each time.
    """

    hidden: tuple[int, ...]
    activation: str = "relu"
    optimizer: str = "sgd"
    epochs: int = 20
    seeds: int = 10
    dataset: dict = field(default_factory=lambda: {"name": "digits"})
    diagnostics: bool = False

    @property
    def rate(self) -> float:
        """Learning rate."""
        return RATES[self.optimizer]

    def settings(self, threads=1):
        """Return the task as the program's own settings: those of conf/config.yaml but for what a task says."""
        import yaml

        from experiments.config.choices import CONF
        from experiments.config.settings import resolve

        config = yaml.safe_load((CONF / "config.yaml").read_text())
        del config["defaults"], config["hydra"]
        config["net"]["hidden"] = list(self.hidden)
        config["diagnostics"]["layers"] = self.diagnostics
        config |= {
            "dataset": _node("dataset", **self.dataset, batch_size=BATCH, lr=self.rate),
            "activation": _node("activation", self.activation),
            "optimizer": _node("optimizer", self.optimizer, lr=self.rate),
            "schedule": _node("schedule", "constant"),
            "output": {"name": "auto"},
            "init": {"name": "auto"},
            "epochs": self.epochs,
            "batch_size": BATCH,
            "seeds": self.seeds,
            "threads": threads,
        }
        return resolve(config)

    @cached_property
    def arrays(self) -> "Arrays":
        """What the other contestants are handed: the arrays that the program itself starts from."""
        from experiments.data.split import prepare
        from experiments.streams import stream
        from nets.network import Network

        settings = self.settings()
        data = settings.data
        prepared = prepare(data, settings.seeds, dtype=settings.dtype, **settings.division)
        network = Network(
            data.inputs.shape[1],
            settings.net.hidden,
            len(data.classes),
            settings.activation,
            self.seeds,
            settings.dtype,
        )
        network.initialise(settings.init, lambda seed, layer: stream(settings.entropy, "init", seed, layer))
        weights = [layer.weight.copy() for layer in network.layers]
        return Arrays(prepared.inputs[0], data.targets, prepared.split.train, prepared.split.test, weights)

    @property
    def steps(self) -> int:
        """Steps of one replica."""
        return self.epochs * (self.arrays.train.shape[1] // BATCH)


def _node(choice, name, **values):
    """Return the configuration of an option with its defaults."""
    import inspect

    from experiments.config.choices import REGISTRIES

    parameters = inspect.signature(REGISTRIES[choice][name]).parameters.values()
    return {"name": name} | {parameter.name: parameter.default for parameter in parameters} | values


@dataclass(frozen=True)
class Arrays:
    """Inputs (n, d) and labels (n,); rows of the parts (R, n of the part); weights (R, in, out), biases being 0."""

    inputs: "np.ndarray"
    labels: "np.ndarray"
    train: "np.ndarray"
    test: "np.ndarray"
    weights: "list[np.ndarray]"

    def batches(self, generator, replica=slice(None)):
        """Return the rows of one epoch's batches: (R, steps, batch), or (steps, batch) of one replica."""
        rows = generator.permuted(self.train[replica], axis=-1)
        return rows[..., : rows.shape[-1] // BATCH * BATCH].reshape(*rows.shape[:-1], -1, BATCH)


class Contestant(ABC):
    """One way to train a task; a subclass enters `CONTESTANTS` under the name it gives.

    Attributes
    ----------
    label
        Its name in tables and figures.
    needs
        The module without which it cannot compete.
    all_cores
        Whether it has them all instead of one.
    """

    label: str
    needs = "numpy"
    all_cores = False

    def __init_subclass__(cls, name):
        CONTESTANTS[name] = cls

    @staticmethod
    def takes(task: Task) -> bool:
        """Say whether the task can be done."""
        return True

    def __init__(self, task: Task):
        self.task = task

    @abstractmethod
    def train(self) -> float | None:
        """Train from the initial weights and return the mean final test error."""


class Ours(Contestant, name="ours"):
    """The program's own `train`, which evaluates the validation part too, counts confusions and makes tables."""

    label = "ours, 1 thread"
    threads = 1

    def __init__(self, task):
        from experiments.training.run import train

        for module in ("pandas", "sklearn.model_selection"):
            import_module(module)  # here, because what `train` imports when it is first called is not to be timed
        self.run, self.settings = train, task.settings(self.threads)

    def train(self):
        tables = self.run(self.settings, self.settings.replicas)
        return float(tables.frames["replicas"]["final_test_error"].mean())


class OursThreaded(Ours, name="ours-threads"):
    """The same on all cores."""

    label = "ours, all cores"
    all_cores = True
    threads = "auto"


class Floor(Contestant, name="floor"):
    """The matrix products of training and evaluation, on buffers made beforehand, and nothing else: no learning."""

    label = "matrix products alone"

    def __init__(self, task):
        import numpy as np

        from experiments.training.evaluation import EVALUATION_ROWS
        from experiments.training.run import chunks
        from nets.products import product

        self.task, arrays = task, task.arrays
        parts = [np.array_split(part[0], ceil(part.shape[1] / EVALUATION_ROWS)) for part in (arrays.train, arrays.test)]
        sizes = [len(rows) for part in parts for rows in part]  # in which training evaluates
        self.chunks = []
        for replicas in chunks(task.settings(1), range(task.seeds))[0]:
            weights = [weight[replicas.start : replicas.stop] for weight in arrays.weights]
            layers = self._layers(weights, BATCH)
            step = [product(*layer) for layer in layers]
            for index, (signal, weight, delta) in reversed(list(enumerate(layers))):
                step.append(product(signal.mT, delta, np.empty_like(weight)))
                if index:
                    step.append(product(delta, weight.mT, np.empty_like(signal)))
            forward = {size: [product(*layer) for layer in self._layers(weights, size)] for size in set(sizes)}
            self.chunks.append((step, [views for size in sizes for views in forward[size]]))

    @staticmethod
    def _layers(weights, rows):
        """Return what is multiplied in a forward pass, layer by layer: signals, weights, and where to."""
        import numpy as np

        draw = np.random.default_rng(0)

        def normal(weight, columns):
            return draw.standard_normal((len(weight), rows, columns), dtype=np.float32)

        return [(normal(weight, weight.shape[1]), weight, normal(weight, weight.shape[2])) for weight in weights]

    def train(self):
        from numpy import matmul

        for step, evaluation in self.chunks:
            for _ in range(self.task.epochs):
                for _ in range(self.task.arrays.train.shape[1] // BATCH):
                    for views in step:
                        matmul(*views)
                for views in evaluation:
                    matmul(*views)


class ScikitLearn(Contestant, name="sklearn"):
    """`MLPClassifier.partial_fit` on an epoch's batches, one seed after the other."""

    label = "scikit-learn"
    needs = "sklearn"

    @staticmethod
    def takes(task):
        return task.activation in ("relu", "tanh")

    def __init__(self, task):
        from sklearn.neural_network import MLPClassifier  # here, not to be timed

        super().__init__(task)
        self.variant = MLPClassifier

    def train(self):
        import numpy as np

        arrays = self.task.arrays
        x, y = arrays.inputs, arrays.labels
        errors = []
        for replica, (train, test) in enumerate(zip(arrays.train, arrays.test, strict=True)):
            generator = np.random.default_rng(replica)
            network = self._network(replica)
            parts = [(x[rows], y[rows]) for rows in (train, test)]
            for _ in range(self.task.epochs):
                rows = arrays.batches(generator, replica).ravel()
                network.partial_fit(x[rows], y[rows])
                error = [self._evaluate(network, *part)[1] for part in parts][-1]
            errors.append(error)
        return float(np.mean(errors))

    def _network(self, replica):
        task, arrays = self.task, self.task.arrays
        network = self.variant(
            task.hidden,
            activation=task.activation,
            solver=task.optimizer,
            alpha=0,
            batch_size=BATCH,
            learning_rate_init=task.rate,
            momentum=0,
            shuffle=False,  # the rows come shuffled
        )
        # A first step makes the weights, which are then put back to the common start with a new optimizer.
        some = arrays.train[replica, :BATCH]
        network.partial_fit(arrays.inputs[some], arrays.labels[some], classes=range(arrays.labels.max() + 1))
        for own, weight, bias in zip(network.coefs_, arrays.weights, network.intercepts_, strict=True):
            own[:] = weight[replica]
            bias[:] = 0
        del network._optimizer
        return network

    @staticmethod
    def _evaluate(network, x, y):
        import numpy as np

        p = network.predict_proba(x)
        return -np.log(p[np.arange(len(y)), y] + 1e-30).mean(), (p.argmax(axis=1) != y).mean()


class Torch(Contestant, name="torch"):
    """A plain loop over seeds, epochs and batches, with the fused optimizer."""

    label = "PyTorch eager"
    needs = "torch"

    def __init__(self, task):
        import torch

        torch.set_num_threads(1)
        self.task, self.torch = task, torch
        arrays = task.arrays
        self.x, self.y = torch.tensor(arrays.inputs), torch.tensor(arrays.labels)

    def _module(self):
        """Return the network, its weights arbitrary."""
        torch = self.torch

        class Maxout(torch.nn.Module):
            def forward(self, z):
                return torch.maximum(*z.chunk(2, dim=-1))

        activation = {
            "relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "elu": torch.nn.ELU, "gelu": torch.nn.GELU, "maxout": Maxout,
        }[self.task.activation]  # fmt: skip
        modules = []
        for weight in self.task.arrays.weights:
            modules += [torch.nn.Linear(*weight.shape[1:]), activation()]
        return torch.nn.Sequential(*modules[:-1])

    def _optimizer(self, parameters):
        variant = {"sgd": self.torch.optim.SGD, "adam": self.torch.optim.Adam}[self.task.optimizer]
        return variant(parameters, lr=self.task.rate, fused=True)

    def train(self):
        import numpy as np

        torch, arrays, cross_entropy = self.torch, self.task.arrays, self.torch.nn.functional.cross_entropy
        errors = []
        for replica, (train, test) in enumerate(zip(arrays.train, arrays.test, strict=True)):
            generator = np.random.default_rng(replica)
            network = self._module()
            with torch.no_grad():
                for layer, weight in zip(network[::2], arrays.weights, strict=True):
                    layer.weight[:] = torch.tensor(weight[replica].T)
                    layer.bias.zero_()
            optimizer = self._optimizer(network.parameters())
            parts = [(self.x[rows], self.y[rows]) for rows in map(torch.tensor, (train, test))]
            for _ in range(self.task.epochs):
                rows = torch.from_numpy(arrays.batches(generator, replica))
                for x, y in zip(self.x[rows], self.y[rows], strict=True):
                    optimizer.zero_grad()
                    cross_entropy(network(x), y).backward()
                    optimizer.step()
                with torch.inference_mode():
                    for x, y in parts:
                        scores = network(x)
                        cross_entropy(scores, y).item()
                        error = (scores.argmax(1) != y).float().mean().item()
            errors.append(error)
        return float(np.mean(errors))


class TorchVmap(Torch, name="torch-vmap"):
    """`torch.func.vmap` of the network over stacked parameters, with the fused optimizer on the stacks."""

    label = "PyTorch vmap"

    def train(self):
        import numpy as np

        torch, arrays, cross_entropy = self.torch, self.task.arrays, self.torch.nn.functional.cross_entropy
        network = self._module()
        stacks = {}
        for index, weight in enumerate(arrays.weights):
            stacks[f"{2 * index}.weight"] = torch.tensor(weight).mT.contiguous().requires_grad_()
            stacks[f"{2 * index}.bias"] = torch.zeros(weight.shape[0], weight.shape[2], requires_grad=True)
        forward = torch.func.vmap(lambda parameters, x: torch.func.functional_call(network, parameters, (x,)))
        optimizer = self._optimizer(stacks.values())
        generator = np.random.default_rng(0)
        parts = [(self.x[rows], self.y[rows]) for rows in map(torch.tensor, (arrays.train, arrays.test))]
        for _ in range(self.task.epochs):
            rows = torch.from_numpy(arrays.batches(generator)).transpose(0, 1).contiguous()
            for x, y in zip(self.x[rows], self.y[rows], strict=True):
                optimizer.zero_grad()
                scores = forward(stacks, x)
                (cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="sum") / BATCH).backward()
                optimizer.step()
            with torch.inference_mode():
                for x, y in parts:
                    scores = forward(stacks, x)
                    cross_entropy(scores.transpose(1, 2), y, reduction="none").mean(1).tolist()
                    error = (scores.argmax(2) != y).float().mean(1).tolist()
        return float(np.mean(error))


class Jax(Contestant, name="jax"):
    """An epoch as one program: `vmap` over seeds of a `scan` over batches and the evaluation, compiled by `jit`."""

    label = "JAX vmap+scan+jit"
    needs = "jax"

    def __init__(self, task):
        import jax
        from jax import numpy as jnp

        self.task = task
        arrays = task.arrays
        inputs, targets = jnp.array(arrays.inputs), jax.nn.one_hot(arrays.labels, arrays.labels.max() + 1)
        activation = {
            "relu": jax.nn.relu,
            "tanh": jnp.tanh,
            "elu": jax.nn.elu,
            "gelu": lambda z: jax.nn.gelu(z, approximate=False),
            "maxout": lambda z: jnp.maximum(*jnp.split(z, 2, axis=-1)),
        }[task.activation]

        def scores(parameters, x):
            for weight, bias in parameters[:-1]:
                x = activation(x @ weight + bias)
            weight, bias = parameters[-1]
            return x @ weight + bias

        def cost(parameters, x, y):
            return -(y * jax.nn.log_softmax(scores(parameters, x))).sum(axis=-1).mean()

        def sgd(parameters, gradient, state):
            return jax.tree.map(lambda p, g: p - task.rate * g, parameters, gradient), state

        def adam(parameters, gradient, state):
            mean, square, count = state
            mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
            square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
            count += 1
            rate, root = task.rate / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
            parameters = jax.tree.map(
                lambda p, m, s: p - rate * m / (jnp.sqrt(s) / root + 1e-8), parameters, mean, square
            )
            return parameters, (mean, square, count)

        rule = {"sgd": sgd, "adam": adam}[task.optimizer]

        def step(carry, rows):
            parameters, state = carry
            gradient = jax.grad(cost)(parameters, inputs[rows], targets[rows])
            return rule(parameters, gradient, state), None

        def evaluate(parameters, rows):
            z, y = scores(parameters, inputs[rows]), targets[rows]
            return -(y * jax.nn.log_softmax(z)).sum(axis=-1).mean(), (z.argmax(-1) != y.argmax(-1)).mean()

        def epoch(parameters, state, batches, train, test):
            (parameters, state), _ = jax.lax.scan(step, (parameters, state), batches)
            return parameters, state, (evaluate(parameters, train), evaluate(parameters, test))

        self.epoch = jax.jit(jax.vmap(epoch), donate_argnums=(0, 1))
        self.parts = jnp.array(arrays.train), jnp.array(arrays.test)

    def train(self):
        import numpy as np
        from jax import numpy as jnp
        from jax import tree

        arrays = self.task.arrays
        parameters = [(jnp.array(w), jnp.zeros((w.shape[0], w.shape[2]))) for w in arrays.weights]
        state = ()
        if self.task.optimizer == "adam":
            state = (*(tree.map(jnp.zeros_like, parameters) for _ in range(2)), jnp.zeros(self.task.seeds))
        generator = np.random.default_rng(0)
        for _ in range(self.task.epochs):
            batches = arrays.batches(generator)
            parameters, state, figures = self.epoch(parameters, state, batches, *self.parts)
            figures = tree.map(np.asarray, figures)
        return float(figures[1][1].mean())


def _version(contestant):
    """Return what a contestant ran on, as `numpy 2.4.6, openblas 0.3.31 (Haswell)`."""
    from threadpoolctl import threadpool_info

    module = import_module(contestant.needs)
    text = f"{module.__name__} {module.__version__}"
    if module.__name__ not in ("numpy", "sklearn"):
        return text
    # SciPy brings a BLAS of its own, which nobody uses here.
    libraries = [one for one in threadpool_info() if one["user_api"] == "blas" and "scipy.libs" not in one["filepath"]]
    return ", ".join(
        [text, *(f"{one['internal_api']} {one['version']} {one.get('architecture')}" for one in libraries)]
    )


def main() -> None:
    """Pin this process, then answer requests until there are no more."""
    name, *cores = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, map(int, cores))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    contestant = None
    for line in sys.stdin:
        request = json.loads(line)
        if "task" in request:
            task = Task(**request["task"])
            contestant = CONTESTANTS[name](task)
            answer = {"steps": task.steps, "version": _version(contestant)}
        else:
            begin = time.perf_counter()
            error = contestant.train()
            answer = {"seconds": time.perf_counter() - begin, "test_error": error}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
