"""Runs one contestant in a process of its own.

    python -m experiments.benchmark.server NAME CORE...

The process is pinned to these cores. It reads one JSON request per line and answers each with a line of JSON.
`{"tasks": [{…}, …]}` constructs a contestant for each; `{"train": true}` trains all once.
"""

import json
import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

from threadpoolctl import threadpool_info

if TYPE_CHECKING:
    from experiments.benchmark.task import Contestant


def main() -> None:
    """Pin this process, then answer requests until there are no more."""
    name, *cores = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, map(int, cores))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of a library is no answer
    _serve(name, answers)


def _serve(name: str, answers: TextIO) -> None:
    # These imports follow the pinning, because libraries count the cores when they are imported.
    from experiments.benchmark.contestants import CONTESTANTS
    from experiments.benchmark.task import Task

    variant = CONTESTANTS[name]
    contestants = []
    for line in sys.stdin:
        request = json.loads(line)
        if "tasks" in request:
            contestants = [variant(Task(**task)) for task in request["tasks"]]
            steps = sum(one.task.steps * one.task.replicas for one in contestants)
            answer = {"steps": steps, "version": _version(variant)}
        else:
            begin = time.perf_counter()
            outcome = variant.train_all(contestants)
            answer = {"seconds": time.perf_counter() - begin, **outcome._asdict()}
        print(json.dumps(answer), file=answers, flush=True)


def _version(contestant: "type[Contestant]") -> str:
    """Return the library that a contestant runs on, such as `numpy 2.4.6, openblas 0.3.31 (Haswell)`."""
    module = import_module(contestant.needs)
    text = f"{module.__name__} {module.__version__}"
    if module.__name__ not in ("numpy", "sklearn"):
        return text
    # SciPy brings a BLAS of its own, which no contestant uses.
    libraries = [one for one in threadpool_info() if one["user_api"] == "blas" and "scipy.libs" not in one["filepath"]]
    return ", ".join(
        [text, *(f"{one['internal_api']} {one['version']} {one.get('architecture')}" for one in libraries)]
    )


if __name__ == "__main__":
    main()
