"""Tests of experiments.figures.selection: rows of all tables at once."""

import numpy as np

from experiments.figures.selection import at_selected_rate
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
