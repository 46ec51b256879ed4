"""A claim is found by its module, and nothing else has to be edited to add one."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest

from experiments.claims.registry import MODULES, find_modules
from tests.programs import ROOT, python

MODULE = '''"""Claim 31: on iris, tanh learns more than nothing."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import Verdict, errors_in_points, mean, word


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return activation, seed, test_error at tuned rates."""
    return final_errors(tuned(train("anderson_1935", protocol).replicas), "activation")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the mean test error."""
    error = mean("test error (%)", errors_in_points(table, "activation")["tanh"])
    return Verdict(word(error.value < 100), (error,))


def draw(table: pd.DataFrame) -> Figure:
    """Draw each seed's test error."""
    return draw_differences(errors_in_points(table, "activation")["tanh"], (100,), "test error (%)")


CLAIM = Claim(
    text="tanh learns more than nothing",
    source="Anderson 1935",
    threshold="iris: mean test error < 100 %",
    effect="none",
    presets=("anderson_1935",),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
'''
PRESET = """# @package _global_
# Tanh on iris: Anderson (1935) (claim 31)
study: anderson_1935
epochs: 3
hydra:
  sweeper:
    params:
      activation: tanh
      dataset: iris
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with a module and a preset of a claim more."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("nets", "experiments", "conf", "tests", "results/reference/claims/tables"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    (root / "experiments/claims/literature/claim_31_tanh_learns.py").write_text(MODULE)
    (root / "conf/experiment/anderson_1935.yaml").write_text(PRESET)
    return root


def test_a_claim_is_added_by_a_module_and_its_preset_and_nothing_else(extended):
    done = python("-m", "experiments.claims", "31", "--quick", cwd=extended, root=extended)
    assert "3 replicas trained" in done.stdout
    assert "tanh learns more than nothing" in done.stdout
    folder = extended / "results/claims-quick"
    assert (
        "| 31 | tanh learns more than nothing (Anderson 1935) | **reproduced (preliminary)** |  | test error"
        in (folder / "claims.md").read_text()
    )
    rows = pd.read_csv(folder / "claims.csv")
    assert rows[["number", "measure", "seeds"]].to_numpy().tolist() == [[31, "test error (%)", "300 to 302"]]
    assert pd.read_csv(folder / "tables/31.csv.gz")["seed"].tolist() == [300, 301, 302]
    assert (folder / "figures/31.png").stat().st_size > 1000
    assert "<title>tanh learns more than nothing</title>" in (folder / "figures/31.svg").read_text()


def test_an_added_claim_passes_the_projects_own_checks(extended):
    command = [sys.executable, "-m", "pytest", "-q", "-k", "every_claim or claim_31 or circle"]
    files = ["tests/experiments/claims/test_literature.py", "tests/test_rooms.py"]
    done = subprocess.run([*command, *files], cwd=extended, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_modules_are_found_by_number_and_a_bad_name_or_a_number_used_twice_is_refused(tmp_path):
    assert list(MODULES)[:30] == list(range(1, 31))
    (tmp_path / "claim_10_a.py").touch()
    (tmp_path / "claim_02_b.py").touch()
    assert find_modules(tmp_path) == {2: "claim_02_b", 10: "claim_10_a"}
    (tmp_path / "claim_2_c.py").touch()
    with pytest.raises(ValueError, match="claim_02_b and claim_2_c have the same number"):
        find_modules(tmp_path)
    (tmp_path / "claim_2_c.py").rename(tmp_path / "claim_eleven.py")
    with pytest.raises(ValueError, match="claim_eleven: the module of a claim is named claim_NUMBER_TOPIC"):
        find_modules(tmp_path)


def test_the_help_and_a_bad_argument_import_no_library():
    code = "import sys; from experiments.claims.__main__ import main; codes = main(['-h']), main(['99']);"
    code += "print(codes, [name for name in ('numpy', 'pandas', 'matplotlib', 'hydra') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("(0, 2) []\n")
