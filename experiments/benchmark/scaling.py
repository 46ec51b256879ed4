"""Times ours against each size that matters, and puts a straight line through the times."""

from collections.abc import Mapping

import numpy as np

from experiments.benchmark.measuring import Benchmark, Result, Row
from experiments.benchmark.task import Task
from experiments.benchmark.waiting import runs


def scaling(benchmark: Benchmark) -> dict[str, Result]:
    """Time ours by replicas, rows, weights and hidden layers, and both ours and Hydra by runs of a sweep."""
    series = {
        "replicas": {n: Task((128, 128), seeds=n) for n in (1, 3, 10, 30, 100)},
        "rows": {n: _task_of_rows(n) for n in (1000, 2000, 4000, 8000)},
        "weights": {
            sum(a * b for a, b in ((64, width), (width, width), (width, 10))): Task((width, width))
            for width in (64, 128, 256, 512)
        },
        "hidden layers": {n: Task((128,) * n) for n in (1, 2, 4, 8, 16)},
    }
    results = []
    for name, tasks in series.items():
        rows = benchmark.ours({str(size): task for size, task in tasks.items()})
        title = f"scaling with {name}, {benchmark.tasks(*tasks.values())[0].epochs} epochs"
        results.append(Result(title, "s", rows, notes=[line(name.rstrip("s"), rows)]))
    sweeps = {n: runs(benchmark, n)["runs"] for n in (1, 10, 100)}
    for label in ("ours", "Hydra alone"):
        rows = {str(n): result.rows[label] for n, result in sweeps.items()}
        title = f"trivial runs in a sweep: {label}"
        results.append(Result(title, "s", rows, notes=[line("run", rows)]))
    return {f"scaling {index}": result for index, result in enumerate(results, 1)}


def _task_of_rows(samples: int) -> Task:
    dataset = {"name": "gaussian_quantiles", "samples": samples, "features": 64, "classes": 10}
    return Task((128, 128), dataset=dataset)


def line(unit: str, rows: Mapping[str, Row]) -> str:
    """Return the straight line with the smallest relative errors through the medians of rows, which sizes name."""
    sizes, seconds = np.array([(float(size), row.median) for size, row in rows.items()]).T
    slope, start = np.polyfit(sizes, seconds, 1, w=1 / seconds)
    distance = np.abs((start + slope * sizes) / seconds - 1).max()
    return f"{start:.3g} s + {slope:.3g} s per {unit}; no point is further than {distance:.0%} from this line"
