"""The benchmark runs, names the missing peers and refuses bad arguments. No test looks at a time."""

import json

import numpy as np
import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import measuring
from experiments.benchmark.contestants import CONTESTANTS

QUICK = ("--repeats", "1", "--epochs", "3")


def test_the_command(tmp_path, monkeypatch, capfd):
    quick = {name: CONTESTANTS[name] for name in ("ours", "floor", "sklearn")}
    monkeypatch.setattr(measuring, "CONTESTANTS", quick)
    files = [tmp_path / "figures.json", tmp_path / "picture.png"]
    arguments = ["small", "diagnostics", *QUICK, "--json", str(files[0]), "--save", str(files[1])]
    assert benchmark.main(arguments) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert files[1].read_bytes().startswith(b"\x89PNG")
    record = json.loads(files[0].read_text())
    assert set(record) == {
        "processor", "cores", "system", "repeats", "epochs", "versions", "missing", "results",
    }  # fmt: skip
    assert list(record["results"]) == ["small", "diagnostics"]
    rows = record["results"]["small"]["rows"]
    labels = [one.label for one in quick.values()]
    assert list(rows) == list(record["versions"]) == labels
    if "openblas" in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        assert "openblas" in record["versions"]["ours, 1 core"]  # and its kernels
    for label in labels:
        assert label in printed.out
    assert rows["matrix products alone"]["test_error"] is None
    assert abs(rows["ours, 1 core"]["test_error"] - rows["scikit-learn"]["test_error"]) < 0.03


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
        (["commands", "--save", "picture.png"], "needs a workload to draw"),
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
