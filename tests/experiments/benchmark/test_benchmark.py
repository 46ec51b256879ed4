"""The benchmark runs, names the missing peers and refuses bad arguments. No test looks at a time."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import measuring
from experiments.benchmark.contestants import CONTESTANTS

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
