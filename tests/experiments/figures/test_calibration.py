"""Tests of experiments.figures.calibration: bins over seeds, and what is drawn."""

import numpy as np
import pandas as pd
import pytest

from experiments.figures.calibration import FEW, PANELS, pooled_bins
from experiments.figures.style import COLORS, INK
from experiments.tables import IDENTITY, KEY
from tests.experiments.analysis.test_calibration import bins_of, drawn_rows
from tests.experiments.figures.studies import STUDIES, assert_nothing_overlaps, drawings, fake_study, of


def test_pooled_bins_are_those_of_all_rows_together():
    parts = [drawn_rows(seed, 100 + seed) for seed in range(3)]
    pooled = pooled_bins(pd.concat([bins_of(*part, seed=seed) for seed, part in enumerate(parts)]))
    together = bins_of(*map(np.concatenate, zip(*parts, strict=True)))
    for column in ("bin", "count", "confidence", "accuracy"):
        np.testing.assert_allclose(pooled[column], together[column], rtol=1e-12)


def test_a_reliability_diagram_shows_each_bin_at_its_means_and_its_share():
    tables = fake_study(activations=("relu",), diverged=0)
    (drawn,) = drawings("reliability", tables).values()
    ax, below = drawn.axes
    bins = pooled_bins(tables.reliability)
    bins = bins[bins["count"] > 0]
    (line,) = [line for line in ax.lines if line.get_gid()]
    np.testing.assert_array_equal(line.get_data(), bins[["confidence", "accuracy"]].T)
    ends = [segment[:, 1] for segment in ax.collections[0].get_segments()]
    np.testing.assert_array_equal(ends, bins[["confidence", "accuracy"]])
    heights = [bar.get_height() for bar in below.patches]
    np.testing.assert_allclose(heights, 100 * bins["count"] / bins["count"].sum())
    assert sum(heights) == pytest.approx(100)
    few = next(line for line in ax.lines if line.get_markerfacecolor() == "white")
    np.testing.assert_array_equal(few.get_xdata(), bins.loc[bins["count"] < FEW, "confidence"])
    mean = tables.replicas["final_test_ece_width"].mean()
    assert f"\nECE {mean:.3f} (" in ax.get_title(loc="left")


def test_of_many_conditions_the_best_and_the_reference_are_drawn():
    drawn = of("reliability", "all")["reliability"]
    replicas = STUDIES["all"].replicas
    finished = replicas.groupby("run")["status"].transform(lambda status: (status == "done").all())
    board = replicas[finished].groupby("run")["final_test_error"].mean().sort_values()
    shown = {line.get_gid() for ax in drawn.axes for line in ax.lines if line.get_gid()}
    assert len(shown) == PANELS
    assert set(board.index[: PANELS - 1]) <= shown
    assert any("digits-relu-" in run for run in shown)
    assert f"{PANELS} of " in drawn.legends[0].get_title().get_text()


def small(tables, rows):
    """Return a study whose bins and confusions have so many rows."""
    one = tables.reliability["bin"] == 15
    bins = tables.reliability.assign(count=np.where(one, rows, 0))
    first = ~tables.confusion.duplicated(KEY)
    confusion = tables.confusion.assign(count=np.where(first, rows, 0))
    replicas = tables.replicas.drop(columns="final_test_ece_width")
    replicas.insert(replicas.columns.get_loc("task"), "split.test", 0.2)
    return tables._replace(reliability=bins, confusion=confusion, replicas=replicas)


def test_few_rows_have_a_diagram_but_no_calibration_error():
    tables = small(fake_study(diverged=0), 100)
    (drawn,) = drawings("reliability", tables).values()
    assert all("too few rows" in ax.get_title(loc="left") for ax in drawn.axes[::2])
    assert "an ECE needs 200 rows" in drawn.legends[0].get_title().get_text()
    assert_nothing_overlaps(drawn)
    (reason,) = drawings("calibration", tables).values()
    assert str(reason) == "the test part has 100 rows, and a calibration error needs 200"
    assert reason.add == "split.test=0.45"
    (reason,) = drawings("calibration", small(fake_study(diverged=0), 30)).values()
    assert reason.add == "dataset=digits"  # no share of so small a data set is enough


@pytest.mark.parametrize("name", ["reliability", "calibration"])
def test_what_an_earlier_version_did_not_record_is_added_by_force(name):
    tables = fake_study()
    old = tables._replace(
        confusion=None, reliability=None, replicas=tables.replicas.drop(columns="final_test_ece_width")
    )
    (reason,) = drawings(name, old).values()
    assert str(reason).startswith("an earlier version recorded no ")
    assert reason.add == "force=true"


@pytest.mark.parametrize("name", ["reliability", "calibration"])
def test_scores_that_are_no_probabilities_have_no_calibration(name):
    (reason,) = drawings(name, fake_study(outputs=("linear_hinge",), diverged=0)).values()
    assert str(reason) == "no output gives probabilities of the classes"
    assert reason.add == "output=softmax_ce,softmax_mse"


def test_seeds_whose_bins_an_earlier_version_did_not_record_are_named():
    tables = fake_study(diverged=0)
    tables = tables._replace(reliability=tables.reliability[tables.reliability["seed"] > 0])
    (drawn,) = drawings("reliability", tables).values()
    note = drawn.legends[0].get_title().get_text()
    assert "2 seeds, pooled" in note
    assert "an earlier version did not record the bins of the other seeds" in note


def test_calibration_is_a_point_with_two_intervals_for_each_condition():
    tables = of("calibration", "all")["calibration"]
    (ax,) = tables.axes
    points = {line.get_gid(): line for line in ax.lines if line.get_gid()}
    marks = {(line.get_color(), line.get_marker()) for line in points.values()}
    assert len(marks) == len(points)  # no two look the same
    assert len(ax.lines) == 3 * len(points)


def test_conditions_without_probabilities_are_counted():
    for name in ("calibration", "reliability"):
        note = of(name, "pairings")[name].legends[0].get_title().get_text()
        assert "not shown: 1 condition whose output gives no probabilities" in note
        assert "diverged" not in note
    replicas = STUDIES["crossed"].replicas
    lost = replicas["status"].mask(replicas["activation"] == "elu", "diverged")
    (drawn,) = drawings("calibration", STUDIES["crossed"]._replace(replicas=replicas.assign(status=lost))).values()
    assert "not shown: 2 conditions that diverged\n" in f"{drawn.legends[0].get_title().get_text()}\n"


def test_a_point_of_calibration_is_at_the_means():
    study = fake_study(activations=("relu",), diverged=0)
    (drawn,) = drawings("calibration", study).values()
    (point,) = [line for line in drawn.axes[0].lines if line.get_gid()]
    means = study.replicas[["final_test_error", "final_test_ece_width"]].mean()
    np.testing.assert_allclose(np.ravel(point.get_data()), [100 * means.iloc[0], means.iloc[1]])
    assert set(IDENTITY) <= set(study.reliability)


def test_a_reliability_diagram_has_short_titles_and_a_legend_in_its_colour():
    (drawn,) = drawings("reliability", fake_study(("relu",), hidden=((8,), (4,)), diverged=0)).values()
    assert [ax.get_title(loc="left").split("\n")[0] for ax in drawn.axes[::2]] == [
        "relu, net.hidden=[4]",
        "relu, net.hidden=[8]",
    ]
    entries = {text.get_text(): line for text, line in zip(*legend_of(drawn), strict=True)}
    assert entries["test rows of a bin, in the colour of the condition"].get_color() == INK
    (drawn,) = drawings("reliability", fake_study(("relu",), diverged=0)).values()
    entries = {text.get_text(): line for text, line in zip(*legend_of(drawn), strict=True)}
    assert entries["test rows of a bin"].get_color() == COLORS["relu"]


def legend_of(drawn):
    return drawn.legends[0].get_texts(), drawn.legends[0].get_lines()
