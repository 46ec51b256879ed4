"""Times this program and its peers on the same networks, data, batches and steps, in one run.

    python -m experiments.benchmark [NAME ...] [--repeats N] [--epochs N] [--json FILE] [--save FILE.png|.svg]

NAME is a workload or another comparison; by default, all of them are measured except `scaling`.

small default wide deep adam tanh elu gelu maxout   a workload: every contestant is pinned to one core
batchnorm layernorm dropout residual                a workload with a part of the modern recipe
cores        small, default and wide on all cores
sweep        6 activations, 3 learning rates and 10 seeds in a new process, on one core and on all cores
workers      ours with all workers and with one, inside the run; the serial share; a projection to 16 cores
shell        ours with all workers and with one, from the shell
timeline     how busy each core is during the main job: python run.py -m activation=relu,elu,tanh
report       the report of the main job's study: the first one, and the same again
commands     the first line of each command
formulas     ten formulas against the classes of the same functions: a formula may take 1.3 times as long
runs diagnostics memory   many trivial runs; the diagnostics of layers; peak memory
scaling      how the cost grows

Every contestant is a process of its own. They take turns, and only one works at a time. The peers need
pip install '.[bench]' (without a GPU, first: pip install torch==2.13.0 from PyTorch's CPU builds).
"""

import argparse
import json
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from experiments.benchmark.contestants import CONTESTANTS
from experiments.benchmark.formulas import formulas
from experiments.benchmark.measuring import Benchmark, BenchmarkError, Result, all_cores
from experiments.benchmark.scaling import scaling
from experiments.benchmark.task import WORKLOADS
from experiments.benchmark.waiting import commands, diagnostics, memory, report, runs
from experiments.benchmark.workers import shell, timeline, workers
from experiments.config.arguments import exit_code
from experiments.config.commands import command_line
from experiments.sweep.environment import processor
from nets.names import nearest

OTHERS: dict[str, Callable[[Benchmark], dict[str, Result]]] = {
    "cores": Benchmark.cores,
    "sweep": Benchmark.sweep,
    "workers": workers,
    "shell": shell,
    "timeline": timeline,
    "report": report,
    "commands": commands,
    "runs": runs,
    "diagnostics": diagnostics,
    "memory": memory,
    "formulas": formulas,
    "scaling": scaling,
}
"""The comparisons that are no workloads; the last one runs only if it is named."""


def show(name: str, result: Result) -> None:
    """Print one comparison as a table."""
    cold = any(row.cold is not None for row in result.rows.values())
    errors = any(row.test_error is not None for row in result.rows.values())
    reference = result.rows[result.reference] if result.reference else None
    table = Table()
    table.add_column(result.unit)
    headers = ["median", "min – max", *(["cold"] if cold else []), *([f"× {result.reference}"] if reference else [])]
    for header in (*headers, *(["test error"] if errors else [])):
        table.add_column(header, justify="right")
    for label, row in result.rows.items():
        cells = [_number(row.median), f"{_number(min(row.values))} – {_number(max(row.values))}"]
        cells += ["–" if row.cold is None else _number(row.cold)] if cold else []
        cells += [f"{row.median / reference.median:.2f}"] if reference else []
        cells += ["–" if row.test_error is None else f"{100 * row.test_error:.2f} %"] if errors else []
        table.add_row(label, *cells, style="bold" if label == result.reference else "")
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"\n[bold]{name}[/bold]: {result.title}", highlight=False)
    console.print(table)
    for note in result.notes:
        console.print(note, highlight=False)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"benchmark: {message}", file=sys.stderr)
        sys.exit(2)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog=command_line("benchmark"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--repeats", type=_positive, default=5, help="timed repetitions (default 5)")
    parser.add_argument("--epochs", type=_positive, help="epochs of each training (default 20; of the main job 50)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--save", type=Path, metavar="FILE", help="draw the workloads: a .png or .svg file")
    options = parser.parse_args(argv)
    allowed = [*WORKLOADS, *OTHERS]
    for name in options.names:
        if name not in allowed:
            option, equals, value = name.partition("=")
            if equals and option in vars(options):
                words = shlex.join([f"--{option}", value])
                parser.error(f"unknown name {name!r}; run: {parser.prog} {words}")
            parser.error(f"unknown name {name!r}: {nearest(name, allowed)}")
    options.names = list(dict.fromkeys(options.names)) or allowed[:-1]
    if options.save and options.save.suffix not in (".png", ".svg"):
        parser.error(f"--save {options.save}: allowed is a file name that ends in .png or .svg")
    if options.save and not set(options.names) & set(WORKLOADS):
        parser.error(f"--save needs a workload to draw: {', '.join(WORKLOADS)}")
    for path in (options.json, options.save):
        if path and not path.parent.is_dir():
            parser.error(f"{path}: there is no folder {path.parent}")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if something failed, 2 for a bad argument."""
    return exit_code("benchmark", lambda: _run(_arguments(argv)))


def _run(options: argparse.Namespace) -> int:
    benchmark = Benchmark(options.repeats, options.epochs)
    results: dict[str, Result] = {}
    try:
        for name in options.names:
            print(f"measuring {name}", flush=True)  # it takes minutes
            measured = _measure(benchmark, name)
            results |= measured
            for key, result in measured.items():
                show(key, result)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    for label, version in benchmark.versions.items():
        print(f"{label}: {version}")
    for label, module in benchmark.missing.items():
        print(f"{label}: {module} is not installed; pip install '.[bench]' (CPU build of PyTorch: torch==2.13.0)")
    if options.json:
        options.json.write_text(json.dumps(_record(benchmark, results), indent=1) + "\n", "utf-8")
    if options.save:
        _save(options.save, {name: result for name, result in results.items() if name in WORKLOADS})
    return 0


def _save(file: Path, workloads: Mapping[str, Result]) -> None:
    """Draw the workloads into a file."""
    from experiments.benchmark.drawings import draw  # Matplotlib delays a command that draws nothing
    from experiments.figures.style import render

    medians = {name: {label: row.median for label, row in result.rows.items()} for name, result in workloads.items()}
    figure = draw(medians, CONTESTANTS["ours"].label)
    file.write_bytes(render(figure, file.suffix[1:], "Training time of ours and of the peers"))


def _measure(benchmark: Benchmark, name: str) -> dict[str, Result]:
    """Return the named results of one argument."""
    return {name: benchmark.workload(WORKLOADS[name])} if name in WORKLOADS else OTHERS[name](benchmark)


def _record(benchmark: Benchmark, results: Mapping[str, Result]) -> dict[str, Any]:
    """Return all numbers and a description of the machine for --json."""
    return {
        "processor": processor(),
        "cores": len(all_cores()),
        "system": platform.platform(),
        "repeats": benchmark.repeats,
        "epochs": benchmark.epochs,
        "versions": benchmark.versions,
        "missing": benchmark.missing,
        "results": {
            name: asdict(result)
            | {"rows": {label: asdict(row) | {"median": row.median} for label, row in result.rows.items()}}
            for name, result in results.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
