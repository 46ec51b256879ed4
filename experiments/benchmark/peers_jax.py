"""JAX as a contestant.

JAX is imported where a contestant is constructed: it may not be installed, and imports are not timed.
"""

import os
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np

from experiments.benchmark.task import Contestant, Task


class Jax(Contestant):
    """An epoch as one program: `vmap` over replicas of a `scan` over batches and the evaluation, compiled by `jit`."""

    label = "JAX vmap+scan+jit"
    needs = "jax"

    def __init__(self, task: Task) -> None:
        import jax
        from jax import numpy as jnp

        super().__init__(task)
        arrays, scores, rule = task.arrays, _scores(task.activation), _rule(task.optimizer)
        inputs, targets = jnp.array(arrays.inputs), jax.nn.one_hot(arrays.labels, arrays.labels.max() + 1)

        def cost(parameters: Any, x: Any, y: Any) -> Any:
            return -(y * jax.nn.log_softmax(scores(parameters, x))).sum(axis=-1).mean()

        def evaluate(parameters: Any, rows: Any) -> Any:
            z, y = scores(parameters, inputs[rows]), targets[rows]
            return -(y * jax.nn.log_softmax(z)).sum(axis=-1).mean(), (z.argmax(-1) != y.argmax(-1)).mean()

        def epoch(parameters: Any, state: Any, batches: Any, rate: Any, train: Any, test: Any) -> Any:
            def step(carry: Any, rows: Any) -> Any:
                parameters, state = carry
                gradient = jax.grad(cost)(parameters, inputs[rows], targets[rows])
                return rule(parameters, gradient, state, rate), None

            (parameters, state), _ = jax.lax.scan(step, (parameters, state), batches)
            return parameters, state, (evaluate(parameters, train), evaluate(parameters, test))

        self.epoch = jax.jit(jax.vmap(epoch), donate_argnums=(0, 1))
        self.constants = tuple(map(self._put, (arrays.rates, arrays.train, arrays.test)))

    def _put(self, values: Any) -> Any:
        """Return values with the replicas along their first axis as an array of JAX."""
        from jax import numpy as jnp

        return jnp.array(values)

    def train(self) -> float:
        from jax import tree

        arrays, put = self.task.arrays, self._put
        parameters: Any = [(put(w), put(np.zeros((w.shape[0], w.shape[2]), w.dtype))) for w in arrays.weights]
        state: Any = ()
        if self.task.optimizer == "adam":
            zeros = np.zeros(self.task.replicas, np.float32)
            state = (*(tree.map(lambda p: put(np.zeros(p.shape, p.dtype)), parameters) for _ in range(2)), put(zeros))
        generator = np.random.default_rng(0)
        for _ in range(self.task.epochs):
            batches = put(arrays.batches(generator))
            parameters, state, evaluations = self.epoch(parameters, state, batches, *self.constants)
            evaluations = tree.map(np.asarray, evaluations)
        return float(evaluations[1][1].mean())


class JaxThreads(Jax):
    """The same on the threads by which XLA divides an operation."""

    label = "JAX, threads"
    all_cores = True


class JaxDevices(Jax):
    """The replicas on one device per core, each with one thread: JAX's own way to divide work without communication."""

    label = "JAX, devices"
    all_cores = True

    def __init__(self, task: Task) -> None:
        flags = f"--xla_force_host_platform_device_count={joblib.cpu_count()} --xla_cpu_multi_thread_eigen=false"
        os.environ["XLA_FLAGS"] = flags  # JAX reads it when it is first used
        import jax
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        # Each device has equally many replicas.
        count = max(n for n in range(1, len(jax.devices()) + 1) if task.replicas % n == 0)
        mesh = Mesh(np.array(jax.devices()[:count]), ("replicas",))
        self.sharding = NamedSharding(mesh, PartitionSpec("replicas"))
        super().__init__(task)

    def _put(self, values: Any) -> Any:
        import jax

        return jax.device_put(values, self.sharding)


def _scores(activation: str) -> Callable[[Any, Any], Any]:
    """Return the function from (parameters, inputs) to the network's scores."""
    import jax
    from jax import numpy as jnp

    h = {
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "elu": jax.nn.elu,
        "silu": jax.nn.silu,
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
        "maxout": lambda z: jnp.maximum(*jnp.split(z, 2, axis=-1)),
    }[activation]

    def scores(parameters: Any, x: Any) -> Any:
        for weight, bias in parameters[:-1]:
            x = h(x @ weight + bias)
        weight, bias = parameters[-1]
        return x @ weight + bias

    return scores


def _rule(optimizer: str) -> Callable[[Any, Any, Any, Any], Any]:
    """Return the optimizer's function from (parameters, gradient, state, rate) to new parameters and state."""
    import jax
    from jax import numpy as jnp

    def sgd(parameters: Any, gradient: Any, state: Any, rate: Any) -> Any:
        return jax.tree.map(lambda p, g: p - rate * g, parameters, gradient), state

    def adam(parameters: Any, gradient: Any, state: Any, rate: Any) -> Any:
        mean, square, count = state
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
        count += 1
        step, root = rate / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
        parameters = jax.tree.map(lambda p, m, s: p - step * m / (jnp.sqrt(s) / root + 1e-8), parameters, mean, square)
        return parameters, (mean, square, count)

    return {"sgd": sgd, "adam": adam}[optimizer]
