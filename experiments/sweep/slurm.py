"""Slurm: each of its jobs trains one run into the study, with workers of its own, on a disk that all machines share."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.sweep.jobs import Job
from experiments.sweep.scheduling import train_all
from experiments.sweep.workers import SharedData, read_data


def train_on_slurm(jobs: Sequence[Job], executor: str, options: Mapping[str, Any]) -> dict[Path, str]:
    """Submit a job for each run and wait for all of them; return why runs were given up, by their folder.

    An interrupt cancels the jobs and is raised again.

    Parameters
    ----------
    jobs
        What to train.
    executor
        "slurm", or "local": processes of this machine.
    options
        Those of Hydra's Submitit launcher.
    """
    import submitit
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    common = BaseQueueConf.__dataclass_fields__
    options = {name if name in common else f"{executor}_{name}": value for name, value in options.items()}
    logs = options.pop("submitit_folder")
    started = {name: options.pop(name) for name in ("slurm_max_num_timeout",) if name in options}
    queue = submitit.AutoExecutor(logs, cluster=executor, **started)
    queue.update_parameters(**options)
    root = str(Path(__file__).parents[2])  # the code that plans the jobs is the code that trains them
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    jobs_by_run: dict[Path, list[Job]] = {}
    for job in jobs:
        jobs_by_run.setdefault(job.folder.path, []).append(job)
    with tempfile.TemporaryDirectory(prefix="data-", dir=queue.folder.parent) as folder:
        data = SharedData(Path(folder).absolute())
        paths = [data.path(same[0].settings.data) for same in jobs_by_run.values()]
        submitted = queue.map_array(train_run, list(map(_without_data, jobs_by_run.values())), paths)
        reasons: dict[Path, str] = {}
        try:
            for run, entry in zip(jobs_by_run, submitted, strict=True):
                if entry.exception():
                    reasons[run] = f"its {executor} job {entry.job_id} failed (log in {entry.paths.stderr})"
                else:
                    reasons |= entry.result()
        except KeyboardInterrupt:
            for entry in submitted:
                entry.cancel(check=False)
            raise
    return reasons


def train_run(jobs: Sequence[Job], data: Path) -> dict[Path, str]:
    """Train the jobs of a run on this machine, inside a job of Slurm; return what `train_all` does."""
    cores = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE")
    if cores:
        os.environ["LOKY_MAX_CPU_COUNT"] = cores  # joblib counts the cores of the whole machine if Slurm does not bind
    return train_all([replace(job, settings=replace(job.settings, data=read_data(data))) for job in jobs])


def _without_data(jobs: Sequence[Job]) -> list[Job]:
    return [replace(job, settings=replace(job.settings, data=None)) for job in jobs]  # type: ignore[arg-type]
