"""Tests of experiments.figures.cost: the time of one network."""

import numpy as np

from experiments.figures.cost import seconds_per_epoch
from tests.experiments.figures.studies import curves, drawings, fake_study


def test_an_epochs_time_is_a_networks_share_of_its_stack():
    tables = fake_study(diverged=0)
    (drawn,) = drawings("cost_of_activation", tables).values()
    course, _ = drawn.axes
    timing = tables.timing.set_index("run")
    for run, data in curves(course).items():
        seconds = timing["training"][run] / (3 * 8)
        np.testing.assert_allclose(data[0], seconds * np.arange(1, 9))


def test_an_epochs_time_leaves_out_the_epochs_after_divergence():
    tables = fake_study(rates=(0.1, 0.3), diverged=2)  # of three seeds, after 2 and 3 of 8 epochs
    (drawn,) = drawings("cost_of_activation", tables).values()
    training = tables.timing.set_index("run")["training"]
    (run,) = tables.replicas.loc[tables.replicas["status"] == "diverged", "run"].unique()
    epochs = curves(drawn.axes[0])[run][0]
    np.testing.assert_allclose(epochs, training[run] / (2 * (8 + 2 + 3)) * np.arange(1, 9))
    assert "interval" not in drawn.legends[0].get_title().get_text()
    ticks = [text.get_text() for text in drawn.axes[0].get_xticklabels(which="both")]
    assert not any("10^" in text for text in ticks)  # those of less than a decade would overlap


def test_an_epochs_time_leaves_out_the_epochs_after_an_early_stop():
    tables = fake_study(diverged=0)
    stops = tables.replicas["seed"].map({0: 2, 1: 5}).astype("Int64")
    seconds = seconds_per_epoch(tables.replicas.assign(stopped_epoch=stops), tables.timing)
    training = tables.timing.set_index("run")["training"]
    np.testing.assert_allclose(seconds, training[seconds.index] / (2 + 5 + 8))
