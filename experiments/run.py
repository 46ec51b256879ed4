"""Trains the networks of a sweep and keeps their results. Hydra composes its jobs; all are checked before training."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import hydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from experiments.config.arguments import check_cores, prepare_streams, while_read
from experiments.config.choices import CONF
from experiments.config.commands import command_line
from experiments.config.compose import error_line, expand
from experiments.config.errors import ConfigError, in_one_line
from experiments.config.flags import SHOWING, options_and_words
from experiments.config.hydra_schema import register_schema
from experiments.config.plugins import check_packages
from experiments.config.values import parts
from experiments.config.words import earlier_names, hydra_words

# Hydra finds a sweeper by name and only in its own packages, which it loads itself. An import gives another class.
PLUGINS = Plugins.instance().class_name_to_class
SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
ELSEWHERE = ("ray", "ray_cluster", "slurm", "submitit_slurm", "submitit_local")
"""Launchers whose workers this process does not count."""
if TYPE_CHECKING:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    from experiments.sweep.runner import Train
else:
    BasicSweeper = PLUGINS[SWEEPER]


class StudySweeper(BasicSweeper):
    """Hydra's basic sweeper, but every job is checked before the first one starts.

    Hydra itself composes only its own settings and the preset. It composes before it sweeps: an option's setting would
    meet the default option, which may not have it.
    """

    words: ClassVar[list[str]] = []
    notes: ClassVar[list[str]] = []

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Note what `sweep` needs. Hydra's launchers are not started: they return when all jobs have ended."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> NoReturn:
        """Run what the study lacks; exit with 1 if a job failed."""
        from experiments.sweep.jobs import Job
        from experiments.sweep.planning import plan
        from experiments.sweep.runner import readings, run_sweep
        from experiments.sweep.scheduling import number_of_workers, train_all

        assert self.hydra_context is not None  # Hydra has called `setup`
        assert self.config is not None
        jobs = [Job.of(*job) for job in expand(self.hydra_context.config_loader, self.config, self.words)]
        for note in self.notes:
            _say(note)
        if jobs[0].settings.plan:
            workers = number_of_workers(jobs) if _launcher(self.config.hydra) not in ELSEWHERE else None
            for line in chain(readings(jobs), plan(jobs, workers)):
                print(line, flush=True)  # the estimate of the time may take two seconds
            sys.exit(0)
        lacks = any(job.missing for job in jobs)
        sys.exit(run_sweep(jobs, _trained_by(self.config.hydra) if lacks else train_all))


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def job(config: DictConfig) -> None:
    """Start Hydra, whose sweeper above does everything."""


def _trained_by(hydra_node: DictConfig) -> "Train":
    """Return what trains jobs: the workers of this machine, of a Ray cluster, or of Slurm."""
    from experiments.sweep import remote, scheduling, slurm

    launcher = _launcher(hydra_node)
    options: Any = OmegaConf.to_container(hydra_node.launcher, resolve=True)
    if launcher in ("ray", "ray_cluster"):
        return remote.connect(options["ray"]["init"]).train
    if launcher in ELSEWHERE:
        del options["_target_"]
        return slurm.connect("local" if launcher == "submitit_local" else "slurm", options)
    return scheduling.train_all


def _launcher(hydra_node: DictConfig) -> str:
    return str(hydra_node.runtime.choices["hydra/launcher"])


def _reproduce(words: Sequence[str]) -> int:
    """Train a recorded run again and compare; return the exit code."""
    from experiments.sweep.reproduce import reproduce

    alone = next(word for word in words if word.startswith("reproduce="))
    path = Path(alone.partition("=")[2]).expanduser()
    if len(words) > 1:
        instead = [alone] if (path / "config.yaml").is_file() else None
        refusal = ConfigError("reproduce=RUN stands alone: a recorded run has its own settings", instead)
        raise ConfigError(in_one_line(refusal, command_line("run")))
    if alone == "reproduce=":
        raise ConfigError("reproduce= needs the folder of a run: reproduce=results/STUDY/runs/RUN")
    return reproduce(path)


def _kept(words: Sequence[str]) -> str:
    """Return what an interrupted sweep has kept, and what the same command does with it."""
    if any(parts(word)[1:] in (("hydra/launcher", "ray"), ("hydra/launcher", "ray_cluster")) for word in words):
        return "finished runs are stored, and the same command trains the others from their beginning"
    return "finished runs and the checkpoints of others are stored, and the same command continues"


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a sweep as Ctrl-C does."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _say(message: str) -> None:
    print(f"{command_line('run').split()[-1]}: {message}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run Hydra and return the exit code; it is 2, with one line, for a bad configuration."""
    prepare_streams()
    return while_read(lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(arguments: list[str]) -> int:
    atexit.register(gc.freeze)  # else Python's end searches all objects for cycles, a third of a second
    # With this variable Hydra raises errors instead of printing them. Whether the user had set it decides below.
    traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, _terminate)
    register_schema()
    PLUGINS[SWEEPER] = StudySweeper
    flags, words = list[str](), list[str]()
    try:
        if {"-h", "--help"} & set(arguments):
            # This help replaces Hydra's own, which takes a second and lists the schemas too.
            from experiments.config.help import help_text

            print(help_text([word for word in arguments if not word.startswith("-")]))
            return 0
        check_cores()
        check_packages()
        flags, words = options_and_words(arguments)
        if any(word.startswith("reproduce=") for word in words):
            return _reproduce(words)
        typed = hydra_words(words)
        StudySweeper.notes = earlier_names(words)
        StudySweeper.words = [word for word in typed if not parts(word)[1].startswith("hydra")]
        if SHOWING.isdisjoint(flags):
            typed = [word for word in typed if parts(word)[1].startswith(("hydra", "experiment"))]
        sys.argv[1:] = [*flags, *typed]
        job()  # the sweeper exits; what only shows something returns
        return 0
    except BrokenPipeError:
        raise
    except Exception as error:  # a job records its own errors, so this one was raised before the training
        if traceback:
            raise
        _say(error_line(error, words, flags))
        return 2
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, Terminated)
        event = "terminated" if terminated else "interrupted"
        _say(f"{event}; {_kept(words)}")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(143 if terminated else 130)  # a thread may still be training its epoch


if __name__ == "__main__":
    sys.exit(main())
