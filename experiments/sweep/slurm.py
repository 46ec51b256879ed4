"""Slurm: each of its jobs trains one run into the study, with workers of its own, on a disk that all machines share."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from experiments.config.errors import ConfigError
from experiments.sweep.jobs import Job
from experiments.sweep.runner import Train
from experiments.sweep.scheduling import train_all
from experiments.sweep.workers import read_data, share_all


def connect(executor: str, options: Mapping[str, Any]) -> Train:
    """Return what trains jobs on the machines of Slurm.

    Parameters
    ----------
    executor
        "slurm", or "local": processes of this machine.
    options
        Those of Hydra's Submitit launcher.

    Raises
    ------
    ConfigError
        If Slurm is not installed on this machine.
    """
    import submitit
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    common = BaseQueueConf.__dataclass_fields__
    options = {name if name in common else f"{executor}_{name}": value for name, value in options.items()}
    logs = options.pop("submitit_folder")
    started = {name: options.pop(name) for name in ("slurm_max_num_timeout",) if name in options}
    try:
        queue = submitit.AutoExecutor(logs, cluster=executor, **started)
    except RuntimeError:
        raise ConfigError(
            "hydra/launcher=slurm: this machine has no Slurm, whose command is srun; "
            "hydra/launcher=submitit_local runs the same jobs as processes of this machine"
        ) from None
    queue.update_parameters(**options)
    return partial(_train_on, queue)


def _train_on(queue: Any, jobs: Sequence[Job]) -> dict[Path, str]:
    """Submit a job for each run and wait for all of them; an interrupt cancels them."""
    root = str(Path(__file__).parents[2])  # the code that plans the jobs is the code that trains them
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    jobs_by_run: dict[Path, list[Job]] = {}
    for job in jobs:
        jobs_by_run.setdefault(job.folder.path, []).append(job)
    shared = queue.folder.parent
    shared.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="data-", dir=shared, ignore_cleanup_errors=True) as folder:
        datasets = [same[0].settings.data for same in jobs_by_run.values()]
        paths = share_all(datasets, Path(folder).absolute())
        submitted = queue.map_array(
            train_run, list(map(_without_data, jobs_by_run.values())), [paths[data] for data in datasets]
        )
        try:
            reasons = [_reason(run, entry) for run, entry in zip(jobs_by_run, submitted, strict=True)]
        except KeyboardInterrupt:
            for entry in submitted:
                entry.cancel(check=False)
            raise
    return dict(filter(None, reasons))


def _reason(run: Path, entry: Any) -> tuple[Path, str] | None:
    """Wait for a job of Slurm; return why its run was given up, if it was."""
    reason = f"its job {entry.job_id} failed (log in {entry.paths.stderr})" if entry.exception() else entry.result()
    return (run, reason) if reason else None


def train_run(jobs: Sequence[Job], data: Path) -> str | None:
    """Train the jobs of a run on this machine, inside a job of Slurm; return why it was given up, if it was."""
    cores = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE")
    if cores:
        os.environ["LOKY_MAX_CPU_COUNT"] = cores  # joblib counts the cores of the whole machine if Slurm does not bind
    jobs = [replace(job, settings=replace(job.settings, data=read_data(data))) for job in jobs]
    return next(iter(train_all(jobs).values()), None)


def _without_data(jobs: Sequence[Job]) -> list[Job]:
    return [replace(job, settings=replace(job.settings, data=None)) for job in jobs]  # type: ignore[arg-type]
