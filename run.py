"""The entry point: Hydra composes the jobs, all are checked, then trained. `python run.py --help` says how."""

import itertools
import os
import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config import ConfigError, nearest, register_schema, resolve

CONF = Path(__file__).parent / "conf"
# Hydra accepts a sweeper only from its own packages, by name; it loads these afresh, so an import is another class.
PLUGINS = Plugins.instance().class_name_to_class
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def plain(config):
    """Return a composed configuration as nested plain values, without Hydra's own node."""
    values = OmegaConf.to_container(config, resolve=True)
    values.pop("hydra", None)
    return values


class StudySweeper(PLUGINS[BASIC_SWEEPER]):
    """Hydra's basic sweeper, which checks every job before the first one starts and reads what they return."""

    def sweep(self, arguments):
        """Run all jobs; exit with 1 if one failed."""
        from experiments.runner import finish
        from experiments.store import Store

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([f"{key}={value}" for key, value in self.params.items()] + arguments)
        for override in overrides:
            if override.is_sweep_override() and not list(override.sweep_string_iterator()):
                raise ConfigError(f"{override.input_line} matches nothing: {_options(override.key_or_group)}")
        jobs = list(itertools.chain(*self.split_arguments(overrides, None)))
        settings = {}
        for job in jobs:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, job)
            checked = resolve(plain(config))
            settings.setdefault((checked.study, checked.run, checked.rates, checked.seeds), (job, checked))
        jobs, checked = zip(*settings.values(), strict=True)
        stores = [Store(study) for study in dict.fromkeys(one.study for one in checked)]
        for store in stores:
            store.check_writable()
        results = self.launcher.launch(jobs, initial_job_idx=0)
        outcomes = [result.return_value for result in results]
        codes = [
            finish(
                [outcome for outcome, one in zip(outcomes, checked, strict=True) if one.study == store.folder.name],
                store,
            )
            for store in stores
        ]
        sys.exit(max(codes))


@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def job(config):
    """Train one condition."""
    from experiments.runner import run_job
    from experiments.store import Store

    settings = resolve(plain(config))
    return run_job(settings, Store(settings.study))


def _options(group):
    """Return the options of a configuration group as the end of a message."""
    return f"allowed: {', '.join(sorted(path.stem for path in (CONF / group).glob('*.yaml')))}"


def _message(error):
    """Return one line for an error of Hydra's or of ours."""
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"unknown {group}={name}: {nearest(name, error.options)}"
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    return " ".join(line.strip() for line in str(cause).splitlines() if line.strip())


def main():
    """Run Hydra; answer a bad configuration with one line and exit code 2."""
    # Set, Hydra lets exceptions through instead of printing them; the user's own wish for tracebacks is kept.
    traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register_schema(ConfigStore.instance())
    PLUGINS[BASIC_SWEEPER] = StudySweeper
    try:
        if any("_target_" in argument for argument in sys.argv[1:]):
            raise ConfigError("_target_ in an override: a configuration names options, never code")
        job()
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        if traceback:
            raise
        print(f"run.py: {_message(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("run.py: interrupted; finished runs are stored", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
