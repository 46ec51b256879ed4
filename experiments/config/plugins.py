"""Options that other packages add: their entry points in the groups `activation_lab.activations` and so on.

An entry point's name is the option. Its value has entered the registry of its group under this name, as ours do when
their modules are imported. The list of installed packages is read once in a process.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

PACKAGES: dict[Any, str] = {}
"""By what a package has registered, the package's name and version."""

_PROBLEMS: list[str] = []


def add_options(kind: str, registered: Callable[[str], Any]) -> None:
    """Import what other packages add to a registry, of which `registered` returns what it has under a name, or None.

    What is wrong with a package is kept for `check_packages`: this function is called while modules are imported.
    """
    for point in _entry_points()[kind]:
        assert point.dist
        try:
            value = point.load()
            if not re.fullmatch("[a-z][a-z0-9_]{0,39}", point.name):
                raise ValueError("allowed are names such as my_option")
            if registered(point.name) is not value:
                raise ValueError(f"{point.value} is not registered under this name")
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".removeprefix("ValueError: ").split())
            _PROBLEMS.append(
                f"the {kind} {point.name!r} of the package {point.dist.name} {point.dist.version} cannot be used: "
                f"{reason}; without the package all else works: pip uninstall {point.dist.name}"
            )
        else:
            PACKAGES[value] = f"{point.dist.name} {point.dist.version}"


def check_packages() -> None:
    """Refuse to go on beside a package whose options cannot be used.

    Raises
    ------
    ConfigError
        With the first such package and the reason.
    """
    if _PROBLEMS:
        raise ConfigError(_PROBLEMS[0])


def of_package(option: Any) -> dict[str, str]:
    """Return what a condition says of an option besides its settings: the package that has added it."""
    return {"package": PACKAGES[option]} if option in PACKAGES else {}


def without_package(node: Mapping[str, Any], option: Any) -> dict[str, Any]:
    """Return a recorded node without its package.

    Raises
    ------
    ConfigError
        If this version of the package is not installed: another one may compute other numbers.
    """
    recorded = node.get("package")
    if recorded and recorded != PACKAGES.get(option):
        requirement = "==".join(recorded.split())
        raise ConfigError(
            f"{node['name']} was that of {recorded}, which is not installed; run: pip install {requirement}"
        )
    return {key: value for key, value in node.items() if key != "package"}


def sources() -> dict[str, Path]:
    """Return by name the file of each module with an option, whether it was imported or not."""
    files = {}
    for point in chain(*_entry_points().values()):
        with suppress(ImportError):  # it is refused where it is imported
            spec = find_spec(point.module)
            if spec and spec.origin:
                files[point.module] = Path(spec.origin)
    return files


@cache
def _entry_points() -> dict[str, "EntryPoints"]:
    """Return the entry points of each kind of option."""
    from importlib.metadata import entry_points

    found = entry_points()
    return {
        kind: found.select(group=f"activation_lab.{kind}s") for kind in ("activation", "dataset", "output", "figure")
    }
