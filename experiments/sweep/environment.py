"""The record of where and how a run was made."""

import os
import platform
import shlex
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import joblib

from experiments.config.settings import Settings

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "hydra-core", "mlxtend")


def describe(settings: Settings, overrides: Sequence[str], seconds: float, status: str) -> dict:
    """Return command, configuration, commit, versions, processor, BLAS, data and root entropy as plain values.

    Parameters
    ----------
    settings
        What was run.
    overrides
        The command line's, of this one job.
    seconds
        How long it took, by the clock.
    status
        How it ended: "done", or the error.
    """
    from threadpoolctl import threadpool_info

    overrides = [item for item in overrides if not item.startswith("hydra")]  # a launcher changes no number
    return {
        "status": status,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(seconds, 3),
        "command": shlex.join(["python", "run.py", *overrides]),
        "overrides": overrides,
        "configuration": {**settings.record, "seeds": list(settings.seeds), "lr": list(settings.rates)},
        "git": _git(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "system": platform.platform(),
        "processor": processor(),
        "cores": joblib.cpu_count(),
        "blas": sorted(  # libraries are listed as they were loaded, which must not look like a difference
            (
                {key: library.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
                for library in threadpool_info()
                if library["user_api"] == "blas"
            ),
            key=str,
        ),
        "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"),
        "dataset_sha256": settings.data.sha256,
        "entropy": settings.entropy,
    }


@cache
def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git():
    def git(*arguments):
        try:
            return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    commit = git("rev-parse", "HEAD")
    return None if commit is None else {"commit": commit, "dirty": bool(git("status", "--porcelain"))}


@cache
def processor() -> str:
    """Return the processor's name."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
