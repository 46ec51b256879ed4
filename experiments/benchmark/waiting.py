"""Times what a person waits for: the first line of every command, the report, trivial runs; and the peak memory."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from experiments.benchmark.measuring import (
    ROOT,
    Benchmark,
    BenchmarkError,
    Result,
    Row,
    all_cores,
    environment,
    in_turns,
    run,
)
from experiments.benchmark.task import WORKLOADS
from experiments.config.choices import CONF

RUN = ("-m", "experiments.run")

MAIN_JOB = (*RUN, "-m", "activation=relu,elu,tanh")

TRIVIAL = ("dataset=iris", "net.hidden=[4]", "epochs=1", "seeds=1", "study=trivial")
"""Overrides of a run whose training takes almost no time."""

# A program that lets Hydra compose the same configurations and does nothing with them.
BARE_HYDRA = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import hydra
from experiments.config.hydra_schema import register_schema
register_schema()
@hydra.main(config_path={str(CONF)!r}, config_name="config", version_base="1.3")
def job(config):
    pass
job()
"""

COMMANDS = {
    "import hydra": ("-c", "import hydra; print()"),
    "run.py --help": (*RUN, "--help"),
    "run.py, a trivial run": (*RUN, *TRIVIAL),
    "run.py, the main job": MAIN_JOB,
    "run.py, its plan": (*MAIN_JOB, "plan=true", "study=other"),
    "report": ("-m", "experiments.report", "study=trivial"),
    "store status": ("-m", "experiments.store", "status", "study=trivial"),
    "store verify": ("-m", "experiments.store", "verify", "study=trivial"),
    "claims": ("-m", "experiments.claims", "--quick"),
    "explain graph": ("-m", "experiments.explain", "graph", "x*y", "x=2", "y=3"),
    "explain formula": ("-m", "experiments.explain", "formula", "x*sigmoid(x)"),
    "benchmark --help": ("-m", "experiments.benchmark", "--help"),
}
"""Commands by label. The first one is a program to compare with."""


def commands(benchmark: Benchmark) -> dict[str, Result]:
    """Time the first line of each command, in a folder with a trivial study."""
    with tempfile.TemporaryDirectory() as folder:
        run(*RUN, *TRIVIAL, folder=folder)
        measurements = {label: partial(_first_line, command, folder) for label, command in COMMANDS.items()}
        rows = in_turns(benchmark.repeats, measurements)
    return {"commands": Result("the first line of each command", "s", rows, "import hydra")}


def _first_line(command: tuple[str, ...], folder: str) -> float:
    """Return the seconds until a command prints its first line; end it then."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        # As on a terminal, each line is printed at once.
        env=environment(len(all_cores())) | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout, "a pipe"
        line = process.stdout.readline()
        seconds = time.perf_counter() - begin
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
    if not line:
        raise BenchmarkError(f"python {' '.join(command)} printed nothing")
    return seconds


def report(benchmark: Benchmark) -> dict[str, Result]:
    """Time the report of the main job's study: the first one, and the same again."""
    rows = {"first": Row([]), "again": Row([])}
    with tempfile.TemporaryDirectory() as study:
        run(*MAIN_JOB, *([f"epochs={benchmark.epochs}"] if benchmark.epochs else []), folder=study)
        for _ in range(benchmark.repeats):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(Path(study, "results"), Path(folder, "results"))
                for row in rows.values():
                    row.values.append(run("-m", "experiments.report", folder=folder)[0])
    return {"report": Result("python -m experiments.report of the main job's study", "s", rows)}


def runs(benchmark: Benchmark, count: int = 100) -> dict[str, Result]:
    """Time a sweep of trivial runs, compared with the time in which Hydra composes as many."""
    overrides = ("-m", *TRIVIAL, f"entropy=range({count})")
    rows = in_turns(
        benchmark.repeats,
        {
            "Hydra alone": lambda: run("-c", BARE_HYDRA, *overrides)[0],
            "ours": lambda: run(*RUN, *overrides)[0],
        },
    )
    more = rows["ours"].median - rows["Hydra alone"].median
    notes = [f"ours minus Hydra alone: {more:.1f} s, {1e3 * more / count:.0f} ms per run"]
    return {"runs": Result(f"sweep of {count} trivial runs", "s", rows, "Hydra alone", notes)}


def diagnostics(benchmark: Benchmark) -> dict[str, Result]:
    """Time the default workload with and without the diagnostics of every layer after every epoch."""
    default = WORKLOADS["default"]
    rows = benchmark.ours({"diagnostics off": default, "diagnostics on": replace(default, diagnostics=True)})
    title = "diagnostics of every layer, every epoch; default workload"
    return {"diagnostics": Result(title, "s", rows, "diagnostics off")}


def memory(benchmark: Benchmark) -> dict[str, Result]:
    """Measure the peak memory of the default job."""
    peaks = [run(*RUN, f"epochs={benchmark.epochs or 20}", "workers=1")[1] for _ in range(benchmark.repeats)]
    return {"memory": Result("peak memory of the default job on one core", "MB", {"run.py": Row(peaks)})}
