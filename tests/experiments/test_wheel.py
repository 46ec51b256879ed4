"""The wheel: installed into a new environment, its commands work in an empty folder."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.programs import ROOT

SMALL = ("dataset=iris", "epochs=2", "seeds=2")
DATA = {"experiments/conf": "conf", "experiments/evaluate/reference": "results/reference/atlas"}
"""Folders of the wheel, and of the checkout."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with this wheel, in which the libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    source, environment = folder / "source", folder / "environment"
    for name in ("nets", "experiments", "conf", "results/reference/atlas"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    venv.create(environment)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    site.joinpath("libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source], cwd=folder, check=True)
    (wheel,) = folder.glob("*.whl")
    python = environment / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--force-reinstall", wheel], check=True)
    return site


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    return tmp_path_factory.mktemp("elsewhere")


def start(installed, program, *arguments, cwd, code=0):
    """Run a program of the environment."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [installed.parents[2] / "bin" / program, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def files(folder):
    """Return the paths of what the packages of a checkout or an installation contain."""
    found = {path.relative_to(folder) for name in ("nets", "experiments") for path in (folder / name).rglob("*")}
    return {path for path in found if (folder / path).is_file() and "__pycache__" not in path.parts}


def test_it_contains_every_file_of_the_packages_and_the_data_beside_them(installed):
    beside = {
        Path(there) / path.relative_to(ROOT / here)
        for there, here in DATA.items()
        for path in (ROOT / here).rglob("*")
        if path.is_file() and path.suffix not in (".csv", ".png")
    }
    assert len(beside) > 100
    assert files(installed) == files(ROOT) | beside


def test_its_commands_work_in_an_empty_folder(installed, cwd):
    """One after the other: a command reads what another one has written."""
    trained = start(installed, "activation-lab", "run", "-m", "activation=relu", *SMALL, cwd=cwd)
    assert "2 replicas trained" in trained.stdout
    assert (cwd / "results/default/replicas.csv").is_file()
    reported = start(installed, "activation-lab", "report", cwd=cwd).stdout
    assert reported.endswith("open results/default/report/index.html\n")
    page = (cwd / "results/default/report/index.html").read_text()
    assert "activation-lab run " in page
    assert "python run.py" not in page
    assert "paper            Nair & Hinton (2010)" in start(
        installed, "activation-lab", "explain", "activation=relu", cwd=cwd
    ).stdout  # fmt: skip
    assert "1 done" in start(installed, "activation-lab", "store", "status", "study=default", cwd=cwd).stdout
    assert "activation-lab evaluate NAME" in start(installed, "activation-lab", "evaluate", "--help", cwd=cwd).stdout


def test_it_evaluates_by_its_own_reference(installed, cwd):
    code = "from experiments.evaluate import atlas; print(len(atlas.load().replicas))"
    assert int(start(installed, "python", "-c", code, cwd=cwd).stdout) > 10_000


@pytest.mark.parametrize("first", [("activation-lab", "run"), ("python", "-m", "experiments.run")], ids=" ".join)
def test_the_command_of_a_refusal_works_without_a_checkout(installed, first, tmp_path):
    refused = start(installed, *first, "lr=0.1", "net.hidden=[4]", *SMALL, cwd=tmp_path, code=2).stderr
    meant = shlex.split(refused.rpartition("Run: ")[2])
    assert "2 replicas trained" in start(installed, *meant, cwd=tmp_path).stdout


def test_a_study_of_python_runs_and_finds_the_installed_package(installed, tmp_path):
    code = f"import experiments; print(experiments.__file__); experiments.run_study('net.hidden=[4]', *{SMALL!r})"
    printed = start(installed, "python", "-c", code, cwd=tmp_path).stdout
    assert Path(printed.splitlines()[0]).is_relative_to(installed)
    (record,) = tmp_path.glob("results/default/runs/*/environment.json")
    assert json.loads(record.read_text())["status"] == "done"
