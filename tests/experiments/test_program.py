"""The program `activation-lab`: its commands, its help, and the same runs as from `python run.py`."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

from experiments.config.commands import COMMANDS, files
from tests.programs import ROOT, python

SMALL = ("dataset=iris", "epochs=2", "seeds=2", "net.hidden=[4]")


def lab(*words, cwd, code=0):
    """Run the program as its console script does."""
    start = f"import sys; sys.argv[:] = ['activation-lab', *{words!r}]; "
    return python("-c", f"{start}from experiments.program import main; sys.exit(main())", cwd=cwd, code=code)


def test_the_help_names_every_command_with_a_sentence_on_lines_that_fit(tmp_path):
    printed = lab("--help", cwd=tmp_path).stdout
    about = dict(re.findall(r"^  (\w+) +([A-Z].*(?:\n {13}.*)*)$", printed, re.MULTILINE))
    assert list(about) == list(files())
    assert {"run", "report", "evaluate", "claims", "explain", "store", "export", "benchmark"} <= set(about)
    assert all(sentence.endswith(".") for sentence in about.values())
    assert max(map(len, printed.splitlines())) <= 100


def test_the_help_imports_nothing_heavy():
    code = "import sys; before = {*sys.modules}; from experiments.program import main; main(['--help']); "
    code += "print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert imported - set(sys.stdlib_module_names) == {"experiments", "nets"}
    assert "importlib.metadata" not in done.stdout.split()


def test_every_module_that_can_be_started_is_a_command():
    started = {path.parent.name for path in (ROOT / "experiments").glob("*/__main__.py")}
    assert started <= set(files()) == set(COMMANDS)


@pytest.mark.parametrize("name", files())
def test_each_command_explains_itself_as_it_was_started(name, tmp_path):
    printed = lab(name, "--help", cwd=tmp_path).stdout
    assert f"activation-lab {name}" in printed
    assert f"python -m experiments.{name}" not in printed
    assert "python run.py -m" not in printed.partition("\n\n")[2] or name == "benchmark"  # its text names a measurement


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGPIPE")
@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("run", "plan=true"), ("figure",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_program_whose_reader_leaves_early_ends_without_a_word(words, unbuffered):
    start = "import sys; sys.argv[0] = 'activation-lab'; from experiments.program import main; sys.exit(main())"
    assert_ends_with_its_reader([sys.executable, "-c", start, *words], unbuffered)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGPIPE")
@pytest.mark.parametrize("name", sorted(set(files()) - {"run"}))
def test_a_module_whose_reader_leaves_early_ends_without_a_word(name):
    assert_ends_with_its_reader([sys.executable, "-m", f"experiments.{name}", "--help"])


def assert_ends_with_its_reader(command, unbuffered=""):
    """Start a command whose standard streams are pipes without a reader."""
    read, write = os.pipe()
    os.close(read)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def tables(folder):
    return {path.name: path.read_bytes() for path in folder.glob("results/default/*.csv") if path.name != "timing.csv"}


def test_a_sweep_is_that_of_run_py(tmp_path):
    folders = tmp_path / "program", tmp_path / "script"
    for folder in folders:
        folder.mkdir()
    ours = lab("run", "-m", "activation=relu,elu", "workers=1", *SMALL, cwd=folders[0])
    theirs = python(ROOT / "run.py", "-m", "activation=relu,elu", "workers=1", *SMALL, cwd=folders[1])
    assert "4 replicas trained" in ours.stdout
    untimed = [re.sub(r" +\d+\.\d+ *$", "", done.stdout, flags=re.MULTILINE) for done in (ours, theirs)]
    assert untimed[0] == untimed[1].replace("python -m experiments.", "activation-lab ")
    assert "replicas.csv" in tables(folders[0])
    assert tables(folders[0]) == tables(folders[1])


REFUSED = {
    "reprot study=mine": "did you mean 'report'.*; run: activation-lab report study=mine",
    "-m activation=relu": "unknown command '-m': .*; run: activation-lab run -m activation=relu",
    "epochs=3": "unknown command 'epochs=3': .*; run: activation-lab run epochs=3",
    "xyz": "unknown command 'xyz': allowed: run, report, .*",
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_word_that_is_no_command_is_refused_with_what_was_meant(words, tmp_path):
    refused = lab(*words.split(), cwd=tmp_path, code=2)
    assert re.fullmatch(f"activation-lab: .*{REFUSED[words]}\n", refused.stderr)
    assert not list(tmp_path.iterdir())


def test_without_a_command_it_prints_the_help_and_fails(tmp_path):
    assert lab(cwd=tmp_path, code=2).stdout == lab("--help", cwd=tmp_path).stdout


@pytest.mark.parametrize(("words", "code"), [("run lr=0.1 epochz=3", 2), ("report studdy=mine", 2), ("store", 2)])
def test_a_command_fails_as_its_module_does(words, code, tmp_path):
    name, *rest = words.split()
    start = [ROOT / "run.py"] if name == "run" else ["-m", f"experiments.{name}"]
    theirs = python(*start, *rest, cwd=tmp_path, code=code).stderr
    ours = lab(name, *rest, cwd=tmp_path, code=code).stderr
    other = theirs.replace("run.py:", "run:").replace("python run.py", "activation-lab run")
    assert ours == other.replace(f"python -m experiments.{name}", f"activation-lab {name}")


def test_the_command_of_a_refusal_works(tmp_path):
    refused = lab("run", "lr=0.1", *SMALL, cwd=tmp_path, code=2).stderr
    program_name, *words = shlex.split(refused.rpartition("Run: ")[2])
    assert program_name == "activation-lab"
    assert "2 replicas trained" in lab(*words, cwd=tmp_path).stdout
