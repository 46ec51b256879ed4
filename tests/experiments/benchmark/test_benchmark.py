"""The benchmark runs, says who is missing, and its contestants learn alike. No test looks at a time."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import measuring
from experiments.benchmark.contestants import CONTESTANTS, Task
from experiments.benchmark.drawings import draw
from nets.network import Network

QUICK = ("--repeats", "1", "--epochs", "3")


def test_the_command(tmp_path):
    arguments = [
        "small",
        "diagnostics",
        *QUICK,
        "--json",
        tmp_path / "figures.json",
        "--save",
        tmp_path / "picture.png",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.benchmark", *map(str, arguments)],
        cwd=measuring.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((tmp_path / "figures.json").read_text())
    assert set(record) == {
        "processor", "cores", "system", "repeats", "epochs", "versions", "missing", "results",
    }  # fmt: skip
    assert list(record["results"]) == ["small", "diagnostics"]
    rows = record["results"]["small"]["rows"]
    present = {one.label for one in CONTESTANTS.values() if find_spec(one.needs)}
    assert set(rows) == set(record["versions"]) == present
    if "openblas" in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        assert "openblas" in record["versions"]["ours, 1 thread"]  # and its kernels
    assert set(record["missing"]) == {one.label for one in CONTESTANTS.values()} - present
    for label in present:
        assert label in done.stdout
    errors = {label: row["test_error"] for label, row in rows.items()}
    assert errors.pop("matrix products alone") is None
    for label, error in errors.items():
        assert error < 0.3, label
        assert abs(error - errors["ours, 1 thread"]) < 0.03, label
    assert errors["ours, 1 thread"] == errors["ours, all cores"]


def test_a_missing_peer_is_named_with_what_brings_it(monkeypatch, capsys):
    monkeypatch.setattr(measuring, "find_spec", lambda name: name == "numpy" or None)
    assert benchmark.main(["small", "--repeats", "1", "--epochs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for label, module in (("PyTorch eager", "torch"), ("PyTorch vmap", "torch"), ("JAX vmap+scan+jit", "jax")):
        assert any(line.startswith(f"{label}: {module} is not installed; pip install '.[bench]'") for line in lines)


TASKS = Task((16, 16), "maxout", "adam", epochs=6, seeds=2), Task((16,), "tanh", epochs=6, seeds=2)
LEARNERS = [
    pytest.param(contestant, task, id=f"{name}-{task.activation}")
    for name, contestant in CONTESTANTS.items()
    for task in TASKS
    if name != "floor" and contestant.takes(task)
]


@pytest.mark.parametrize(("contestant", "task"), LEARNERS)
def test_contestants_learn_alike(contestant, task):
    pytest.importorskip(contestant.needs)
    first = contestant(task)
    error = first.train()
    assert abs(error - CONTESTANTS["ours"](task).train()) < 0.05
    assert abs(first.train() - error) < 1e-6  # from the initial weights again


@pytest.mark.parametrize("names", [("sklearn", "torch"), ("torch-vmap", "jax")], ids=" and ".join)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_contestants_that_draw_the_same_batches_make_the_same_steps(names, optimizer):
    """So early that other weights, batches or a rate that is off would show."""
    for name in names:
        pytest.importorskip(CONTESTANTS[name].needs)
    task = Task((16, 8), "tanh", optimizer, epochs=2, seeds=3)
    one, other = (CONTESTANTS[name](task).train() for name in names)
    assert one > 0.1
    assert abs(one - other) <= 2 / task.arrays.test.size


def test_the_floor_has_every_product_of_a_step_and_of_the_evaluation(monkeypatch):
    task = Task((16, 8), "maxout", epochs=3, seeds=2)
    floor = CONTESTANTS["floor"](task)
    settings = task.settings()
    network = Network(64, settings.net.hidden, 10, settings.activation, 2)
    multiplications = []
    monkeypatch.setattr(np, "matmul", lambda a, b, out: multiplications.append(a[0].size * b.shape[2]))
    floor.train()
    first, *others = (layer.weight[0].size for layer in network.layers)
    step = 32 * (2 * first + 3 * sum(others))  # nobody asks for the gradient of the inputs
    evaluation = (1222 + 360) * (first + sum(others))
    assert sum(multiplications) == 3 * (38 * step + evaluation)


def test_a_contestant_has_one_core_and_the_native_kernels(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    environment = measuring.environment(1)
    assert "OPENBLAS_CORETYPE" not in environment
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
    if hasattr(os, "sched_getaffinity"):
        with measuring.Server("floor") as server:
            server.prepare(Task((4,)))
            assert len(os.sched_getaffinity(server.process.pid)) == 1


def test_times_are_per_step_and_replica():
    assert measuring._micro({"seconds": 2.0}, 100, Task((4,), seeds=10)) == 2000


def test_batches_are_whole_and_their_rows_distinct():
    arrays = Task((4,)).arrays
    batches = arrays.batches(np.random.default_rng(0))
    assert batches.shape == (10, 38, 32)
    for rows, train in zip(batches, arrays.train, strict=True):
        assert len(set(rows.ravel())) == rows.size
        assert set(rows.ravel()) <= set(train)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smal"], "unknown name 'smal': did you mean 'small'?"),
        (["small", "--repeats", "0"], "'0' is not a whole number from 1 up"),
        (["small", "--epochs", "x"], "'x' is not a whole number from 1 up"),
        (["small", "--save", "picture.gif"], "ends in .png or .svg"),
        (["startup", "--save", "picture.png"], "needs a workload to draw"),
        (["small", "--json", "nowhere/at/all.json"], "there is no folder nowhere/at"),
        (["--fast"], "--fast"),
    ],
    ids=" ".join,
)
def test_bad_arguments_are_refused_in_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        benchmark.main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("benchmark: ")
    assert message in line


def test_the_line_through_times_is_found():
    rows = {str(size): measuring.Row([0.5 + 0.25 * size]) for size in (1, 10, 100)}
    assert measuring._line("run", rows) == "0.5 s + 0.25 s per run; no point is further than 0% from this line"


def test_the_picture_shows_each_contestant_once_per_workload():
    figure = draw({"small": {"a": 3.0, "b": 20.0}, "wide": {"b": 400.0}}, "b")
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [["3.0", "20"], ["400"]]
    assert [[text.get_text() for text in ax.get_yticklabels()] for ax in figure.axes] == [["a", "b"], ["b"]]
