"""Tests of experiments.figures.curves: means, bands, limits and what diverged, as the figures show them."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy import stats

from experiments.figures.curves import BEYOND, CARRIED, EARLY_STOPPING, draw, final_error_label, means
from experiments.figures.style import looks
from tests.experiments.figures.studies import crosses, curves, drawings, fake_study, of, tiny


def band(values):
    """Return the scale of the panel of test errors, and the lowest and the highest point of its only band."""
    (drawn,) = drawings("lu_comparison", tiny(values)).values()
    panel = drawn.axes[3]
    (found,) = (item for item in panel.collections if isinstance(item, PolyCollection))
    heights = found.get_paths()[0].vertices[:, 1]
    return panel.get_yscale(), [heights.min(), heights.max()]


def test_bands_are_student_intervals():
    values = np.array([[0.7, 0.4], [0.6, 0.3], [0.8, 0.5]])
    low, high = stats.t.interval(0.95, 2, values.mean(axis=0), stats.sem(values))
    scale, ends = band(values)
    assert scale == "linear"
    np.testing.assert_allclose(ends, 100 * np.array([low.min(), high.max()]))


def test_bands_on_a_log_axis_are_the_same_intervals_and_end_at_the_ceiling():
    values = np.array([[0.95, 0.02], [0.9, 0.018], [0.8, 0.022]])
    low, _ = stats.t.interval(0.95, 2, values.mean(axis=0), stats.sem(values))
    scale, ends = band(values)
    assert scale == "log"
    np.testing.assert_allclose(ends, [100 * low[1], 100])


def test_a_band_that_reaches_zero_leaves_a_log_axis_below():
    drawn = drawings("lu_comparison", tiny([[0.95, 0.02], [0.9, 0.01], [0.8, 0.03]]))["lu_comparison"]
    panel = drawn.axes[3]
    (found,) = (item for item in panel.collections if isinstance(item, PolyCollection))
    assert 0 < found.get_paths()[0].vertices[:, 1].min() < panel.get_ylim()[0]


def test_one_figure_has_one_interval_for_one_error():
    values = [[0.95, 0.022, 0.021], [0.9, 0.018, 0.02], [0.8, 0.025, 0.017]]
    drawn = drawings("lu_comparison", tiny(values))["lu_comparison"]
    ends = []
    for panel in (drawn.axes[3], drawn.axes[5]):
        (found,) = (item for item in panel.collections if isinstance(item, PolyCollection))
        path = found.get_paths()[0].vertices
        ends.append(sorted(set(path[path[:, 0] == 2, 1])))
    assert [panel.get_yscale() for panel in (drawn.axes[3], drawn.axes[5])] == ["log", "linear"]
    np.testing.assert_allclose(*ends)
    column = [row[-1] for row in values]
    np.testing.assert_allclose(ends[0], 100 * np.array(stats.t.interval(0.95, 2, np.mean(column), stats.sem(column))))


def test_a_diverged_replica_is_shown_and_not_averaged():
    tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25], [0.7, np.nan]], ["done", "done", "diverged"])
    (drawn,) = drawings("lu_comparison", tables).values()
    panel = drawn.axes[3]
    (line,) = curves(panel).values()
    np.testing.assert_allclose(line[1], [70, 30, 27.5])
    assert crosses(panel) == [1]
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert labels == ["relu (1 of 3 diverged)", "diverged here, left out of the mean"]


def test_where_all_diverged_the_curve_goes_as_far_as_the_first():
    tables = tiny([[0.8, 0.7, 0.9, np.nan], [0.6, 0.5, np.nan]], ["diverged", "diverged"])
    (drawn,) = drawings("lu_comparison", tables).values()
    panel = drawn.axes[3]
    (line,) = curves(panel).values()
    np.testing.assert_allclose(line, [[0, 1], [70, 60]])
    assert sorted(crosses(panel)) == [2, 3]


def test_a_condition_that_diverged_does_not_stretch_the_axis():
    (drawn,) = drawings("lu_comparison", fake_study(diverged=3)).values()
    assert drawn.axes[0].get_ylim()[1] < 100


def test_a_panel_that_would_show_zero_on_a_log_axis_stays_linear():
    tables = tiny([[0.8, 0.1, 0.0], [0.6, 0.1, 0.0]])
    ax = Figure().subplots()
    draw(ax, means(tables.history, tables.replicas, "test_error"), tables.replicas, looks(tables.replicas))
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] == 0


def test_layers_of_an_all_lost_study_say_so():
    (drawn,) = of("gradient_norms", "lost").values()
    texts = [text.get_text() for ax in drawn.axes for text in ax.texts]
    assert texts == ["every replica diverged"] * 2


def test_two_seeds_have_no_interval():
    for seeds, bands in {2: 0, 3: 1}.items():
        tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25], [0.7, 0.3, 0.2]][:seeds])
        (drawn,) = drawings("lu_comparison", tables).values()
        paths = [path for band in drawn.axes[3].collections for path in band.get_paths()]
        assert len(paths) == bands
        title = drawn.legends[0].get_title().get_text()
        assert title == ("mean over 2 seeds" if seeds == 2 else "mean and its 95 % interval over 3 seeds")


def stopped_study(stop=3, epochs=8, **kwargs):
    """Return a study in which the first seed of each condition stopped early."""
    tables = fake_study(diverged=0, epochs=epochs, **kwargs)
    first = tables.replicas["seed"] == 0
    replicas = tables.replicas.assign(epochs=epochs, stopped_epoch=first.map({True: stop, False: None}).astype("Int64"))
    kept = {name: frame[(frame["seed"] > 0) | (frame["epoch"] <= stop)] for name, frame in of_frames(tables).items()}
    return tables._replace(replicas=replicas, **kept)


def of_frames(tables):
    """Return the tables by epoch."""
    return {"history": tables.history, "layers": tables.layers}


def test_a_replica_that_stopped_early_keeps_its_last_value_until_its_last_epoch():
    tables = stopped_study()
    table = means(tables.history, tables.replicas, "test_error")
    assert (table["n"] == 3).all()
    assert table.groupby("run")["epoch"].max().eq(8).all()
    rows = tables.history[tables.history["run"] == table["run"].iloc[0]]
    last = rows[(rows["seed"] == 0) & (rows["epoch"] == 3)]["test_error"].item()
    others = rows[(rows["seed"] > 0) & (rows["epoch"] == 8)]["test_error"]
    expected = (last + others.sum()) / 3
    np.testing.assert_allclose(table[table["epoch"] == 8]["mean"].iloc[0], expected)
    longer = tables.history[tables.history["epoch"] < 8]
    assert means(longer, tables.replicas.assign(epochs=5), "test_error")["epoch"].max() == 7


def test_a_curve_is_dashed_from_the_first_early_stop_on_and_the_legend_says_so():
    tables = stopped_study()
    (drawn,) = drawings("lu_comparison", tables).values()
    carried = [line for line in drawn.axes[0].lines if line.get_label() == CARRIED["label"]]
    assert len(carried) == 3
    assert all(line.get_xdata()[0] == 3 for line in carried)
    texts = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert sum("stopped early" in text for text in texts) == 1
    (plain,) = drawings("lu_comparison", fake_study(diverged=0)).values()
    assert not any("stopped early" in text.get_text() for text in plain.legends[0].get_texts())


def patient(tables, share=1.0):
    """Return the tables in which this share of the replicas, at least, trains with early stopping."""
    patience = np.where(np.arange(len(tables.replicas)) < share * len(tables.replicas), 4.0, np.nan)
    replicas = tables.replicas.copy()
    replicas.insert(list(replicas).index("seed") + 1, "early_stopping.patience", patience)
    if "best_epoch" not in replicas:
        replicas["best_epoch"] = 8
    return tables._replace(replicas=replicas)


@pytest.mark.parametrize("name", ["lu_comparison", "gradient_norms", "saturation", "activation_statistics", "depth"])
def test_with_early_stopping_a_figure_says_which_epoch_is_the_end(name):
    tables = fake_study(activations=("relu", "sigmoid"), hidden=((8,), (8, 8)), diverged=0)
    headings = {}
    for kind, part in {"plain": tables, "early": patient(tables)}.items():
        (drawn,) = drawings(name, part).values()
        headings[kind] = drawn.legends[0].get_title().get_text().split("\n")
    assert headings["early"] == [*headings["plain"], EARLY_STOPPING]


def test_the_axis_of_final_errors_names_the_best_epoch_where_training_stops_early():
    tables = fake_study(diverged=0)
    assert final_error_label(tables.replicas) == "test error (%)"
    assert final_error_label(patient(tables).replicas) == "test error (%), best epoch"
    assert final_error_label(patient(tables, 0.5).replicas) == "test error (%), with early stopping at the best epoch"
    (board,) = drawings("leaderboard", patient(tables)).values()
    assert board.axes[0].get_xlabel() == "test error (%), best epoch"


def test_curves_that_are_carried_on_can_be_told_apart():
    tables = stopped_study(activations=("relu", "elu"), hidden=((8,), (8, 8), (8, 8, 8)))
    (drawn,) = drawings("lu_comparison", tables).values()
    for panel in (drawn.axes[2], drawn.axes[5]):
        carried = [line for line in panel.lines if line.get_label() == CARRIED["label"]]
        styles = {(line.get_color(), line.get_marker(), str(line._unscaled_dash_pattern)) for line in carried}
        assert len(styles) == len(carried) == 6
        assert all(line.get_linewidth() < 1 for line in carried)


def exploding(patience=True, best=0):
    """Return a study in which elu explodes in epoch 1, and early stopping keeps epoch `best`."""
    tables = fake_study(diverged=0)
    frames = {
        name: frame.assign(
            **{
                column: frame[column].astype(float).mask((frame["activation"] == "elu") & (frame["epoch"] > 0), 1e12)
                for column in ("train_loss", "gradient_norm", "delta_norm", "weight_gradient_norm")
                if column in frame
            }
        )
        for name, frame in of_frames(tables).items()
    }
    replicas = tables.replicas.assign(best_epoch=tables.replicas["activation"].map({"elu": best}).fillna(8))
    tables = tables._replace(replicas=replicas, **frames)
    return patient(tables) if patience else tables


def test_an_explosion_that_early_stopping_ended_does_not_stretch_the_axes_and_is_marked():
    tables = exploding()
    (course,), (norms,), (flow,) = (
        drawings(name, tables).values() for name in ("lu_comparison", "gradient_norms", "gradient_flow")
    )
    elu = looks(tables.replicas)[tables.replicas.loc[tables.replicas["activation"] == "elu", "run"].iloc[0]]
    for panel, first in [(course.axes[0], 1), (course.axes[2], 6), (norms.axes[0], 1), (norms.axes[2], 1)]:
        assert panel.get_ylim()[1] < 100
        (mark,) = [line for line in panel.lines if line.get_label() == BEYOND["label"]]
        assert (list(mark.get_xdata()), mark.get_color()) == ([first], elu.color)
    for drawn in (course, norms):
        assert "explodes here, beyond the axis" in [text.get_text() for text in drawn.legends[0].get_texts()]
    images = [image for ax in flow.axes for image in ax.images]
    assert all(image.norm.vmax < 100 for image in images)
    assert {ax._colorbar.extend for ax in flow.axes if hasattr(ax, "_colorbar")} == {"max"}


def test_without_early_stopping_and_in_kept_epochs_every_finished_curve_is_in_view():
    for tables in (exploding(patience=False), exploding(best=8)):
        (course,) = drawings("lu_comparison", tables).values()
        assert course.axes[0].get_ylim()[1] > 1e12
        assert not [line for ax in course.axes for line in ax.lines if line.get_label() == BEYOND["label"]]
