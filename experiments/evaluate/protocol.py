"""The frozen protocol: what is trained of a newcomer, and what of the field it is compared with."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from experiments.config.errors import ConfigError
from experiments.config.settings import Settings
from experiments.data.suites import SUITES
from nets.names import nearest

PROTOCOL = "protocol_v1"
"""The preset of conf/experiment/ that all networks are trained by. Another protocol needs another name."""

REFERENCE = "relu"
MARGIN = 0.005
"""The activation with which others are compared, and the largest difference of errors that does not matter."""

RECIPES = {"none": "plain", "batch": "batch norm"}
"""By the value of `net.norm`, the name of the networks."""


class Budget(NamedTuple):
    """How much of the protocol is trained.

    Attributes
    ----------
    trials
        The number of learning rates that are tried: the first ones of the protocol's.
    every
        1 for all data sets of the suite, 3 for every third one in alphabetical order.
    norms
        The values of `net.norm`, whose networks are trained.
    """

    trials: int
    every: int
    norms: tuple[str, ...]

    def datasets(self, suite: str) -> list[str]:
        """Return the options of the data sets in alphabetical order of the tables' names."""
        return sorted(SUITES[suite], key=lambda option: option.rpartition("/")[2])[:: self.every]


BUDGETS = {"small": Budget(8, 3, ("none",)), "full": Budget(16, 1, ("none", "batch"))}


def check_suite(suite: str) -> None:
    """Refuse a suite that has no reference.

    Raises
    ------
    ConfigError
        If it has none.
    """
    if suite not in SUITES:
        raise ConfigError(f"suite={suite}: {nearest(suite, SUITES)}")


def words(suite: str, budget: Budget, norms: Collection[str]) -> list[str]:
    """Return the words of run.py that train a budget's networks; those of the activation and the study are added.

    Parameters
    ----------
    suite, budget
        The data sets, and how many of them.
    norms
        The values of `net.norm` that the reference has.
    """
    return [
        f"+experiment={PROTOCOL}",
        f"dataset={','.join(budget.datasets(suite))}",
        f"net.norm={','.join(norm for norm in budget.norms if norm in norms)}",
        f"tune.trials={budget.trials}",
    ]


def frozen(settings: Settings) -> Mapping[str, Any]:
    """Return what is the same in all conditions of the protocol."""
    varied = {"dataset", "activation", "output", "init", "net", "task"}
    condition = {key: value for key, value in settings.condition.items() if key not in varied}
    return condition | {"hidden": list(settings.net.hidden)}
