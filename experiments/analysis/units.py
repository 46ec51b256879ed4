"""Units: the name of an error or a metric, how a table's number is shown, and how it becomes lower for the better."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from experiments.config.errors import ConfigError
from experiments.tables import CROSSINGS, MEASURED, NOMINAL_COVERAGE, RECALL
from nets.names import nearest

if TYPE_CHECKING:  # the command line asks for units before it needs a second of imports
    import pandas as pd

ERROR = "error"
"""The name of what a report ranks by if nothing else is asked for."""


@dataclass(frozen=True)
class Unit:
    """How the errors of a task, or the values of a metric, are shown. Lower is better.

    Attributes
    ----------
    name
        The usual word: "error" (share of wrong rows), "RMSE", or that of a metric.
    label
        The unit itself: "%", "points", "nats", "target units", or no text.
    scale
        Factor from a table's number to this unit.
    ceiling, floor
        The largest and the smallest possible value, in this unit.
    best
        The best value of a metric whose distance from it is shown; None if the stored value itself is shown.
    noun
        What sentences call it, if that is not the name.
    may_be_infinite
        Whether a network that finished may have an infinite value.
    needs
        What the output must give, if not every output gives it: "probabilities".
    needs_every_class
        Whether the rows of a part must contain the class, or all classes.
    """

    name: str
    label: str
    scale: float
    ceiling: float
    floor: float = 0
    best: float | None = None
    noun: str = ""
    may_be_infinite: bool = False
    needs: str = ""
    needs_every_class: bool = False

    @property
    def word(self) -> str:
        """What sentences call it after an adjective: "error" for any error, "value of 1 − AUC" for a formula."""
        return f"value of {self.name}" if self._is_formula else self.noun or self.name

    @property
    def values(self) -> str:
        """What sentences call several of them."""
        return "errors" if self.word == ERROR else f"values of {self.the}"

    @property
    def the(self) -> str:
        """The word with its article; a formula has none."""
        return self.name if self._is_formula else f"the {self.word}"

    @property
    def _is_formula(self) -> bool:
        return self.name.startswith("1 −")

    @property
    def heading(self) -> str:
        """The name with the unit: "error (%)"."""
        return f"{self.name} ({self.label})" if self.label else self.name

    @property
    def is_share(self) -> bool:
        """Whether it is a share or a difference of shares, which has two decimals in per cent."""
        return self.scale == 100

    @property
    def lost(self) -> str:
        """What a table says of a network that has no finite value."""
        return "not finite" if self.may_be_infinite else "diverged"

    @property
    def lost_verb(self) -> str:
        """The same as the verb of a sentence."""
        return "gave no finite value" if self.may_be_infinite else "diverged"

    @property
    def kept_verb(self) -> str:
        """What the other networks did."""
        return "gave finite values" if self.may_be_infinite else "finished"

    def of(self, stored: "pd.Series") -> "pd.Series":
        """Return stored values of the metric such that lower is better."""
        values = stored.astype(float)
        return values if self.best is None else (values - self.best).abs()

    def text(self, value: float) -> str:
        """Return a table's number with its unit: "5.50 %", or "23.5" in the target's own unit."""
        value = self.scale * value
        if self.is_share:
            return f"{value:.2f} {self.label}"
        text = f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
        return f"{text} nats" if self.label == "nats" else text

    def full_text(self, value: float) -> str:
        """Return `text` so that it is clear without a heading: "5.50 %", or "RMSE 23.5"."""
        return f"{self.name} {self.text(value)}" if self.noun else self.text(value)


UNITS = {
    "classification": Unit(ERROR, "%", 100, 100),
    "regression": Unit("RMSE", "target units", 1, math.inf, noun=ERROR),
}
"""Of the errors, by task."""

METRICS = {
    "classification": {
        "balanced_error": Unit("balanced error", "%", 100, 100),
        "nll": Unit("negative log-likelihood", "nats", 1, math.inf, may_be_infinite=True, needs="probabilities"),
        "brier": Unit("Brier score", "", 1, 2, needs="probabilities"),
        "ece_width": Unit("calibration error in bins of equal width", "%", 100, 100, needs="probabilities"),
        "ece_mass": Unit("calibration error in bins of equal mass", "%", 100, 100, needs="probabilities"),
        "auc": Unit("1 − AUC", "", 1, 1, best=1, needs_every_class=True),
        "f1": Unit("1 − F1", "", 1, 1, best=1),
    },
    "regression": {
        "mae": Unit("mean absolute error", "target units", 1, math.inf),
        "r2": Unit("1 − R²", "", 1, math.inf, best=1),
        "nll": Unit(
            "negative log-likelihood",
            "nats",
            1,
            math.inf,
            floor=-math.inf,
            may_be_infinite=True,
            needs="density",
        ),
        "coverage": Unit(
            "distance of the coverage from 90 %",
            "points",
            100,
            90,
            best=NOMINAL_COVERAGE,
            needs="interval of 90 %",
        ),
        CROSSINGS: Unit("share of crossing quantiles", "%", 100, 100, needs="quantiles"),
    },
}
"""Of the metrics, by task and name. Each class of a classification has a further one, its recall."""

NAMES = tuple(dict.fromkeys((ERROR, *chain(*METRICS.values()))))
"""The metrics whose names do not depend on the data."""


def check_metric(metric: str, recalls: Collection[str] = ()) -> None:
    """Raise `ConfigError` if no study can have a metric of this name; `recalls` are those of a study's classes."""
    if metric not in NAMES and metric not in recalls and (recalls or not metric.startswith(RECALL)):
        raise ConfigError(f"metric={metric}: {nearest(metric, [*NAMES, *(recalls or [f'{RECALL}CLASS'])])}")


def unit_of(task: str, metric: str = ERROR) -> Unit:
    """Return the unit of a task's errors, or of one of its metrics."""
    if metric == ERROR:
        return UNITS[task]
    if metric.startswith(RECALL):
        name = f"1 − recall of {metric.removeprefix(RECALL)}"
        return Unit(name, "%", 100, 100, best=1, needs_every_class=True)
    return METRICS[task][metric]


def metric_of(frame: "pd.DataFrame") -> str:
    """Return by what a table of replicas or conditions is ranked: the column `metric`; without it by the error."""
    return str(frame["metric"].iloc[0]) if "metric" in frame and len(frame) else ERROR


def unit_of_row(row: Any) -> Unit:
    """Return the unit of a row of such a table, a Series or a named tuple."""
    return unit_of(row.task, getattr(row, "metric", ERROR))


def task_metrics(task: str, columns: Iterable[str]) -> list[str]:
    """Return the metrics of a task that a table of replicas has for the test part, by the names of its columns."""
    names = [name.removeprefix(TEST) for name in columns if name.startswith(TEST)]
    recalls = [name for name in names if name.startswith(RECALL)] if task == "classification" else []
    return [*(name for name in METRICS[task] if name in names), *sorted(recalls)]


VALIDATION, TEST = (f"final_{part}_" for part in MEASURED)
"""How the columns of the metrics begin, by part."""

RECORDED = f"recorded_{TEST}error"
"""The column of the stored error, where another metric stands in `final_test_error`."""
