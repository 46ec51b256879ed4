"""The unit of an error: its name, and how a table's number is shown."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """How the errors of a task are shown.

    Attributes
    ----------
    name
        The usual word for the error: "error" (share of wrong rows) or "RMSE".
    label
        The unit itself: "%", or "target units".
    scale
        Factor from a table's number to this unit.
    ceiling
        The largest possible value, in this unit.
    """

    name: str
    label: str
    scale: float
    ceiling: float

    def text(self, value: float) -> str:
        """Return a table's number with its unit: "5.50 %", or "23.5" in the target's own unit."""
        value = self.scale * value
        if self.label == "%":
            return f"{value:.2f} %"
        return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"

    def full_text(self, value: float) -> str:
        """Return `text` so that it is clear without a heading: "5.50 %", or "RMSE 23.5"."""
        return self.text(value) if self.label == "%" else f"{self.name} {self.text(value)}"


UNITS = {"classification": Unit("error", "%", 100, 100), "regression": Unit("RMSE", "target units", 1, math.inf)}
"""By task."""
