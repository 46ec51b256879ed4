"""Tests of experiments.figures.selection: rows of all tables at once."""

import numpy as np
import pandas as pd

from experiments.figures.selection import at_selected_rate, with_recorded_errors
from experiments.store.reading import StudyTables
from tests.experiments.figures.studies import curves, drawings, fake_study


def test_only_the_selected_rate_is_drawn():
    both, one = fake_study(rates=(0.1, 0.3)), fake_study(rates=(0.1, 0.3))
    one = StudyTables(*(frame[frame["lr"] == 0.1] for frame in one[:3]))
    for name in ("lu_comparison", "gradient_norms"):
        (drawn,), (alone,) = (drawings(name, tables).values() for tables in (both, one))
        for panel, expected in zip(drawn.axes, alone.axes, strict=True):
            for run, data in curves(expected).items():
                np.testing.assert_array_equal(curves(panel)[run], data)


def test_a_seed_that_only_tuned_is_not_drawn():
    tables = fake_study(seeds=4, diverged=0)
    replicas = tables.replicas.assign(purpose=np.where(tables.replicas["seed"] == 3, "tuning", "report"))
    replicas["selected"] &= replicas["purpose"] == "report"
    selected = at_selected_rate(tables._replace(replicas=replicas))
    for table in (selected.replicas, selected.history, selected.layers, selected.confusion):
        assert set(table["seed"]) == {0, 1, 2}


def test_errors_of_both_parts_are_restored_where_a_metric_ranks():
    tables = fake_study(diverged=0)
    errors = tables.replicas.assign(final_validation_error=tables.replicas["final_test_error"] + 0.01)
    kept = {f"recorded_{name}": errors[name] for name in ("final_test_error", "final_validation_error")}
    moved = errors.assign(metric="nll", final_test_error=0.5, final_validation_error=0.6, **kept)
    restored = with_recorded_errors(tables._replace(replicas=moved)).replicas
    pd.testing.assert_frame_equal(restored, errors)
