"""The unit of an error: what a table's number is called, and how it is shown."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """How the errors of a task are shown.

    Attributes
    ----------
    name
        What the error is called: "error" (share of wrong rows) or "RMSE".
    label
        The unit itself: "%", or "target units".
    scale
        Factor from a table's number to this unit.
    ceiling
        The largest value there can be, in this unit.
    """

    name: str
    label: str
    scale: float
    ceiling: float


UNITS = {"classification": Unit("error", "%", 100, 100), "regression": Unit("RMSE", "target units", 1, math.inf)}
"""By task."""
