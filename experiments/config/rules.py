"""Rules for the values of settings, beside the general ones of `nets.hyperparameters`."""

import re
from typing import Any

from nets.activations import ACTIVATIONS

DEEPEST, WIDEST = 200, 100_000
MOST = 1_000_000
"""Largest number of epochs, of rows in a batch, and of seeds in a sweep."""
LARGEST_BUDGET = 1024
"""Largest number of trials."""
LARGEST_SEED = 2**32 - 1


class Name:
    """A name that can be a folder's."""

    words = "a name of up to 100 letters, digits, _, - and ., which begins with a letter or digit"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a name."""
        return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", value) is not None


class FormulaName:
    """What tables and figures call a formula; empty for its activation's own name."""

    words = "up to 40 letters, digits, blanks, _, - and ., first a letter, and no activation's name"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a text."""
        if not isinstance(value, str) or re.fullmatch(r"([^\W\d_]([\w .-]*[\w.-])?)?", value) is None:
            return False
        return len(value) <= 40 and value.lower() not in ACTIVATIONS


class Widths:
    """The widths of the hidden layers; an empty list is a linear model."""

    words = f"a list of up to {DEEPEST} widths from 1 to {WIDEST}, such as [128,128], or []"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a list."""
        if not isinstance(value, list) or len(value) > DEEPEST:
            return False
        return all(type(width) is int and 1 <= width <= WIDEST for width in value)


class Seeds:
    """A number of seeds, or a list of seeds."""

    words = (
        f"a number from 1 to {MOST} (that many seeds) or a list of different seeds such as [0,1,2], "
        f"each from 0 to {LARGEST_SEED}"
    )

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a number or list."""
        if type(value) is int:
            return 1 <= value <= MOST
        if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
            return False
        return all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in value)


class TuningSeeds(Seeds):
    """No seeds (0), a number of seeds, or a list of seeds."""

    words = (
        f"0 (off), a number up to {MOST} (that many seeds, the largest ones) or a list of different seeds such as "
        f"[100,101], each from 0 to {LARGEST_SEED}"
    )

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a number or list."""
        return (type(value) is int and value == 0) or super().accepts(value)


class Rates:
    """A learning rate, or a list of learning rates; equal ones are one."""

    words = "a number from 1e-30 to 1e30 or a list of numbers such as [0.03,0.1]"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a number or list."""
        rates = value if isinstance(value, list) else [value]
        numbers = all(isinstance(rate, int | float) and not isinstance(rate, bool) for rate in rates)
        return numbers and bool(rates) and all(1e-30 <= rate <= 1e30 for rate in rates)


class Workers:
    """A number of processes."""

    words = "auto or a whole number from 1 up"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a number or `auto`."""
        return value == "auto" or (type(value) is int and value >= 1)
