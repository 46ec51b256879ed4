"""Numbers as a reader sees them."""

import numpy as np
import pytest

from experiments.analysis.units import UNITS
from experiments.report.formatting import error, interval, measure, number, p_value


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "−0.5"), (1300, "1300"), (0.012345, "0.0123"), (np.nan, "–"), (np.inf, "∞"), (8e8, "8e+08")],
)
def test_number(value, text):
    assert number(value) == text


def test_an_error_of_zero_has_no_sign():
    differences = [error(value, unit, True) for value in (0.0, 0.01) for unit in UNITS.values()]
    assert differences == ["0.00", "0", "+1.00", "+0.01"]


def test_an_error_has_the_unit_of_its_task():
    assert error(0.0123, UNITS["classification"]) == "1.23"
    assert error(0.0123, UNITS["regression"]) == "0.0123"
    assert interval(-0.01, 0.02, UNITS["classification"], sign=True) == "−1.00 to +2.00"
    assert measure(["classification", "classification"]) == "error (%)"
    assert measure(["regression", "classification"]) == "error (%) or RMSE (target units)"
    assert measure(["regression", "classification"], "nll") == "negative log-likelihood (nats)"


def test_what_is_not_defined_is_a_dash():
    assert {error(np.nan, unit) for unit in UNITS.values()} == {interval(np.nan, 1, UNITS["regression"])} == {"–"}


def test_p_value():
    assert [p_value(value) for value in (0.00001, 0.0312, np.nan)] == ["< 0.0001", "0.031", "–"]
