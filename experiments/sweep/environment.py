"""The record of where and how a run was made."""

import os
import platform
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
from threadpoolctl import threadpool_info

from experiments.config.settings import Settings
from nets import NUMERICS

CODE = Path(__file__).resolve()

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "hydra-core", "mlxtend")

Facts = Mapping[str, object]


def describe(
    settings: Settings, overrides: Sequence[str], begin: float, status: str, machines: Iterable[Facts] = ()
) -> dict[str, object]:
    """Return command, configuration, commit, versions, processor, BLAS, data and root entropy as plain values.

    Parameters
    ----------
    settings
        What was run.
    overrides
        The words of the command line that compose this one job.
    begin
        `time.perf_counter()` when the job began.
    status
        How the job ended: "done", or the error.
    machines
        Where its parts were trained, if other machines than this one have trained them.
    """
    first, *others = {str(facts): facts for facts in machines}.values() or [machine()]
    overrides = [item for item in overrides if not item.startswith("hydra")]  # a launcher changes no number
    return {
        "status": status,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(time.perf_counter() - begin, 3),
        "command": shlex.join(["python", "run.py", *overrides]),
        "overrides": overrides,
        "configuration": {**settings.record, "seeds": list(settings.seeds), "lr": list(settings.rates)},
        **first,
        **({"other_machines": others} if others else {}),
        "dataset_sha256": settings.data.sha256,
        **({"file_sha256": settings.data.file_sha256} if settings.data.file_sha256 else {}),
        "entropy": settings.entropy,
    }


def machine() -> Facts:
    """Return the commit, the versions, the processor and the BLAS of this process."""
    return {
        "numerics": NUMERICS,
        "git": checkout(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "system": platform.platform(),
        "processor": processor(),
        "cores": joblib.cpu_count(),
        "blas": _blas(),
        "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"),
    }


def _blas() -> list[dict[str, object]]:
    """Return the loaded BLAS libraries, sorted: the order in which they were loaded must not look like a difference."""
    import scipy.special  # noqa: F401  # so that its library is among them, whatever was imported before

    facts = ("internal_api", "version", "architecture", "num_threads")
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return sorted(({fact: library.get(fact) for fact in facts} for library in libraries), key=str)


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def checkout() -> dict[str, object] | None:
    """Return the commit of this code, and whether files differ from it; None if the code is in no checkout."""
    # An installed package may lie inside the checkout of another project, which does not track it.
    if _git("ls-files", "--error-unmatch", CODE.name) is None:
        return None
    return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))}


def _git(*arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(CODE.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def processor() -> str:
    """Return the processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
