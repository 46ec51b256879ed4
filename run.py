"""The entry point: Hydra composes the jobs, all are checked, then trained. `python run.py --help` says how."""

import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins

from experiments.config.compose import check_overrides, expand, one_line, options, plain
from experiments.config.schema import CONF, REGISTRIES, describe, register_schema
from experiments.config.settings import resolve

AUTO = "What suits the task (output) or the activation (init)."
# Hydra accepts a sweeper only from its own packages, by name; it loads these afresh, so an import is another class.
PLUGINS = Plugins.instance().class_name_to_class
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


class StudySweeper(PLUGINS[BASIC_SWEEPER]):
    """Hydra's basic sweeper, which checks every job before the first one starts and reads what they return."""

    def sweep(self, arguments):
        """Run what the study lacks; exit with 1 if a job failed."""
        from experiments.sweep.jobs import Job
        from experiments.sweep.planning import plan
        from experiments.sweep.runner import run_sweep

        jobs = [Job.of(*job) for job in expand(self.hydra_context.config_loader, self.config, arguments)]
        if jobs[0].settings.plan:
            print(plan(jobs))
            sys.exit(0)
        sys.exit(run_sweep(jobs, self._launch))

    def _launch(self, jobs):
        """Run the jobs and return what they returned."""
        from experiments.sweep.runner import run_here

        launcher = _launcher(self.config.hydra)
        if launcher == "BasicLauncher":  # would only compose each job once more, which takes longer than a small one
            return run_here(jobs)
        if launcher == "RayLauncher":
            # A worker may not see the study: it is told what is missing, and returns it.
            lines = [line for job in jobs for line in job.lines()]
        else:
            lines = [job.overrides for job in jobs]
        return [result.return_value for result in self.launcher.launch(lines, initial_job_idx=0)]


@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def job(config):
    """Train one condition, in a worker."""
    from experiments.store.study import Study
    from experiments.sweep.jobs import run_job, train_remotely

    settings = resolve(plain(config))
    launcher = _launcher(HydraConfig.get())
    if settings.threads == "auto":
        settings = replace(settings, threads=1)  # the other cores have workers of their own
    overrides = HydraConfig.get().overrides.task
    if launcher == "RayLauncher":
        return train_remotely(settings, overrides)
    run_job(settings, Study(settings.study), overrides)
    return None


def _launcher(hydra_node):
    """Return the class of the launcher in use: BasicLauncher, JoblibLauncher or RayLauncher."""
    return hydra_node.launcher._target_.rpartition(".")[2]


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a sweep as Ctrl-C does."""


def _terminate(number, frame):
    raise Terminated


def _help():
    """Return the text of --help: every choice with its hyperparameters, every preset, every setting."""
    lines = [
        "Train NumPy multilayer perceptrons and compare activations, output units and costs.",
        "",
        "  python run.py -m activation=relu,elu,tanh",
        "  python run.py -m dataset=digits,mnist5k 'activation=glob(*)' 'optimizer.lr=[0.03,0.1]' study=mine",
        "  python run.py +experiment=lu_comparison",
        "  python -m experiments.report study=mine",
        "  python run.py reproduce=results/mine/runs/RUN      train a recorded run again and compare",
        "",
        "Choices, CHOICE=NAME (several: NAME,NAME; all: 'CHOICE=glob(*)'), with their own settings, CHOICE.KEY=VALUE:",
    ]
    defaults = dict(re.findall(r"^  - (\w+): (\w+)$", (CONF / "config.yaml").read_text(), re.MULTILINE))
    for choice in REGISTRIES:
        lines.append(f"  {choice}, by default {defaults[choice]}:")
        for name in options(choice):
            variant = REGISTRIES[choice].get(name)
            about = variant.__doc__.partition("\n")[0] if variant else AUTO if name == "auto" else "A formula."
            lines.append(f"    {name:<20}{'  '.join([*describe(choice, name), about])}".rstrip())
    lines += ["", "Presets, each a whole sweep, +experiment=NAME:"]
    for name in options("experiment"):
        comment = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()[1]
        lines.append(f"  {name:<32}{comment.removeprefix('# ')}")
    settings = (CONF / "config.yaml").read_text().partition("\n\n")[2].partition("\nhydra:")[0]
    settings = settings.replace("${dataset.batch_size}", "the data set's # 32, fewer for small ones")
    lines += ["", "Settings, KEY=VALUE or KEY.KEY=VALUE, with their defaults:"]
    lines += [f"  {line}" for line in settings.rstrip().splitlines()]
    lines += [
        "  optimizer:",
        "    lr: as in the optimizer's file (sgd: the data set's) # a number, or a list trained as one stack",
    ]
    lines += ["", "--cfg job prints the composed configuration; --hydra-help tells of Hydra's own options."]
    return "\n".join(lines)


def main():
    """Run Hydra; answer a bad configuration with one line and exit code 2."""
    # Set, Hydra lets exceptions through instead of printing them; the user's own wish for tracebacks is kept.
    traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if {"-h", "--help"} & set(sys.argv[1:]):
        # Before Hydra's own help, which takes a second to list the schemas too.
        print(_help())
        return
    signal.signal(signal.SIGTERM, _terminate)
    register_schema(ConfigStore.instance())
    PLUGINS[BASIC_SWEEPER] = StudySweeper
    try:
        check_overrides(sys.argv[1:])
        if len(sys.argv) == 2 and sys.argv[1].startswith("reproduce="):
            from experiments.sweep.reproduce import reproduce

            sys.exit(reproduce(Path(sys.argv[1].partition("=")[2])))
        job()
    except Exception as error:  # jobs keep their errors to themselves: whatever comes here, nothing was trained
        if traceback:
            raise
        print(f"run.py: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, Terminated)
        how = "terminated" if terminated else "interrupted"
        print(f"run.py: {how}; what was finished is stored, the same command goes on from there", file=sys.stderr)
        sys.exit(143 if terminated else 130)


if __name__ == "__main__":
    main()
