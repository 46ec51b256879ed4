"""Imports run one way, run → experiments → nets → numpy, and heavy packages stay in their rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([ROOT / "run.py", *(ROOT / "nets").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")])
DRAWS = {"experiments/report.py", "experiments/explain.py"}


def imported(path):
    """Return the top-level packages that a file imports anywhere, and our own modules by their full name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            names.add(node.module)
    return {name if name.startswith(("nets", "experiments")) else name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may(path):
    place = path.relative_to(ROOT).as_posix()
    packages = {name.partition(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)
    if place.startswith("nets/"):
        more = {"nets/estimators.py": {"sklearn", "threadpoolctl"}, "nets/products.py": {"threadpoolctl"}}
        assert packages <= {"nets", "numpy", "scipy"} | more.get(place, set())
    assert "run" not in packages
    if place not in ("run.py", "experiments/compose.py", "experiments/config.py"):
        assert not packages & {"hydra", "omegaconf"}
    if not (place.startswith("experiments/figures/") or place in DRAWS):
        assert "matplotlib" not in packages
    if place == "experiments/training.py":
        assert "experiments.store" not in imported(path)


def test_the_walk_sees_subpackages_and_imports_inside_functions():
    assert {ROOT / "experiments/figures/style.py", ROOT / "experiments/page/text.py"} <= set(FILES)
    assert "sklearn" in imported(ROOT / "experiments/datasets.py")
    assert {"numpy", "nets.network"} <= imported(ROOT / "experiments/training.py")


def test_the_configuration_is_checked_without_heavy_packages():
    heavy = ["scipy", "sklearn", "pandas", "matplotlib", "rich", "mlxtend"]
    code = f"import sys; import experiments.config; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
