"""Peers of the program as contestants: scikit-learn and PyTorch.

A peer's library is imported where the peer is constructed: it may not be installed, and imports are not timed.
"""

from abc import abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar

import joblib
import numpy as np

from experiments.benchmark.task import BATCH, Contestant, Task


class InParts(Contestant):
    """Trains the replicas in parts: one part after the other, or on all cores in processes of joblib."""

    processes: ClassVar[bool] = False

    @property
    def parts(self) -> list[slice]:
        """The replicas of each part; here each is a part of its own."""
        return [slice(replica, replica + 1) for replica in range(self.task.replicas)]

    def train(self) -> float:
        train = joblib.delayed(self.train_part)
        errors = joblib.Parallel(-1 if self.processes else 1)(train(part) for part in self.parts)
        return float(np.mean(np.concatenate(errors)))

    @abstractmethod
    def train_part(self, replicas: slice) -> list[float]:
        """Train replicas; return the test error of each."""


class ScikitLearn(InParts):
    """`MLPClassifier.partial_fit` on an epoch's batches, one replica after the other."""

    label = "scikit-learn"
    needs = "sklearn"

    @staticmethod
    def takes(task: Task) -> bool:
        return task.activation in ("relu", "tanh") and InParts.takes(task)

    def __init__(self, task: Task) -> None:
        from sklearn.neural_network import MLPClassifier  # imports are not timed

        super().__init__(task)
        self.variant: Any = MLPClassifier

    def train_part(self, replicas: slice) -> list[float]:
        arrays, replica = self.task.arrays, replicas.start
        x, y = arrays.inputs, arrays.labels
        generator = np.random.default_rng(replica)
        network = self._network(replica)
        parts = [(x[rows], y[rows]) for rows in (arrays.train[replica], arrays.test[replica])]
        for _ in range(self.task.epochs):
            rows = arrays.batches(generator, replica).ravel()
            network.partial_fit(x[rows], y[rows])
            error = [self._evaluate(network, *part)[1] for part in parts][-1]
        return [error]

    def _network(self, replica: int) -> Any:
        """Return the network of a replica at its initial weights."""
        task, arrays = self.task, self.task.arrays
        network = self.variant(
            task.hidden,
            activation=task.activation,
            solver=task.optimizer,
            alpha=0,
            batch_size=BATCH,
            learning_rate_init=float(arrays.rates[replica]),
            momentum=0,
            shuffle=False,  # the rows are already in random order
        )
        # A first step creates the arrays. Then they get the common initial weights, and the optimizer starts anew.
        rows = arrays.train[replica, :BATCH]
        network.partial_fit(arrays.inputs[rows], arrays.labels[rows], classes=range(arrays.labels.max() + 1))
        for coefficients, intercepts, weight in zip(network.coefs_, network.intercepts_, arrays.weights, strict=True):
            coefficients[:] = weight[replica]
            intercepts[:] = 0
        del network._optimizer
        return network

    @staticmethod
    def _evaluate(network: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Return the mean cost and the error."""
        p = network.predict_proba(x)
        return -np.log(p[np.arange(len(y)), y] + 1e-30).mean(), (p.argmax(axis=1) != y).mean()


class ScikitLearnProcesses(ScikitLearn):
    """The replicas in processes of joblib."""

    label = "scikit-learn, processes"
    all_cores = processes = True


class Torch(InParts):
    """A plain loop over replicas, epochs and batches, with the fused optimizer."""

    label = "PyTorch eager"
    needs = "torch"

    @staticmethod
    def takes(task: Task) -> bool:
        return {*task.net} <= {"norm", "dropout"}

    def __init__(self, task: Task) -> None:
        import torch

        super().__init__(task)
        torch.set_num_threads(1)
        self.torch: Any = torch
        arrays = task.arrays
        self.x, self.y = torch.tensor(arrays.inputs), torch.tensor(arrays.labels)

    def _module(self) -> Any:
        """Return the network with arbitrary weights."""
        torch = self.torch

        def maxout(module: Any, z: Any) -> Any:
            return torch.maximum(*z.chunk(2, dim=-1))

        activation = {
            "relu": torch.nn.ReLU,
            "tanh": torch.nn.Tanh,
            "elu": torch.nn.ELU,
            "gelu": torch.nn.GELU,
            "silu": torch.nn.SiLU,
            "maxout": type("Maxout", (torch.nn.Module,), {"forward": maxout}),
        }[self.task.activation]
        net, weights = self.task.net, self.task.arrays.weights
        norm = {"batch": torch.nn.BatchNorm1d, "layer": torch.nn.LayerNorm}.get(net.get("norm", ""))
        modules = []
        for weight in weights[:-1]:
            modules.append(torch.nn.Linear(*weight.shape[1:], bias=norm is None))
            modules += [norm(weight.shape[2])] if norm else []
            modules.append(activation())
            modules += [torch.nn.Dropout(net["dropout"])] if "dropout" in net else []
        return torch.nn.Sequential(*modules, torch.nn.Linear(*weights[-1].shape[1:]))

    def _optimizer(self, parameters: Iterable[Any], rate: float) -> Any:
        variant = {"sgd": self.torch.optim.SGD, "adam": self.torch.optim.Adam}[self.task.optimizer]
        return variant(parameters, lr=rate, fused=True)

    def train_part(self, replicas: slice) -> list[float]:
        torch, arrays, cross_entropy = self.torch, self.task.arrays, self.torch.nn.functional.cross_entropy
        replica = replicas.start
        generator = np.random.default_rng(replica)
        network = self._module()
        with torch.no_grad():
            layers = [module for module in network if isinstance(module, torch.nn.Linear)]
            for layer, weight in zip(layers, arrays.weights, strict=True):
                layer.weight[:] = torch.tensor(weight[replica].T)
                if layer.bias is not None:
                    layer.bias.zero_()
        optimizer = self._optimizer(network.parameters(), float(arrays.rates[replica]))
        parts = [
            (self.x[rows], self.y[rows]) for rows in map(torch.tensor, (arrays.train[replica], arrays.test[replica]))
        ]
        for _ in range(self.task.epochs):
            rows = torch.from_numpy(arrays.batches(generator, replica))
            network.train()
            for x, y in zip(self.x[rows], self.y[rows], strict=True):
                optimizer.zero_grad()
                cross_entropy(network(x), y).backward()
                optimizer.step()
            network.eval()
            with torch.inference_mode():
                for x, y in parts:
                    scores = network(x)
                    cross_entropy(scores, y).item()
                    error = (scores.argmax(1) != y).float().mean().item()
        return [error]


class TorchProcesses(Torch):
    """The replicas in processes of joblib."""

    label = "PyTorch eager, processes"
    all_cores = processes = True


class TorchVmap(Torch):
    """`torch.func.vmap` of the network over stacked parameters, with the fused optimizer on the stacks."""

    label = "PyTorch vmap"

    @staticmethod
    def takes(task: Task) -> bool:
        return (task.optimizer == "sgd" or len(task.rates) <= 1) and InParts.takes(task)

    @property
    def parts(self) -> list[slice]:
        count, ends = self.task.replicas, joblib.cpu_count() if self.processes else 1
        bounds = sorted({count * index // ends for index in range(ends + 1)})
        return [slice(*pair) for pair in pairwise(bounds)]

    def train_part(self, replicas: slice) -> list[float]:
        torch, arrays, cross_entropy = self.torch, self.task.arrays, self.torch.nn.functional.cross_entropy
        network = self._module()
        stacks = {}
        for index, weight in enumerate(weight[replicas] for weight in arrays.weights):
            stacks[f"{2 * index}.weight"] = torch.tensor(weight).mT.contiguous().requires_grad_()
            stacks[f"{2 * index}.bias"] = torch.zeros(weight.shape[0], weight.shape[2], requires_grad=True)
        forward = torch.func.vmap(lambda parameters, x: torch.func.functional_call(network, parameters, (x,)))
        rates = arrays.rates[replicas]
        optimizer = self._optimizer(stacks.values(), float(rates[0]))
        # Where the rates differ, each replica's cost is scaled: that scales the steps of plain gradient descent.
        scale = torch.tensor(np.repeat(rates / rates[0], BATCH)) / BATCH
        generator = np.random.default_rng(replicas.start)
        parts = [
            (self.x[rows], self.y[rows]) for rows in map(torch.tensor, (arrays.train[replicas], arrays.test[replicas]))
        ]
        for _ in range(self.task.epochs):
            rows = torch.from_numpy(arrays.batches(generator, replicas)).transpose(0, 1).contiguous()
            for x, y in zip(self.x[rows], self.y[rows], strict=True):
                optimizer.zero_grad()
                scores = forward(stacks, x)
                (cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="none") @ scale).backward()
                optimizer.step()
            with torch.inference_mode():
                for x, y in parts:
                    scores = forward(stacks, x)
                    cross_entropy(scores.transpose(1, 2), y, reduction="none").mean(1).tolist()
                    error = (scores.argmax(2) != y).float().mean(1).tolist()
        return list(error)


class TorchVmapThreads(TorchVmap):
    """The stacks of all replicas, on PyTorch's own threads."""

    label = "PyTorch vmap, threads"
    all_cores = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.torch.set_num_threads(joblib.cpu_count())


class TorchVmapProcesses(TorchVmap):
    """The replicas in as many stacks as there are cores, each in a process of joblib."""

    label = "PyTorch vmap, processes"
    all_cores = processes = True
