"""The library's face: the command line's words, the same runs and tables, and nothing left behind."""

import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pandas as pd
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.version import getbase
from nbclient import NotebookClient

from experiments import run_study
from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from tests.programs import ROOT, python

SMALL = ("dataset=iris", "epochs=2", "seeds=2", "net.hidden=[4]")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tables(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("results/default/*.csv"))}


def test_a_study_is_that_of_the_command_line_and_returned(folder, capsys):
    found = run_study("activation=relu,tanh", *SMALL)
    ours = tables(folder)
    printed = python(ROOT / "run.py", "-m", "activation=relu,tanh", *SMALL, cwd=folder).stdout
    assert "0 replicas trained, 4 were there already" in printed
    assert tables(folder) == ours
    pd.testing.assert_frame_equal(found.replicas, pd.read_csv("results/default/replicas.csv"), check_dtype=False)
    assert len(found.history) == 2 * 2 * 3
    assert not found.confusion.empty
    assert "4 replicas trained" in capsys.readouterr().out


def hydras_state():
    return GlobalHydra.instance().is_initialized(), type(getbase()), sorted(ConfigStore.instance().repo)


def test_it_may_be_called_again_and_leaves_hydra_as_it_was(folder):
    before = hydras_state()
    run_study(*SMALL)
    with pytest.raises(ConfigError):
        run_study("activation=rellu")
    assert len(run_study(*SMALL, "seeds=3").replicas) == 3
    assert hydras_state() == before


def test_a_preset_is_a_whole_sweep_here_too():
    assert run_study("+experiment=smoke").replicas.groupby("activation").size().to_dict() == {"relu": 2, "tanh": 2}


BAD = [
    (["activation=rellu"], "unknown activation=rellu: did you mean 'relu'?"),
    (["epochs=abc"], "epochs=abc: allowed is a whole number from 0 to 1000000"),
    (["epochz=3"], "unknown key 'epochz': did you mean 'epochs'?"),
    (["seeds=0"], "seeds=0: allowed is"),
    (["activation=relu", "net.hidden=[4],[0]"], "net.hidden=[0]: allowed is"),
    (["activation=glob(x*)"], "activation=glob(x*) matches nothing. Allowed: apl"),
    (["hydra/launcher=joblib"], "hydra/launcher=joblib: only the command line has launchers"),
    (["+x={_target_:os.system}"], "_target_ in an override"),
    (["study=one,two"], "run_study runs one study"),
    (["+experiment=smoke,depth"], "run_study runs one study, these words name depth, smoke: add 'study=NAME' for all"),
    (["plan=true"], "no plan"),
    (["optimizer=[1]"], "several options are separated by commas"),
    (["epochs"], "epochs: allowed are words KEY=VALUE"),
    (["-m", "epochs=3"], "-m: allowed are words KEY=VALUE such as 'epochs=20'"),
    ([["epochs=3"]], "['epochs=3']: allowed are words KEY=VALUE"),
]


@pytest.mark.parametrize(("overrides", "message"), BAD, ids=[" ".join(map(str, overrides)) for overrides, _ in BAD])
def test_a_bad_argument_is_one_line_and_leaves_nothing(overrides, message, folder):
    with pytest.raises(ConfigError) as refusal:
        run_study(*overrides)
    assert "".join(traceback.format_exception(refusal.value)).count("Traceback") == 1  # Hydra's own is not shown
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not list(folder.iterdir())


def test_threads_compose_one_after_the_other():
    words = [(*SMALL, f"activation={name}", "plan=true") for name in ("relu", "elu", "tanh", "gelu")]
    with ThreadPoolExecutor(4) as pool:
        found = [jobs[0][0].activation.name for jobs in pool.map(sweep, words)]
    assert found == ["relu", "elu", "tanh", "gelu"]


def test_a_failed_run_is_an_error_that_says_where(monkeypatch):
    def fail(*arguments, **options):
        raise MemoryError("no room")

    monkeypatch.setattr("experiments.sweep.workers.train_part", fail)
    with pytest.raises(RuntimeError, match="a run of study 'default' failed: its traceback is in"):
        run_study(*SMALL)


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import experiments; "
        "print({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'experiments'}"


def test_the_example_notebook_runs(folder):
    notebook = nbformat.read(ROOT / "docs/example.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # kept without what a run of it shows
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"import sys; sys.path.insert(0, {str(ROOT)!r})"))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    shown = str([cell.get("outputs") for cell in notebook.cells])
    assert "replicas trained" in shown
    assert "virginica" in shown
    assert shown.count("iVBORw0KGgo") == 3  # how a PNG begins
    assert "did you mean 'relu'" in shown
