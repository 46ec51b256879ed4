"""Times formulas against the classes of the same function, as a hidden layer needs them: the value, then the slope.

python -m experiments.benchmark.formulas REPEATS        what the benchmark runs in a process of its own
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import nets.learned  # noqa: F401  # its classes are registered
from experiments.benchmark.measuring import ROOT, Benchmark, BenchmarkError, Result, Row, all_cores, environment
from nets.activations import ACTIVATIONS, Activation
from nets.formula import Formula

SHAPE = (10, 32, 128)
"""Replicas, rows of a batch and units: a hidden layer of the workload `default`."""
MOST = 1.3
"""What a formula may take at most, in times of its class."""
TRIALS = 25
"""Of so many trials in turns, the fastest one counts: other programs only slow one down."""

FORMULAS = {
    "sigmoid": "sigmoid(x)",
    "tanh": "tanh(x)",
    "softplus": "softplus(x)",
    "elu": "max(x, 0) + expm1(min(x, 0))",
    "selu": "1.0507009873554805*(max(x, 0) + 1.6732632423543772*expm1(min(x, 0)))",
    "gelu": "x/2*(1 + erf(x*0.7071067811865476))",
    "silu": "x*sigmoid(x)",
    "mish": "x*tanh(softplus(x))",
    "softsign": "x/(1 + abs(x))",
    "hard_swish": "x*min(max(0, x/6 + 0.5), 1)",
}
"""The formula of a class, by its name."""


def formulas(benchmark: Benchmark) -> dict[str, Result]:
    """Time each formula and its class in turns, in one pinned process; a value is the ratio of the two times."""
    command = [sys.executable, "-m", "experiments.benchmark.formulas", str(benchmark.repeats)]
    done = subprocess.run(command, cwd=ROOT, env=environment(1), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"python {' '.join(command[1:])} failed")
    rows = {name: Row(ratios) for name, ratios in json.loads(done.stdout).items()}
    slow = [f"{name} {row.median:.2f}" for name, row in rows.items() if row.median > MOST]
    notes = [f"above {MOST}: {', '.join(slow) or 'none'}"]
    title = f"value and slope of {'×'.join(map(str, SHAPE))} float32 numbers by a formula"
    return {"formulas": Result(title, "times of the class", rows, notes=notes)}


def ratio(name: str) -> float:
    """Return the time of a formula in times of its class, both measured now."""
    function = ACTIVATIONS[name]()
    pair = [_call(Formula("formula", FORMULAS[name])), _call(function)]
    best = [np.inf, np.inf]
    for _ in range(TRIALS):
        for index, call in enumerate(pair):
            begin = time.perf_counter()
            for _ in range(3):
                call()
            best[index] = min(best[index], time.perf_counter() - begin)
    return float(best[0] / best[1])


def _call(activation: Activation) -> Callable[[], None]:
    z = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    h, work = np.empty_like(z), activation.buffers(z.shape, z.dtype)

    def call() -> None:
        activation.forward(z, h, work)
        activation.derivative(z, h, work)

    return call


def main() -> None:
    """Pin this process, and print the ratios of each pair as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, all_cores()[-1:])
    repeats = range(int(sys.argv[1]))
    print(json.dumps({name: [ratio(name) for _ in repeats] for name in FORMULAS}))


if __name__ == "__main__":
    main()
