"""The formulas of the benchmark are those of their classes, and what is slow is named. No test looks at a time."""

import numpy as np
import pytest

from experiments.benchmark import formulas
from experiments.benchmark.measuring import Benchmark, BenchmarkError
from nets.activations import ACTIVATIONS
from nets.formula import Formula


@pytest.mark.parametrize("name", formulas.FORMULAS)
def test_a_formula_computes_what_its_class_does(name):
    formula, function = Formula("formula", formulas.FORMULAS[name]), ACTIVATIONS[name]()
    z = np.linspace(-10, 10, 1000)  # no kink is among them
    np.testing.assert_allclose(formula(z), function(z), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(formula.prime(z), function.prime(z), rtol=1e-12, atol=1e-12)


def test_it_runs_in_a_process_of_its_own_and_names_what_is_slow(monkeypatch):
    monkeypatch.setattr(formulas, "MOST", 0.001)
    result = formulas.formulas(Benchmark(repeats=1))["formulas"]
    assert list(result.rows) == list(formulas.FORMULAS)
    assert all(len(row.values) == 1 and row.median > 0.001 for row in result.rows.values())
    assert result.notes[0].startswith("above 0.001: sigmoid ")


def test_a_process_that_fails_is_named(monkeypatch):
    # Python itself cannot start there, whether the package is installed or not.
    monkeypatch.setattr(formulas, "environment", lambda cores: {"PYTHONHOME": "/nowhere"})
    with pytest.raises(BenchmarkError, match=r"^python -m experiments\.benchmark\.formulas 1 failed$"):
        formulas.formulas(Benchmark(repeats=1))
