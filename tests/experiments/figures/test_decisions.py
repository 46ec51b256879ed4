"""Tests of experiments.figures.decisions: the decision of most seeds, and shares of the true class."""

import numpy as np

from tests.experiments.figures.studies import assert_nothing_overlaps, drawings, fake_study


def test_confusions_are_shares_of_the_true_class():
    tables = fake_study(activations=("relu",), diverged=0)
    (drawn,) = drawings("confusion", tables).values()
    counts = tables.confusion.groupby(["true", "predicted"])["count"].sum().unstack()
    shares = 100 * counts.div(counts.sum(axis=1), axis=0)
    image = np.asarray(drawn.axes[0].images[0].get_array().filled(np.nan))
    assert np.isnan(np.diag(image)).all()
    np.testing.assert_allclose(image[[0, 1], [1, 0]], [shares.iat[0, 1], shares.iat[1, 0]])


def test_a_boundary_is_the_majoritys_decision():
    tables = fake_study(activations=("relu",), datasets=("moons",), outputs=("sigmoid_ce",), diverged=0)
    run = tables.replicas["run"].iloc[0]
    decision = np.zeros((3, 100, 100), np.uint8)
    decision[:2, :, 50:] = 1
    arrays = {"lr": np.full(3, 0.1), "seed": np.arange(3), "decision": decision}
    tables = tables._replace(boundary={run: arrays}, sources={run: {"name": "moons"}})
    (drawn,) = drawings("decision_boundary", tables).values()
    image = drawn.axes[0].images[0].get_array()
    left, right = image[0, 0], image[0, 99]
    assert left[2] > left[0]  # blue
    assert right[0] > right[2]  # orange
    assert left.sum() < right.sum()  # three seeds agree on the left, two on the right, which is paler
    assert_nothing_overlaps(drawn)


def moons(seeds, purpose="report"):
    """Return a study of moons whose decisions are class 0 for seed 0 and class 1 for the others."""
    tables = fake_study(activations=("relu",), datasets=("moons",), outputs=("sigmoid_ce",), diverged=0)
    run = tables.replicas["run"].iloc[0]
    decision = np.ones((len(seeds), 100, 100), np.uint8)
    decision[: seeds.count(0)] = 0
    arrays = {"lr": np.full(len(seeds), 0.1), "seed": np.array(seeds), "decision": decision}
    replicas = tables.replicas.assign(purpose=purpose)
    replicas["selected"] &= replicas["purpose"] == "report"
    return tables._replace(replicas=replicas, boundary={run: arrays}, sources={run: {"name": "moons"}})


def test_seeds_that_only_tuned_decide_nothing():
    (drawn,) = drawings("decision_boundary", moons([0, 1, 2], ["report", "tuning", "tuning"])).values()
    image = drawn.axes[0].images[0].get_array()
    assert image[0, 0, 2] > image[0, 0, 0]  # blue, the class of seed 0


def test_the_reason_for_a_missing_boundary_is_the_true_one():
    lost, other = moons([]), moons([])._replace(boundary={})
    regression = other._replace(replicas=other.replicas.assign(task="regression"))
    reasons = [str(reason) for tables in (lost, other, regression) for reason in boundary_of(tables)]
    assert reasons == ["every replica diverged", "the data do not have two features", "a regression has no classes"]


def boundary_of(tables):
    return drawings("decision_boundary", tables).values()
