"""Tests of experiments.figures.training: the curves are the means of the tables."""

import numpy as np

from tests.experiments.figures.studies import curves, drawings, tiny


def test_curves_are_the_tables_means():
    tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25]])
    (drawn,) = drawings("lu_comparison", tables).values()
    loss, _, _, error, _, end = drawn.axes
    (line,) = curves(error).values()
    np.testing.assert_allclose(line, [[0, 1, 2], [70, 30, 27.5]])
    (line,) = curves(loss).values()
    np.testing.assert_allclose(line, [[0, 1, 2], [1.4, 0.6, 0.55]])
    (line,) = curves(end).values()
    np.testing.assert_allclose(line, [[1, 2], [30, 27.5]])
