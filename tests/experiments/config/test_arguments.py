"""The arguments of the commands: what is almost KEY=VALUE is answered with the command that works."""

import re
import shlex
import sys
from io import BytesIO, TextIOWrapper

import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.claims import __main__ as claims
from experiments.config.arguments import exit_code, key_values
from experiments.config.errors import ConfigError
from experiments.explain import __main__ as explain
from experiments.export import __main__ as export
from experiments.report import __main__ as report
from experiments.store import __main__ as store
from tests.programs import python

MAINS = {
    "report": report.main,
    "store": store.main,
    "export": export.main,
    "claims": claims.main,
    "explain": explain.main,
    "benchmark": benchmark.main,
}
WRONG = [
    ("report --study mine", "unknown argument '--study'", "report study=mine"),
    ("report --study=mine select=loss", "unknown argument '--study=mine'", "report study=mine select=loss"),
    ("report mine", "unknown argument 'mine': allowed: study, compare", "report study=mine"),
    ("report study mine", "study has no value: allowed is study=VALUE", "report study=mine"),
    ("report study = mine", "study has no value: allowed is study=VALUE", "report study=mine"),
    ("report stdy=mine", "unknown argument 'stdy=mine': did you mean 'study'?", "report study=mine"),
    ("report --study mine --verbose", "unknown argument '--study'", None),
    ("report --study mine --select loss", "unknown argument '--study'", "report study=mine select=loss"),
    ("report --verbose", "unknown argument '--verbose'", None),
    ("report study=mine study=other", "study is given twice", None),
    ("store status mine", "unknown argument 'mine'", "store status study=mine"),
    ("store status --study mine", "unknown argument '--study'", "store status study=mine"),
    ("store mine status", "unknown command 'mine'", "store status study=mine"),
    ("store study=mine verify", "unknown command 'study=mine'", "store verify study=mine"),
    ("export results/mine/runs/one", "unknown argument 'results/mine/runs/one'", "export run=results/mine/runs/one"),
    ("export --run=one format=onnx", "unknown argument '--run=one'", "export run=one format=onnx"),
    ("claims 1,2", "unknown argument '1,2'", "claims 1 2"),
    ("claims 4 quick", "unknown argument 'quick'", "claims 4 --quick"),
    ("claims --select=loss", "unknown argument '--select=loss'", "claims select=loss"),
    ("claims all", "unknown argument 'all'", None),
    ("explain graph w*x+b w=1 x=2", "'w*x+b': b has no value", "explain graph w*x+b w=1 x=2 b=1"),
    ("explain graph exp(w*x)", "'exp(w*x)': w, x have no value", "explain graph exp(w*x) w=1 x=1"),
    ("explain x*tanh(x)", "unknown command 'x*tanh(x)'", "explain formula x*tanh(x)"),
    ("explain add_mul", "unknown command 'add_mul'", "explain example add_mul"),
    ("benchmark repeats=3", "unknown name 'repeats=3'", "benchmark --repeats 3"),
]


@pytest.mark.parametrize(("words", "message", "meant"), WRONG, ids=[words for words, *_ in WRONG])
def test_a_wrong_argument_is_one_line_with_the_command_that_works(words, message, meant, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name, *arguments = words.split()
    try:
        code = MAINS[name](arguments)
    except SystemExit as stop:
        code = stop.code
    line = capsys.readouterr().err
    assert code == 2
    assert line.startswith(f"{name}: {message}")
    assert line.count("\n") == 1
    better = re.search(r" [rR]un: python -m experiments\.(.*)\n$", line)
    assert (shlex.split(better[1]) if better else None) == (meant.split() if meant else None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["report", "report study=mine", "store status study=mine"])
def test_a_command_in_another_folder_says_where_it_has_looked(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name, *arguments = words.split()
    assert MAINS[name](arguments) == 2
    line = capsys.readouterr().err
    assert f"{tmp_path.resolve()}/results/" in line
    assert "cd to the folder in which run.py was run" in line


def test_values_may_hold_an_equals_sign():
    assert key_values(["study=a=b"], ("study",)) == {"study": "a=b"}
    with pytest.raises(ConfigError, match="study has no value"):
        key_values(["study="], ("study",))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "results/mine"), "report: No space left on device: results/mine"),
        (OSError(28, "No space left on device"), "report: No space left on device"),
        (OSError("nothing is known"), "report: nothing is known"),
        (KeyboardInterrupt(), "report: interrupted"),
        (ConfigError("unknown"), "report: unknown"),
    ],
)
def test_a_command_that_ends_early_says_why_in_one_line(error, line, capsys):
    def fail():
        raise error

    codes = {OSError: 1, KeyboardInterrupt: 130, ConfigError: 2}
    assert exit_code("report", fail) == codes[type(error)]
    assert capsys.readouterr().err == line + "\n"


def test_a_number_of_cores_that_is_none_is_refused_by_its_name(monkeypatch, capsys):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "abc")
    assert exit_code("report", lambda: 0) == 2
    assert "LOKY_MAX_CPU_COUNT=abc: allowed is a whole number of cores" in capsys.readouterr().err
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", " 2")
    assert exit_code("report", lambda: 0) == 0


def test_closed_streams_end_neither_a_command_nor_its_workers(tmp_path):
    worker = "import sys; sys.stdout.flush(); sys.stderr.flush()"
    lines = (
        "import os, subprocess, sys",
        "from experiments.config.arguments import exit_code",
        "os.close(1); os.close(2); sys.stdout = sys.stderr = None",
        f"run = lambda: [subprocess.run([sys.executable, '-c', {worker!r}], check=True), sys.stderr.flush(), 0][-1]",
        "sys.exit(exit_code('report', run))",
    )
    python("-c", "\n".join(lines), cwd=tmp_path)


def test_a_letter_that_a_terminal_lacks_is_a_question_mark(monkeypatch):
    poor = TextIOWrapper(BytesIO(), "ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", poor)
    assert exit_code("report", lambda: print("1 ± 2") or 0) == 0
    assert poor.buffer.getvalue() == b"1 ? 2\n"
