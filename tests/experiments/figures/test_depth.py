"""Tests of experiments.figures.depth: the means of finished replicas, by depth."""

import numpy as np

from tests.experiments.figures.studies import STUDIES, drawings


def test_depth_shows_ratio_gradient_and_error_of_what_finished():
    tables = STUDIES["depths"]
    replicas, layers = tables.replicas, tables.layers.replace(np.inf, 1.0)  # a loss may be infinite, a gradient not
    (drawn,) = drawings("depth", tables._replace(layers=layers)).values()
    assert replicas.groupby("activation")["status"].nunique()["sigmoid"] == 2
    done = layers.merge(replicas.loc[replicas["status"] == "done", ["run", "seed"]])
    for place, activation in enumerate(["sigmoid", "relu"]):
        runs = list(dict.fromkeys(replicas.loc[replicas["activation"] == activation, "run"]))
        ratio, gradient, error = (ax.lines[place].get_data() for ax in drawn.axes)
        np.testing.assert_allclose(ratio, [[0, 1, 6], [1, 0.5, 0.5**6]])
        ends = done[(done["epoch"] == 8) & (done["layer"] == 1)].groupby("run")["weight_gradient_norm"].mean()
        np.testing.assert_allclose(gradient[1], ends[runs])
        errors = replicas[replicas["status"] == "done"].groupby("run")["final_test_error"].mean()
        np.testing.assert_allclose(error[1], 100 * errors[runs])
