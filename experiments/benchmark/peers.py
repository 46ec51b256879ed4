"""The peers of the program as contestants: scikit-learn, PyTorch and JAX.

A peer's library is imported where the peer is constructed: it may not be installed, and imports are not timed.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from experiments.benchmark.task import BATCH, Contestant, Task


class ScikitLearn(Contestant):
    """`MLPClassifier.partial_fit` on an epoch's batches, one seed after the other."""

    label = "scikit-learn"
    needs = "sklearn"

    @staticmethod
    def takes(task: Task) -> bool:
        return task.activation in ("relu", "tanh")

    def __init__(self, task: Task) -> None:
        from sklearn.neural_network import MLPClassifier  # imports are not timed

        super().__init__(task)
        self.variant: Any = MLPClassifier

    def train(self) -> float:
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

    def _network(self, replica: int) -> Any:
        """Return the network of a replica at its initial weights."""
        task, arrays = self.task, self.task.arrays
        network = self.variant(
            task.hidden,
            activation=task.activation,
            solver=task.optimizer,
            alpha=0,
            batch_size=BATCH,
            learning_rate_init=task.rate,
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


class Torch(Contestant):
    """A plain loop over seeds, epochs and batches, with the fused optimizer."""

    label = "PyTorch eager"
    needs = "torch"

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
            "maxout": type("Maxout", (torch.nn.Module,), {"forward": maxout}),
        }[self.task.activation]
        modules = []
        for weight in self.task.arrays.weights:
            modules += [torch.nn.Linear(*weight.shape[1:]), activation()]
        return torch.nn.Sequential(*modules[:-1])

    def _optimizer(self, parameters: Iterable[Any]) -> Any:
        variant = {"sgd": self.torch.optim.SGD, "adam": self.torch.optim.Adam}[self.task.optimizer]
        return variant(parameters, lr=self.task.rate, fused=True)

    def train(self) -> float:
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


class TorchVmap(Torch):
    """`torch.func.vmap` of the network over stacked parameters, with the fused optimizer on the stacks."""

    label = "PyTorch vmap"

    def train(self) -> float:
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


class Jax(Contestant):
    """An epoch as one program: `vmap` over seeds of a `scan` over batches and the evaluation, compiled by `jit`."""

    label = "JAX vmap+scan+jit"
    needs = "jax"

    def __init__(self, task: Task) -> None:
        import jax
        from jax import numpy as jnp

        super().__init__(task)
        arrays, scores, rule = task.arrays, _jax_scores(task.activation), _jax_rule(task)
        inputs, targets = jnp.array(arrays.inputs), jax.nn.one_hot(arrays.labels, arrays.labels.max() + 1)

        def cost(parameters: Any, x: Any, y: Any) -> Any:
            return -(y * jax.nn.log_softmax(scores(parameters, x))).sum(axis=-1).mean()

        def step(carry: Any, rows: Any) -> Any:
            parameters, state = carry
            gradient = jax.grad(cost)(parameters, inputs[rows], targets[rows])
            return rule(parameters, gradient, state), None

        def evaluate(parameters: Any, rows: Any) -> Any:
            z, y = scores(parameters, inputs[rows]), targets[rows]
            return -(y * jax.nn.log_softmax(z)).sum(axis=-1).mean(), (z.argmax(-1) != y.argmax(-1)).mean()

        def epoch(parameters: Any, state: Any, batches: Any, train: Any, test: Any) -> Any:
            (parameters, state), _ = jax.lax.scan(step, (parameters, state), batches)
            return parameters, state, (evaluate(parameters, train), evaluate(parameters, test))

        self.epoch = jax.jit(jax.vmap(epoch), donate_argnums=(0, 1))
        self.parts = jnp.array(arrays.train), jnp.array(arrays.test)

    def train(self) -> float:
        from jax import numpy as jnp
        from jax import tree

        arrays = self.task.arrays
        parameters: Any = [(jnp.array(w), jnp.zeros((w.shape[0], w.shape[2]))) for w in arrays.weights]
        state: Any = ()
        if self.task.optimizer == "adam":
            state = (*(tree.map(jnp.zeros_like, parameters) for _ in range(2)), jnp.zeros(self.task.seeds))
        generator = np.random.default_rng(0)
        for _ in range(self.task.epochs):
            batches = arrays.batches(generator)
            parameters, state, evaluations = self.epoch(parameters, state, batches, *self.parts)
            evaluations = tree.map(np.asarray, evaluations)
        return float(evaluations[1][1].mean())


def _jax_scores(activation: str) -> Callable[[Any, Any], Any]:
    """Return the function from (parameters, inputs) to the network's scores."""
    import jax
    from jax import numpy as jnp

    h = {
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "elu": jax.nn.elu,
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
        "maxout": lambda z: jnp.maximum(*jnp.split(z, 2, axis=-1)),
    }[activation]

    def scores(parameters: Any, x: Any) -> Any:
        for weight, bias in parameters[:-1]:
            x = h(x @ weight + bias)
        weight, bias = parameters[-1]
        return x @ weight + bias

    return scores


def _jax_rule(task: Task) -> Callable[[Any, Any, Any], Any]:
    """Return the optimizer's function from (parameters, gradient, state) to new parameters and state."""
    import jax
    from jax import numpy as jnp

    def sgd(parameters: Any, gradient: Any, state: Any) -> Any:
        return jax.tree.map(lambda p, g: p - task.rate * g, parameters, gradient), state

    def adam(parameters: Any, gradient: Any, state: Any) -> Any:
        mean, square, count = state
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
        count += 1
        rate, root = task.rate / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
        parameters = jax.tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s) / root + 1e-8), parameters, mean, square)
        return parameters, (mean, square, count)

    return {"sgd": sgd, "adam": adam}[task.optimizer]
