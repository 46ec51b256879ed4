"""Imports run one way, run → experiments → nets → numpy, and down the rooms; heavy packages stay in theirs."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([ROOT / "run.py", *(ROOT / "nets").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")])
ROOMS = (
    ("streams", "tables"),
    ("data",),
    ("config",),
    ("training",),
    ("store",),
    ("networks",),
    ("analysis",),
    ("sweep",),
    ("figures",),
    (
        *("program", "run", "export", "predict", "figure", "report"),
        *("claims", "explain", "benchmark", "evaluate", "tour"),
    ),
)
"""The rooms of `experiments`: a file imports from its own room and from rooms above it in this list, never from below
or beside."""
FLOOR = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}
DRAWINGS = ("experiments/figures/", "experiments/report/", "experiments/claims/", "experiments/explain/drawings.py",
            "experiments/benchmark/drawings.py", "experiments/evaluate/drawings.py",
            "experiments/tour/")  # fmt: skip
"""Where matplotlib may be imported."""


def module(path):
    """Return the dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


@cache
def imported(path):
    """Return what a file imports anywhere, in functions and for types alone too: our modules and other packages."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (inner & MODULES.keys()) or {node.module}
            names |= {node.module} if inner - MODULES.keys() else set()
    ours = {name for name in names if name.startswith(("nets", "experiments"))}
    assert ours <= MODULES.keys(), "a module that is not there"
    return frozenset(ours | {name.partition(".")[0] for name in names - ours})


def room(name):
    """Return the room of a module of `experiments`; the package itself has none."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may(path):
    file = path.relative_to(ROOT).as_posix()
    packages = {name.partition(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)
    if file.startswith("nets/"):
        further = {"nets/estimators.py": {"sklearn", "threadpoolctl"}, "nets/products.py": {"threadpoolctl"}}
        assert packages <= {"nets", "numpy", "scipy"} | further.get(file, set())
    assert "run" not in packages
    if file != "experiments/run.py" and not file.startswith("experiments/config/"):
        assert not packages & {"hydra", "omegaconf"}
    if not file.startswith(DRAWINGS):
        assert "matplotlib" not in packages


@pytest.mark.parametrize("path", sorted((ROOT / "nets").rglob("*.py")), ids=lambda path: path.name)
def test_of_scipy_the_networks_use_the_special_functions_only(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    further = {"scipy.sparse"} if path.name == "estimators.py" else set()
    assert {name for name in names if name.startswith("scipy")} <= {"scipy.special"} | further


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("experiments.")))
def test_imports_run_down_the_rooms(name):
    home = room(name)
    for other in imported(MODULES[name]):
        if not other.startswith("experiments"):
            continue
        if other == "experiments":
            assert FLOOR[home] == len(ROOMS) - 1, "the facade is for commands and users"
        else:
            assert room(other) == home or FLOOR[room(other)] < FLOOR[home], f"{name} imports {other}"


def test_no_circle_of_files():
    rest = {name: {other for other in imported(path) if other in MODULES} for name, path in MODULES.items()}
    while leaves := {name for name, others in rest.items() if not others & rest.keys()}:
        for name in leaves:
            del rest[name]
    assert not rest, "each of these imports one of the others"


def test_the_walk_sees_subpackages_and_imports_inside_functions():
    assert {ROOT / "experiments/figures/style.py", ROOT / "experiments/report/text.py"} <= set(FILES)
    assert {"rich", "experiments.data.cells"} <= imported(ROOT / "experiments/sweep/runner.py")
    assert {"numpy", "nets.network"} <= imported(ROOT / "experiments/training/stack.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_is_utf_8_whatever_the_locale_is(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) == "os.open":  # a number, no text
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        values = {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
        names = {keyword.arg for keyword in node.keywords}
        is_text = name in ("read_text", "write_text") or (name == "open" and values.isdisjoint({"rb", "wb", "ab"}))
        assert not is_text or "utf-8" in values or "encoding" in names, f"line {node.lineno}: {ast.unparse(node)}"


def test_the_configuration_is_checked_without_heavy_packages():
    heavy = ["scipy", "sklearn", "pandas", "matplotlib", "rich", "mlxtend"]
    code = f"import sys; import experiments.config.compose; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
