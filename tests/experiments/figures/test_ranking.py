"""Tests of experiments.figures.ranking: errors in order, by rate and by pairing, as in the tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.analysis.comparison import leaderboard
from experiments.analysis.labels import labels
from experiments.analysis.units import METRICS, RECORDED, unit_of
from experiments.figures.registry import FIGURES
from experiments.figures.style import looks
from tests.experiments.figures.studies import (
    STUDIES,
    assert_nothing_overlaps,
    crosses,
    curves,
    drawings,
    fake_study,
    of,
)


def dots(ax):
    """Return the x of a leaderboard's marks by run, and the note beside them."""
    notes = {text.xy[1]: text.get_text() for text in ax.texts}
    lines = [line for line in ax.lines if line.get_gid()]
    return {line.get_gid(): (line.get_xdata()[0], notes[line.get_ydata()[0]]) for line in lines}


@pytest.mark.parametrize(("study", "label"), [("three", "test error (%)"), ("regression", "test RMSE (target units)")])
def test_errors_are_shown_in_the_unit_of_their_task(study, label):
    scale = 100 if study == "three" else 1
    tables = STUDIES[study]
    (board,), (course,) = (of(name, study).values() for name in ("leaderboard", "lu_comparison"))
    assert board.axes[0].get_xlabel() == course.axes[3].get_ylabel() == label
    errors = tables.replicas[tables.replicas["status"] == "done"].groupby("run")["final_test_error"].mean()
    for run, (x, _) in dots(board.axes[0]).items():
        assert x == pytest.approx(scale * errors[run])
        assert curves(course.axes[3])[run][1][-1] == pytest.approx(scale * errors[run])


def test_a_leaderboard_shows_means_in_order_and_what_is_told_apart():
    tables = fake_study(seeds=6, diverged=0)
    replicas = tables.replicas.copy()
    worse = (replicas["activation"] == "tanh") * 0.2
    replicas["final_test_error"] = 0.1 + worse + 0.001 * (replicas["seed"] % 3) * (1 + worse)
    (drawn,) = drawings("leaderboard", tables._replace(replicas=replicas)).values()
    ax = drawn.axes[0]
    found = dots(ax)
    words = {"relu": "reference", "elu": "equal", "tanh": "worse, on these splits"}
    for run, (x, note) in found.items():
        rows = replicas[replicas["run"] == run]
        assert x == pytest.approx(100 * rows["final_test_error"].mean())
        assert note == words[rows["activation"].iloc[0]]
    assert ax.get_yticklabels()[-1].get_text() == "tanh"
    assert "reference: relu" in [text.get_text() for text in drawn.legends[0].get_texts()]


def test_a_leaderboard_says_what_diverged_and_shows_the_baselines():
    tables = STUDIES["three"]
    baselines = pd.DataFrame({"dataset": "digits", "baseline": ["k-nearest", "linear SVM"], "test_error": [0.04, 0.05]})
    (drawn,) = drawings("leaderboard", tables._replace(baselines=baselines)).values()
    notes = [text.get_text() for text in drawn.axes[0].texts]
    assert [note.endswith("; 1 of 3 diverged") for note in notes] == [False, False, True]
    assert {"k-nearest", "linear SVM"} <= {text.get_text() for text in drawn.legends[0].get_texts()}
    vertical = [
        line.get_xdata()[0]
        for line in drawn.axes[0].lines
        if len(set(line.get_xdata())) == 1 and line.get_marker() == "None"
    ]
    assert {4.0, 5.0} <= {round(x, 9) for x in vertical}


def test_a_leaderboard_of_one_condition_has_room_and_compares_nothing():
    (drawn,) = drawings("leaderboard", fake_study(activations=("leaky_relu",), diverged=0)).values()
    drawn.canvas.draw()
    assert drawn.axes[0].get_window_extent().height / drawn.dpi > 0.9
    assert [text.get_text() for text in drawn.axes[0].texts] == [""]
    assert {line.get_linestyle() for line in drawn.axes[0].lines if len(line.get_xdata()) == 2} == {"-"}


def test_rates_are_drawn_with_the_chosen_one_ringed():
    tables = STUDIES["rates"]
    (drawn,) = of("learning_rate_sensitivity", "rates").values()
    ax = drawn.axes[0]
    for run, data in curves(ax).items():
        rows = tables.replicas[(tables.replicas["run"] == run) & (tables.replicas["status"] == "done")]
        expected = 100 * rows.groupby("lr")["final_test_error"].mean()
        np.testing.assert_allclose(data, [expected.index, expected])
    rings = [line.get_xdata()[0] for line in ax.lines if line.get_markersize() == 7]
    assert set(rings) == {0.1}
    assert crosses(ax)


def test_crosses_at_one_rate_stand_side_by_side():
    lost = fake_study(rates=(0.001, 100.0), diverged=1)
    replicas = lost.replicas.assign(status=lost.replicas["status"].where(lost.replicas["lr"] < 1, "diverged"))
    (drawn,) = drawings("learning_rate_sensitivity", lost._replace(replicas=replicas)).values()
    (ax,) = drawn.axes
    crosses = [line for line in ax.lines if line.get_marker() == "x" and line.get_xdata()[0] == 100]
    places = [line.get_transform().transform((100, 1))[0] for line in crosses]
    assert len(places) > 1
    assert (np.diff(places) > drawn.dpi * 2 / 72).all()


def test_a_pairing_matrix_holds_the_mean_of_each_cell():
    tables = STUDIES["crossed"]
    (drawn,) = of("pairing_matrix", "crossed").values()
    ax, _ = drawn.axes
    done = tables.replicas[tables.replicas["status"] == "done"]
    expected = 100 * done.groupby(["activation", "output"])["final_test_error"].mean()
    rows, columns = ([label.get_text() for label in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
    means = [text for text in ax.texts if text.get_gid() != "interval"]
    assert len(means) == len(expected) == 6
    for text in means:
        x, y = map(int, text.get_position())
        star = "*" if rows[y] == "tanh" else ""  # of which a replica diverged
        assert text.get_text() == f"{expected[rows[y], columns[x]]:.3g}{star}"


def test_a_pairing_matrix_has_a_scale_and_the_interval_of_each_mean():
    tables = STUDIES["crossed"]
    (drawn,) = of("pairing_matrix", "crossed").values()
    ax, bar = drawn.axes
    done = tables.replicas[tables.replicas["status"] == "done"].set_index(["activation", "output"])
    errors = 100 * done["final_test_error"]
    rows, columns = ([label.get_text() for label in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
    intervals = {
        (rows[round(text.get_position()[1])], columns[round(text.get_position()[0])]): text.get_text()
        for text in ax.texts
        if text.get_gid() == "interval"
    }
    assert len(intervals) == 4  # tanh has two seeds
    for key, text in intervals.items():
        values = errors.loc[[key]]
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert text == f"{low:.3g} to {high:.3g}"
    assert bar.get_yscale() == "log"
    assert bar.get_ylim()[0] == pytest.approx(errors.groupby(level=[0, 1]).mean().min())


def lost_rates():
    """Return a study in which all networks diverge at rate 100, and one at rate 0.1."""
    tables = fake_study(rates=(0.001, 0.1, 100.0), diverged=0)
    replicas = tables.replicas
    one = (replicas["lr"] == 0.1) & (replicas["seed"] == 1) & (replicas["activation"] == "tanh")
    status = replicas["status"].mask((replicas["lr"] == 100) | one, "diverged")
    return tables._replace(replicas=replicas.assign(status=status))


def test_a_rate_at_which_everything_diverged_is_in_view_with_its_count():
    (drawn,) = drawings("learning_rate_sensitivity", lost_rates()).values()
    (ax,) = drawn.axes
    assert ax.get_xlim()[0] < 0.001
    assert ax.get_xlim()[1] > 100
    assert sorted(crosses(ax)) == [0.1, 100, 100, 100]
    counts = {text.xy[0]: text.get_text() for text in ax.texts}
    assert counts == {0.1: "1 of 9\nnetworks\ndiverged", 100: "9 of 9\nnetworks\ndiverged"}
    assert_nothing_overlaps(drawn)


def test_a_point_is_open_where_others_of_its_condition_diverged():
    (drawn,) = drawings("learning_rate_sensitivity", lost_rates()).values()
    (ax,) = drawn.axes
    points = [line for line in ax.lines if line.get_marker() == "o" and line.get_markerfacecolor() == "white"]
    shown = [(x, y) for line in points for x, y in zip(*line.get_data(), strict=True) if y == y]
    tanh = next(data for run, data in curves(ax).items() if "tanh" in run)
    assert shown == [(0.1, tanh[1][tanh[0] == 0.1][0])]
    assert "mean of those that finished, others diverged" in [text.get_text() for text in drawn.legends[0].get_texts()]


def test_rates_that_were_tried_on_tuning_seeds_are_drawn_with_their_validation_error():
    tables = fake_study(rates=(0.1, 0.3), seeds=4, diverged=0)
    replicas = tables.replicas
    purpose = np.where(replicas["seed"] > 1, "tuning", "report")
    columns = {"final_validation_error": 100, "best_validation_error": 200, "final_validation_loss": 10}
    replicas = replicas.assign(purpose=purpose, **{name: replicas["seed"] / by for name, by in columns.items()})
    replicas["selected"] &= purpose == "report"
    replicas = replicas[(replicas["lr"] == 0.1) | (purpose == "tuning")]
    (drawn,) = drawings("learning_rate_sensitivity", tables._replace(replicas=replicas)).values()
    (ax,) = drawn.axes
    assert ax.get_ylabel().replace("\n", " ") == "validation error (%), tuning seeds"
    for data in curves(ax).values():
        np.testing.assert_allclose(data, [[0.1, 0.3], [2.5, 2.5]])
    for rule, label, value in (
        ("best_epoch_error", "validation error (%), best epoch, tuning seeds", 1.25),
        ("loss", "validation loss, tuning seeds", 0.25),
    ):
        shown = tables._replace(replicas=replicas.assign(select=rule))
        (drawn,) = drawings("learning_rate_sensitivity", shown).values()
        assert drawn.axes[0].get_ylabel().replace("\n", " ") == label
        for data in curves(drawn.axes[0]).values():
            np.testing.assert_allclose(data, [[0.1, 0.3], [value, value]])


def test_each_panel_of_a_leaderboard_has_one_named_reference_with_its_line():
    (shared,) = of("leaderboard", "three").values()
    assert "reference: relu" in [text.get_text() for text in shared.legends[0].get_texts()]
    assert shared.axes[0].get_title(loc="left") == "digits"
    for study in ("depths", "crossed"):
        tables = STUDIES[study]
        board = leaderboard(tables.replicas).set_index("run")
        names = labels(tables.replicas, omit=("dataset",))
        (drawn,) = of("leaderboard", study).values()
        assert len(drawn.axes) == board["reference"].nunique() > 1
        assert sum(len(dots(ax)) for ax in drawn.axes) == len(board)
        for ax in drawn.axes:
            (line,) = [line for line in ax.lines if line.get_color() == "0.75"]
            runs = [run for run in dots(ax) if board["verdict"][run] != "reference"]
            (reference,) = board["reference"][runs].unique()
            assert ax.get_title(loc="left").endswith(f"compared with {names[reference]}")
            assert line.get_xdata()[0] == pytest.approx(100 * board["mean"][reference])
        assert_nothing_overlaps(drawn)


def test_the_mark_of_a_condition_is_that_of_its_activation_whatever_the_verdict():
    tables = fake_study(("relu", "elu", "gelu"), seeds=6, diverged=0)
    replicas, marks = tables.replicas, []
    for worse in (0.0, 0.3):
        errors = 0.1 + 0.001 * replicas["seed"] + worse * (replicas["activation"] == "gelu")
        (drawn,) = drawings("leaderboard", tables._replace(replicas=replicas.assign(final_test_error=errors))).values()
        marks.append({line.get_gid(): line.get_marker() for line in drawn.axes[0].lines if line.get_gid()})
    expected = {run: look.marker or "o" for run, look in looks(replicas).items()}
    assert marks == [expected, expected]
    assert len(set(expected.values())) == 2


def test_an_equivalent_condition_is_called_so_within_the_margin():
    tables = fake_study(("relu", "elu"), seeds=6, diverged=0)
    noise = 0.002 * tables.replicas["seed"].isin([0, 3]) * (tables.replicas["activation"] == "elu")
    errors = 0.1 + 0.01 * tables.replicas["seed"] + noise
    replicas = tables.replicas.assign(final_test_error=errors)
    for margin, words in ((1.0, "equivalent, on these splits"), (0.01, "not told apart")):
        (drawn,) = drawings("leaderboard", tables._replace(replicas=replicas.assign(margin=margin))).values()
        assert {note for _, note in dots(drawn.axes[0]).values()} == {"reference", words}


def test_baselines_with_one_mean_have_one_line():
    names = ["k-nearest", "linear SVM", "logistic regression"]
    baselines = pd.DataFrame({"dataset": "digits", "baseline": names, "test_error": [0.04, 0.05, 0.05]})
    (drawn,) = drawings("leaderboard", STUDIES["three"]._replace(baselines=baselines)).values()
    assert "linear SVM, logistic regression" in [text.get_text() for text in drawn.legends[0].get_texts()]


@pytest.mark.parametrize("name", ["leaderboard", "pairing_matrix", "cost_of_activation"])
@pytest.mark.filterwarnings("error")
def test_long_names_of_conditions_are_not_cut_off(name):
    activation = "a_name_without_end(x*sigmoid(1.702*x))+tanh(x)*0.5/(1+exp(-x))"
    outputs = ("softmax_ce", "softmax_mse") if name == "pairing_matrix" else ("softmax_ce",)
    tables = fake_study(("relu", activation), outputs, ("wine, target=a, noise=0.4, 0a1b2c",), ((8,), (64, 32, 16)))
    (drawn,) = drawings(name, tables).values()
    assert_nothing_overlaps(drawn)


def test_the_epoch_of_an_error_is_named_if_it_is_not_the_last():
    tables = STUDIES["rates"]
    tables = tables._replace(replicas=tables.replicas.assign(select="best_epoch_error"))
    (board,), (rates,) = (drawings(name, tables).values() for name in ("leaderboard", "learning_rate_sensitivity"))
    assert board.axes[0].get_xlabel() == rates.axes[0].get_ylabel() == "test error (%), best epoch"


def test_a_chosen_rate_stands_beside_its_condition_with_the_rates_that_were_tried():
    (drawn,) = drawings("leaderboard", STUDIES["rates"]).values()
    notes = [text.get_text().replace("\n", " ") for text in drawn.axes[0].texts]
    assert set(notes) == {
        "reference; rate 0.1 of 0.1 to 0.3, lowest",
        "worse, on these splits; rate 0.1 of 0.1 to 0.3, lowest",
        "worse, where both finished, on these splits; rate 0.1 of 0.1 to 0.3, lowest; 1 of 3 diverged",
    }
    assert_nothing_overlaps(drawn)


def test_a_baseline_that_is_far_off_is_named_but_does_not_stretch_the_axis():
    baselines = pd.DataFrame(
        {"dataset": "digits", "baseline": ["linear SVM", "majority class"], "test_error": [0.04, 0.9]}
    )
    (drawn,) = drawings("leaderboard", STUDIES["three"]._replace(baselines=baselines)).values()
    assert drawn.axes[0].get_xlim()[1] < 10
    assert "majority class: 90, not in view" in [text.get_text() for text in drawn.legends[0].get_texts()]


@pytest.mark.parametrize("error", [1e-5, 0.03, 0.5, 0.9, 1.0])
def test_a_baseline_of_the_legend_is_in_view_on_a_logarithmic_axis(error):
    study = fake_study(diverged=0)
    failing = study.replicas["final_test_error"].where(study.replicas["activation"] != "tanh", 0.7)
    baselines = pd.DataFrame({"dataset": "digits", "baseline": ["linear SVM"], "test_error": [error]})
    tables = study._replace(replicas=study.replicas.assign(final_test_error=failing), baselines=baselines)
    (drawn,) = drawings("leaderboard", tables).values()
    (ax,) = drawn.axes
    assert ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    (text,) = [text.get_text() for text in drawn.legends[0].get_texts() if "SVM" in text.get_text()]
    assert (text == "linear SVM") == (low <= 100 * error <= high)
    assert (text == "linear SVM") == any(list(line.get_xdata()) == [100 * error] * 2 for line in ax.lines)


BY_METRIC = [(task, metric) for task, metrics in METRICS.items() for metric in metrics]


def by_metric(task, metric, **keywords):
    """Return a study that is ranked by a metric, in which the network of the first seed of relu has no finite value."""
    outputs = {"classification": ("softmax_ce", "softmax_mse"), "regression": ("linear_mse", "gaussian_nll")}[task]
    tables = fake_study(outputs=outputs, rates=(0.1, 0.3), task=task, diverged=0, **keywords)
    replicas, unit = tables.replicas, unit_of(task, metric)
    values = 0.3 + 0.01 * replicas["seed"] - (0.5 if np.isinf(unit.floor) else 0) - 0.1 * (replicas["lr"] > 0.2)
    first = (replicas["seed"] == 0) & (replicas["activation"] == "relu")
    values = values.mask(first & unit.may_be_infinite, np.inf)
    moved = {RECORDED: replicas["final_test_error"], "final_test_error": values, "metric": metric}
    return tables._replace(replicas=replicas.assign(**moved))


@pytest.mark.parametrize(("task", "metric"), BY_METRIC)
@pytest.mark.parametrize("name", ["leaderboard", "learning_rate_sensitivity", "pairing_matrix"])
def test_figures_that_rank_show_the_metric(name, task, metric):
    tables, unit = by_metric(task, metric), unit_of(task, metric)
    (drawn,) = drawings(name, tables).values()
    ax = drawn.axes[0]
    texts = [drawn.axes[-1].get_xlabel(), ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")]
    assert any(f"test {unit.heading}" in text.replace("\n", " ") for text in texts)
    assert_nothing_overlaps(drawn)  # and no label is cut off
    assert FIGURES[name].worded(FIGURES[name].title, tables).startswith(f"Test {unit.word} ")
    shown = FIGURES[name].worded("Draw the mean test {measure}", tables)
    assert shown == f"Draw the mean test {unit.word}"
    words = " ".join(text.get_text() for text in drawn.findobj(lambda artist: hasattr(artist, "get_text")))
    assert "error" not in words.replace("\n", " ").replace(unit.name, "")
    assert "diverged" not in words
    assert ("finite" in words) == unit.may_be_infinite
    if name == "leaderboard":
        selected = tables.replicas[tables.replicas["selected"]]
        means = selected["final_test_error"].replace(np.inf, np.nan).groupby(selected["run"]).mean()
        for run, (x, _) in {run: mark for panel in drawn.axes for run, mark in dots(panel).items()}.items():
            assert x == pytest.approx(unit.scale * means[run])
    if name == "learning_rate_sensitivity":
        assert (ax.get_ylim()[0] < 0) == np.isinf(unit.floor)


def test_figures_that_do_not_rank_show_errors_at_the_rates_that_the_metric_chose():
    tables = by_metric("classification", "nll")
    assert {name for name, drawable in FIGURES.items() if drawable.metrics} == {
        *("leaderboard", "learning_rate_sensitivity", "pairing_matrix", "metrics"),
        *("critical_difference", "dataset_heatmap"),
    }
    depths = tables._replace(replicas=tables.replicas.assign(**{"net.hidden": "[8, 8]"}))
    for name in ("mse_vs_ce", "lu_comparison"):
        for drawn in drawings(name, depths).values():
            labels = {ax.get_ylabel() for ax in drawn.axes}
            assert "test error (%)" in labels
            assert not any("likelihood" in label for label in labels)


def test_mean_ranks_name_the_metric():
    tables = fake_study(activations=("relu", "elu", "tanh"), datasets=tuple("abcdefgh"), seeds=2, epochs=2, diverged=0)
    order = tables.replicas["activation"].map({"relu": 0.1, "elu": 0.2, "tanh": 0.3})
    moved = {RECORDED: tables.replicas["final_test_error"], "final_test_error": order, "metric": "brier"}
    (drawn,) = drawings("critical_difference", tables._replace(replicas=tables.replicas.assign(**moved))).values()
    assert drawn.axes[0].get_xlabel() == "mean rank by Brier score over 8 data sets (1 is best)"


def test_a_condition_has_one_name_in_all_figures():
    tables = fake_study(("relu",), ("sigmoid_ce", "softmax_ce"), hidden=((8,), (4,)), diverged=0)
    (board,), (matrix,) = (drawings(name, tables).values() for name in ("leaderboard", "metrics"))
    names = [{label.get_text() for label in drawn.axes[0].get_yticklabels()} for drawn in (board, matrix)]
    assert names[0] == names[1] - {"ρ with the error"}
    assert "relu, sigmoid_ce, net.hidden=[8]" in names[0]


def test_small_differences_have_no_strong_contrast_in_a_pairing_matrix():
    tables = STUDIES["crossed"]
    replicas = tables.replicas.assign(status="done", diverged_epoch=None)
    close = 0.057 + 0.001 * (replicas["seed"] - 1) + 1e-5 * (replicas["output"] == "softmax_mse")
    (drawn,) = drawings("pairing_matrix", tables._replace(replicas=replicas.assign(final_test_error=close))).values()
    image = drawn.axes[0].images[0]
    assert image.norm(image.get_array()).max() < 0.05
    assert {text.get_color() for text in drawn.axes[0].texts} == {"black"}


def test_what_is_not_finite_is_hatched_and_has_no_star():
    tables = fake_study(outputs=("softmax_ce", "softmax_mse"), diverged=0)
    replicas = tables.replicas
    lost = replicas["activation"] == "elu"
    replicas = replicas.assign(status=np.where(lost, "diverged", "done"))
    (drawn,) = drawings("pairing_matrix", tables._replace(replicas=replicas)).values()
    ax, _ = drawn.axes
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("diverged") == len([patch for patch in ax.patches if patch.get_hatch()]) == 2
    assert not any("*" in text for text in [*texts, ax.get_title(loc="left")])


def test_conditions_stand_side_by_side_at_a_rate_with_their_intervals():
    tables = fake_study(("relu",), ("softmax_ce", "softmax_mse", "sigmoid_ce"), rates=(0.1, 0.3), diverged=0)
    (drawn,) = drawings("learning_rate_sensitivity", tables).values()
    drawn.draw_without_rendering()
    (ax,) = drawn.axes
    lines = [line for line in ax.lines if line.get_gid()]
    places = [line.get_transform().transform((0.1, 5.0))[0] for line in lines]
    assert (np.diff(places) > 2).all()
    assert len({line.get_color() for line in lines}) == 3  # one activation: colours are those of the settings
    assert [bars.get_transform().transform((0.1, 5.0))[0] for bars in ax.collections] == places
    assert all(len(bars.get_segments()) == 2 for bars in ax.collections)


def test_long_notes_and_labels_of_a_leaderboard_keep_away_from_the_edges_of_a_png():
    """In a PNG, texts are up to 2 % wider than those of the layout."""
    rates = [0.0001502895, 0.659777, *np.geomspace(0.001, 0.1, 6)]
    tables = fake_study(rates=rates, hyperparameters=[("elu", "a_long_name_of_a_hyperparameter", [0.1234567, 1.0])])
    (drawn,) = drawings("leaderboard", tables).values()
    drawn.draw_without_rendering()
    width = drawn.bbox.width
    boxes = [text.get_window_extent() for text in (*drawn.axes[0].texts, *drawn.axes[0].get_yticklabels())]
    assert min(box.x0 for box in boxes) > 0.01 * width
    assert max(box.x1 for box in boxes) < 0.99 * width
    notes = [text.get_text().replace("\n", " ") for text in drawn.axes[0].texts]
    assert "reference; rate 0.0001503 of 0.0001503 to 0.6598, lowest" in notes


def test_learning_rates_without_room_for_their_labels_have_an_axis_of_decades():
    rates = list(np.geomspace(0.0002, 0.7, 16).round(6))
    (drawn,) = drawings("learning_rate_sensitivity", fake_study(rates=rates)).values()
    ticks = [label.get_text() for label in drawn.axes[0].get_xticklabels()]
    assert len(ticks) < 8
    (few,) = drawings("learning_rate_sensitivity", fake_study(rates=rates[::5])).values()
    assert [label.get_text() for label in few.axes[0].get_xticklabels()] == [f"{rate:g}" for rate in rates[::5]]
