"""Tests of experiments.figures.activations: the drawn curves are the functions."""

from itertools import product

import numpy as np
import pytest

from experiments import figure
from tests.experiments.figures.studies import of


def test_the_axis_of_curves_has_the_height_that_they_need():
    def limits(*names):
        return figure("activation_curves", activations=names).axes[0].get_ylim()

    assert limits("relu", "sigmoid") == pytest.approx((-0.2, 4.2))
    assert limits("tanh", "sigmoid") == pytest.approx((-1.2, 1.2), abs=0.01)
    assert limits("linear", "sigmoid") == limits("maxout") == (-2.2, 4.2)


def test_activation_curves_are_the_functions():
    (drawn,) = of("activation_curves", "hyper").values()
    panels = {ax.get_title(loc="left"): ax for ax in drawn.axes}
    assert list(panels) == ["relu", "elu, alpha=0.2", "elu, alpha=1", "maxout, pieces=2", "maxout, pieces=3"]
    f, slope = panels["elu, alpha=0.2"].lines
    z = f.get_xdata()
    np.testing.assert_allclose(f.get_ydata(), np.where(z > 0, z, 0.2 * np.expm1(np.minimum(z, 0))))
    defined = np.isfinite(slope.get_ydata())
    assert (~defined).sum() == 1  # the gap at the kink
    np.testing.assert_allclose(slope.get_ydata()[defined], np.where(z > 0, 1, 0.2 * np.exp(np.minimum(z, 0)))[defined])
    for name, others in product(["maxout, pieces=2", "maxout, pieces=3"], enumerate([-2, 0, 2])):
        np.testing.assert_array_equal(panels[name].lines[others[0]].get_ydata(), np.maximum(z, others[1]))
