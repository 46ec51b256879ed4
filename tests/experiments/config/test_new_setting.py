"""A setting is added by its field, its default and the code that uses it; everything else follows."""

import shutil

import pytest

from experiments.store.reading import load_tables
from tests.programs import ROOT, python

EDITS = {
    "experiments/config/schema.py": (
        "    class_weight: ",
        '    cost_weight: Annotated[float, Number("(0, inf)"), Off(1.0)]\n    class_weight: ',
    ),
    "conf/config.yaml": ("class_weight: none", "cost_weight: 1.0 # factor on the cost in training\nclass_weight: none"),
    "experiments/training/stack.py": (
        "settings.optimizer.gradient_factor(rate)",
        "settings.cost_weight * settings.optimizer.gradient_factor(rate)",
    ),
}
SMALL = ("dataset=iris", "net.hidden=[4]", "epochs=2", "seeds=2")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project with a setting `cost_weight`."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("nets", "experiments", "conf"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run.py", root)
    for name, (before, after) in EDITS.items():
        text = (root / name).read_text()
        assert text.count(before) == 1, name
        (root / name).write_text(text.replace(before, after))
    return root


def run(root, *arguments, cwd, code=0):
    return python(root / "run.py", *arguments, cwd=cwd, root=root, code=code)


def test_help_names_it_with_its_allowed_values(copy, tmp_path):
    assert "cost_weight" in run(copy, "--help", cwd=tmp_path).stdout
    line = "  cost_weight=1.0             factor on the cost in training (a number above 0)"
    assert line in run(copy, "--help", "settings", cwd=tmp_path).stdout.splitlines()


def test_a_bad_value_is_refused_in_one_line(copy, tmp_path):
    refused = run(copy, "cost_weight=-1", cwd=tmp_path, code=2)
    assert refused.stderr == "run.py: cost_weight=-1.0: allowed is a number above 0\n"
    assert "did you mean 'cost_weight'" in run(copy, "cost_wieght=2", cwd=tmp_path, code=2).stderr


def test_a_run_without_it_is_the_run_of_the_earlier_version(copy, tmp_path):
    run(ROOT, *SMALL, cwd=tmp_path)
    printed = run(copy, *SMALL, "cost_weight=1.0", cwd=tmp_path).stdout
    assert "0 replicas trained, 2 were there already" in printed


def test_a_run_with_it_has_another_name_a_column_and_can_be_reproduced(copy, tmp_path):
    run(copy, "-m", *SMALL, "cost_weight=1.0,2.0", cwd=tmp_path)
    replicas = load_tables("default", tmp_path / "results").replicas
    assert replicas["cost_weight"].fillna(1).value_counts().to_dict() == {1: 2, 2: 2}
    assert replicas["run"].nunique() == 2
    assert replicas["final_train_loss"].nunique() == 4
    for name in replicas["run"].unique():
        assert "identical  history.csv" in run(copy, f"reproduce=results/default/runs/{name}", cwd=tmp_path).stdout
