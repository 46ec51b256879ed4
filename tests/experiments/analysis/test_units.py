"""Units: a classification's errors are shown in per cent, a regression's in the target's unit."""

import math

import pytest

from experiments.analysis.units import UNITS
from experiments.data.table import TASKS


def test_every_task_has_a_unit():
    assert set(UNITS) == set(TASKS)
    assert (UNITS["classification"].ceiling, UNITS["regression"].ceiling) == (100, math.inf)


def test_a_share_is_shown_in_per_cent():
    assert UNITS["classification"].text(0.0549) == UNITS["classification"].full_text(0.0549) == "5.49 %"


@pytest.mark.parametrize(
    ("value", "text"), [(23456.0, "23456"), (54.1234, "54.1"), (0.00123456, "0.00123"), (2.5e7, "2.5e+07")]
)
def test_an_rmse_is_shown_in_three_digits_or_as_a_whole_number(value, text):
    assert UNITS["regression"].text(value) == text
    assert UNITS["regression"].full_text(value) == f"RMSE {text}"
