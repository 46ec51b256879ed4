"""A small protocol, so that a newcomer is evaluated within seconds."""

import shutil

import pytest

from experiments import run_study
from experiments.data.suites import SUITES
from experiments.evaluate.evaluating import store_reference
from experiments.evaluate.protocol import BUDGETS, Budget

DATASETS = ("breast_cancer", "iris", "wine")
WORDS = ("+experiment=protocol_v1", f"dataset={','.join(DATASETS)}", "activation=relu,tanh,silu", "net.norm=none")


@pytest.fixture(scope="session")
def trained_reference(tmp_path_factory):
    """A folder with a reference of three activations on three data sets, after two and after four trials."""
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        _make_small(patch)
        patch.chdir(folder)
        for trials in (2, 4):
            run_study(*WORDS, f"tune.trials={trials}")
        assert store_reference() == 0
    return folder


@pytest.fixture
def reference(trained_reference, tmp_path, monkeypatch):
    """The working folder with this reference, and the small protocol."""
    _make_small(monkeypatch)
    shutil.copytree(trained_reference, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _make_small(patch):
    patch.setitem(SUITES, "suite30", DATASETS)
    patch.setitem(BUDGETS, "small", Budget(2, 1, ("none",)))
    patch.setitem(BUDGETS, "full", Budget(4, 1, ("none",)))
    patch.setattr("experiments.evaluate.evaluating.PROTOCOL_WORDS", (*WORDS, "tune.trials=4"))
