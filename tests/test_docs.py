"""README and guides: every command and every piece of code in them, run as written, only with smaller networks."""

import re
import shlex
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from experiments.store.reading import load_tables
from tests.programs import ROOT, python

PAGES = {path.stem: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
BLOCKS = {page: re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for page, text in PAGES.items()}
COMMANDS = {
    page: [line for language, block in blocks if language == "bash" for line in block.splitlines()]
    for page, blocks in BLOCKS.items()
}
CODE = [
    (page, block) for page, blocks in BLOCKS.items() for language, block in blocks if language in ("python", "yaml")
]
FILES = [block for _, block in CODE if re.match(r"# \w+/\S+\n", block)]
SNIPPETS = {
    f"{page}{number}": block
    for page in PAGES
    for number, block in enumerate(block for where, block in CODE if where == page and block not in FILES)
}
SMALL = ("epochs=2", "seeds=2", "net.hidden=[8]")


def train(arguments, cwd, root=ROOT):
    """Run `run.py` with these arguments and, for what they leave open, small networks."""
    given = {argument.partition("=")[0] for argument in arguments} - {"seeds", "epochs"}
    small = [setting for setting in SMALL if setting.partition("=")[0] not in given]
    if "+experiment=depth" in arguments:
        small[-1] = "net.hidden=[8],[8,8]"
    if "+experiment=headline" in arguments:
        small += ["dataset=digits", "tune.seeds=1"]
    return python(root / "run.py", *arguments, *small, cwd=cwd, root=root).stdout


def report(figures, *arguments, cwd, root=ROOT):
    """Run the command that writes a report, of these figures alone: one core draws few of them faster than two."""
    code = "from experiments.report import __main__, drawing; "
    code += f"drawing.FIGURES = {{name: drawing.FIGURES[name] for name in {figures}}}; "
    code += f"raise SystemExit(__main__.main({arguments}))"
    return python("-c", code, cwd=cwd, root=root, LOKY_MAX_CPU_COUNT="1").stdout


def evaluate(*arguments, cwd):
    """Run the command that evaluates an activation, on one data set of its suite."""
    shutil.copytree(ROOT / "results/reference", cwd / "results/reference", dirs_exist_ok=True)
    code = "from experiments.evaluate import __main__, protocol; "
    code += "protocol.BUDGETS.update({name: each._replace(every=33) for name, each in protocol.BUDGETS.items()}); "
    return python("-c", f"{code}raise SystemExit(__main__.main({arguments}))", cwd=cwd).stdout


def done_by_continuous_integration(command):
    """Return whether `.ci/run` does what a command does: installing, testing and linting."""
    script = (ROOT / ".ci/run").read_text()
    return command == COMMANDS["README"][0] or all(part in script for part in command.split(" && "))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which the README's first study was trained."""
    folder = tmp_path_factory.mktemp("trained")
    train(shlex.split(COMMANDS["README"][1])[2:], folder)
    return folder


@pytest.mark.parametrize("page", [page for page, commands in COMMANDS.items() if commands])
def test_every_command_of_a_page_works(page, trained, tmp_path):
    """One after the other, in one folder: a command may read what another wrote."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    for command in COMMANDS[page]:
        program, *arguments = shlex.split(command)
        if program == "python" and arguments[0] == "run.py":
            printed = train(arguments[1:], tmp_path)
            assert ("are there already" if "plan=true" in arguments else "replicas trained") in printed, command
        elif arguments[:2] == ["-m", "experiments.report"]:
            named = [name for word in arguments if word.startswith("figures=") for name in word[8:].split(",")]
            shown = named or ["leaderboard", "depth" if "study=depth" in arguments else "confusion"]
            kind = "png" if "formats=png" in arguments else "svg"
            last = f"{shown[-1]}.{kind}" if named else "index.html"
            assert last in report(tuple(shown), *arguments[2:], cwd=tmp_path), command
            assert list(tmp_path.glob(f"results/*/report/figures/{shown[-1]}.svg")), command
        elif arguments[:2] == ["-m", "experiments.evaluate"]:
            assert "open results/evaluate-" in evaluate(*arguments[2:], cwd=tmp_path), command
        elif arguments[:2] == ["-m", "experiments.figure"] and len(arguments) > 2:
            printed = python(*arguments, cwd=tmp_path).stdout
            paths = [line for line in printed.splitlines() if line.startswith("results/")]
            assert paths, command
            assert all((tmp_path / path).stat().st_size > 10_000 for path in paths), command
        elif program == "python":
            assert python(*arguments, cwd=tmp_path).stdout or "-c" in arguments, command
        else:
            assert done_by_continuous_integration(command), command


MLFLOW = """
from contextlib import contextmanager

@contextmanager
def start_run(run_name, tags):
    print(run_name, tags)
    yield

def log_params(params):
    assert {"activation", "lr", "seed"} <= {*params}

def log_metrics(metrics, step=None):
    assert step in (None, 0, 1, 2)
    assert {"final_test_error" if step is None else "test_error"} <= {*metrics}
    assert all(isinstance(value, float) and value == value for value in metrics.values())

set_tracking_uri = set_experiment = str
"""
"""What stands for the package MLflow, which needs some seventy others, and checks what it is given."""


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet(name, trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    (tmp_path / "mlflow.py").write_text(MLFLOW)
    code = SNIPPETS[name].replace("== 50", "== 2").replace('"study=', '"epochs=2", "seeds=2", "study=')
    printed = python("-c", f"import sys; sys.path.append('.')\n{code}", cwd=tmp_path).stdout
    assert "relu" in printed
    assert "NaN" not in printed


def test_every_guide_can_be_reached_and_every_link_leads_somewhere():
    reached = set()
    for page in PAGES:
        folder = ROOT if page == "README" else ROOT / "docs"
        for target in re.findall(r"\]\(([^)#:]+)\)", PAGES[page]):
            assert (folder / target).exists(), f"{page}: {target}"
            reached.add((folder / target).resolve())
    assert {path for path in (ROOT / "docs").iterdir() if path.is_file()} <= reached


def test_the_readme_is_a_front_door():
    assert len(PAGES["README"].splitlines()) <= 150


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with the README's activation, data set, output and figure added to its files."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("nets", "experiments", "conf"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run.py", root)
    for block in FILES:
        place, _, content = block.removeprefix("# ").partition("\n")
        with (root / place).open("a") as file:
            file.write(f"\n\n{content}" if (root / place).stat().st_size else content)
    frame = load_iris(as_frame=True).frame
    frame.assign(target="iris-" + frame["target"].astype(str)).to_csv(root / "measurements.csv", index=False)
    return root


def test_one_of_each_is_added_by_what_the_readme_shows_and_nothing_else(extended):
    help_text = python(extended / "run.py", "--help", cwd=extended, root=extended).stdout
    assert all(name in help_text for name in ("arctan", "measurements", "linear_log_cosh", "quick_gelu"))
    sweep = ["-m", "activation=arctan,quick_gelu", "dataset=measurements,diabetes", "output=linear_log_cosh"]
    train([*sweep, "epochs=20"], extended, extended)
    replicas = load_tables("default", extended / "results").replicas
    assert replicas.groupby(["activation", "dataset", "output"]).size().tolist() == [2, 2, 2, 2]
    of_iris = pd.read_csv(next((extended / "results/default/runs").glob("measurements-arctan-*/confusion.csv")))
    assert set(of_iris["true"]) == {"iris-0", "iris-1", "iris-2"}
    report(("error_by_parameters",), cwd=extended, root=extended)
    assert list(extended.glob("results/*/report/figures/error_by_parameters.svg"))


def test_an_added_class_is_in_the_catalogue_with_and_without_a_source(extended, tmp_path):
    shutil.copytree(extended, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results"))
    command = ("-m", "experiments.explain", "activation=arctan")
    told = python(*command, cwd=tmp_path, root=tmp_path).stdout
    assert "paper            Someone (2026), Activations that turn slowly\n" in told
    assert "family           sigmoid\n" in told
    path = tmp_path / "conf/activation/arctan.yaml"
    path.write_text(path.read_text().partition("about:")[0])
    told = python(*command, cwd=tmp_path, root=tmp_path).stdout
    assert "paper            Arc tangent: h = arctan(z), h' = 1 / (1 + z²).\n" in told
    assert "family           other\n" in told
    assert (
        "1 to train"
        in python(tmp_path / "run.py", "activation=arctan", "seeds=1", "plan=true", cwd=tmp_path, root=tmp_path).stdout
    )


def test_what_is_added_passes_the_projects_own_checks(extended):
    """Derivatives, gradients and stack invariance are tested from the registries, so new entries are too."""
    shutil.copytree(ROOT / "tests", extended / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", extended)
    chosen = "(Arctan or LogCosh or log_cosh) and not independent_formula"
    files = [f"tests/nets/test_{name}.py" for name in ("activations", "outputs", "network")]
    command = [sys.executable, "-m", "pytest", "-q", "-k", chosen, *files]
    done = subprocess.run(command, cwd=extended, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20
