"""Tests of experiments.figures.selection: rows of all tables at once."""

import numpy as np

from experiments.store.reading import StudyTables
from tests.experiments.figures.studies import FIGURES, curves, fake_study


def test_only_the_selected_rate_is_drawn():
    both, one = fake_study(rates=(0.1, 0.3)), fake_study(rates=(0.1, 0.3))
    one = StudyTables(*(frame[frame["lr"] == 0.1] for frame in one[:3]))
    for name in ("lu_comparison", "gradient_norms"):
        (drawn,), (alone,) = (FIGURES[name].draw(tables).values() for tables in (both, one))
        for panel, expected in zip(drawn.axes, alone.axes, strict=True):
            for run, data in curves(expected).items():
                np.testing.assert_array_equal(curves(panel)[run], data)
