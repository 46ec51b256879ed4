"""Tests of experiments.figures: what is drawn is what the tables say, in one look for each condition."""

import json
from functools import cache
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import stats

from experiments.figures.curves import draw, means
from experiments.figures.registry import Missing, all_figures, figure
from experiments.figures.selection import at_selected_rate
from experiments.figures.style import COLORS, DASHES, SINGLE, identity, looks, render
from experiments.store.reading import StudyTables
from nets.activations import ACTIVATIONS

FIGURES = all_figures()


def fake_study(
    activations=("relu", "elu", "tanh"),
    outputs=("softmax_ce",),
    datasets=("digits",),
    hidden=((8, 8),),
    hyperparameters=(),
    rates=(0.1,),
    seeds=3,
    epochs=8,
    diverged=1,
    task="classification",
):
    """Return plausible tables of a study in which the last `diverged` seeds of the last activation diverge.

    `hyperparameters` holds (activation, name, values): the conditions of an activation that has several.
    """
    generator = np.random.default_rng(0)
    several = {
        activation: [{f"activation.{name}": value} for value in values] for activation, name, values in hyperparameters
    }
    history, layers, replicas, confusion, timing = [], [], [], [], []
    variants = [(activation, own) for activation in activations for own in several.get(activation, [{}])]
    columns = sorted({column for _, own in variants for column in own})
    for number, condition in enumerate(product(datasets, variants, outputs, hidden)):
        dataset, (activation, own), output, widths = condition
        names = {"run": f"{dataset}-{activation}-{output}-{number:010x}", "dataset": dataset, "activation": activation}
        speed, floor = generator.uniform([0.2, 0.015], [0.8, 0.04])
        for rate, seed in product(rates, range(seeds)):
            replica = names | {"output": output, "lr": rate, "seed": seed}
            fails = activation == activations[-1] and seed >= seeds - diverged
            last = 1 + seed if fails else epochs
            decay = np.exp(-speed * np.arange(last + 1)) * generator.lognormal(0, 0.1, last + 1)
            loss, error, norm = 2.3 * decay + 0.003, 0.9 * decay**1.2 + floor, 1.5 * decay + 0.02
            if fails:
                loss[-2:], error[-1], norm[-2:] = (1e30, np.inf), np.nan, (1e20, np.inf)
            for epoch in range(last + 1):
                parts = {f"{part}_loss": loss[epoch] for part in ("train", "validation", "test")}
                parts |= {
                    "train_error": 0.7 * error[epoch],
                    "validation_error": error[epoch],
                    "test_error": error[epoch],
                }
                history.append(replica | {"epoch": epoch} | parts | {"gradient_norm": norm[epoch]})
                for layer in range(1, len(widths) + 2):
                    delta = norm[epoch] * 0.5 ** (len(widths) + 1 - layer)
                    statistics = {"weight_gradient_norm": delta, "delta_norm": 0.3 * delta}
                    shares = {"zero_fraction": 0.5, "saturated_fraction": 0.1 * layer, "dead_fraction": 0.01 * epoch}
                    shares |= {"activation_mean": speed - 0.5, "activation_std": 0.3 * layer}
                    statistics |= dict.fromkeys(shares) if layer > len(widths) else shares
                    layers.append(replica | {"epoch": epoch, "layer": layer} | statistics)
            settings = dict.fromkeys(columns) | own | {"net.hidden": json.dumps(widths)}
            if not fails and task == "classification":
                counts = generator.integers(0, 4, (2, 2)) + 40 * np.eye(2, dtype=int)
                for true, predicted in np.ndindex(2, 2):
                    pair = {"true": "abc"[true], "predicted": "abc"[predicted], "count": counts[true, predicted]}
                    confusion.append(replica | pair)
            outcome = {"status": "diverged" if fails else "done", "diverged_epoch": last if fails else None}
            outcome["final_test_error"] = error[last]
            replicas.append(replica | settings | {"task": task} | outcome | {"selected": rate == rates[0]})
        size = {"replicas": seeds * len(rates), "epochs": epochs}
        timing.append(names | size | {"training": size["replicas"] * epochs * generator.uniform(0.01, 0.05)})
    replicas = pd.DataFrame(replicas).astype({"diverged_epoch": "Int64"})
    confusion = pd.DataFrame(confusion) if confusion else None
    history, layers = pd.DataFrame(history), pd.DataFrame(layers)
    return StudyTables(history, layers, replicas, confusion, pd.DataFrame(timing), {})


STUDIES = {
    "three": fake_study(),
    "all": fake_study(activations=tuple(ACTIVATIONS)),
    "datasets": fake_study(datasets=("digits", "wine")),
    "pairings": fake_study(activations=("relu",), outputs=("sigmoid_ce", "sigmoid_mse", "linear_hinge")),
    "crossed": fake_study(outputs=("softmax_ce", "softmax_mse")),
    "depths": fake_study(activations=("relu", "sigmoid"), hidden=((), (8,), (8,) * 6)),
    "hyper": fake_study(
        activations=("relu", "elu", "maxout"),
        hyperparameters=[("elu", "alpha", [0.2, 1.0]), ("maxout", "pieces", [2, 3])],
    ),
    "regression": fake_study(datasets=("diabetes",), outputs=("linear_mse",), task="regression", diverged=0),
    "lost": fake_study(activations=("relu",), diverged=3),
    "short": fake_study(activations=("relu",), hidden=((),), seeds=1, epochs=1, diverged=0),
}
DRAWN = {
    "activation_curves": {study: [""] for study in STUDIES},
    "output_cost_gradients": {study: [""] for study in STUDIES},
    "lu_comparison": {study: [""] for study in STUDIES}
    | {"pairings": [], "datasets": ["-digits", "-wine"], "crossed": ["-softmax_ce", "-softmax_mse"]},
    "mse_vs_ce": {study: [] for study in STUDIES} | {"pairings": [""], "crossed": [""]},
}
DRAWN["gradient_norms"] = DRAWN["lu_comparison"]
STUDIES["rates"] = fake_study(rates=(0.1, 0.3))
STUDIES["tuned outputs"] = fake_study(
    activations=("relu",), outputs=("softmax_ce", "softmax_mse"), rates=(0.1, 0.3), diverged=0
)
STUDIES["many"] = fake_study(datasets=("digits", "wine", "iris", "moons"), seeds=2, epochs=3, diverged=0)
# Figures that take what they draw from the same columns in the same way need not be drawn from every study.
PARTED = {
    "three": [""],
    "datasets": ["-digits", "-wine"],
    "hyper": [""],
    "lost": [""],
    "short": [""],
    "regression": [""],
}
DRAWN |= {
    "leaderboard": PARTED | {"crossed": [""]},
    "learning_rate_sensitivity": {"three": [], "rates": [""], "tuned outputs": [""]},
    "critical_difference": {"three": [], "datasets": [], "many": [""]},
    "pairing_matrix": {"three": [], "pairings": [""], "crossed": [""]},
    "saturation": {"three": [""], "lost": [""], "depths": [""]},
    "activation_statistics": {"three": [""], "lost": [""], "depths": [""]},
    "gradient_flow": {"three": [""], "lost": [""], "depths": [""], "short": [""]},
    "depth": {"three": [], "depths": [""]},
    "cost_of_activation": {"three": [""], "lost": [""], "regression": [""]},
    "confusion": {"three": [""], "hyper": [""], "lost": []},
    "decision_boundary": {"three": []},
    "zigzag": {"three": [""]},
    "collapse": {"three": [""]},
    "clipped_output": {"three": [""]},
}


@cache
def of(name, study):
    """Return what a figure draws of one of `STUDIES`, once for all tests, which only look at it."""
    return FIGURES[name].draw(STUDIES[study])


def assert_nothing_overlaps(drawn):
    """Lay a figure out and check that panels, with their labels, and legends are apart and not cut off."""
    drawn.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in drawn.axes] + [legend.get_window_extent() for legend in drawn.legends]
    for one, other in combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(across, down) <= 1
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= drawn.bbox.x1
        assert box.y1 <= drawn.bbox.y1


def test_every_figure_is_tested():
    assert set(DRAWN) == set(FIGURES)


@pytest.mark.parametrize(("name", "study"), [(name, study) for name, studies in DRAWN.items() for study in studies])
def test_every_figure_is_drawn_from_what_a_study_has(name, study):
    result = of(name, study)
    expected = [f"{name}{part}" for part in DRAWN[name][study]]
    assert [stem for stem, drawn in result.items() if isinstance(drawn, Figure)] == expected
    if not expected:
        assert list(result) == [name]
        assert isinstance(result[name], Missing)
    for stem in expected:
        assert_nothing_overlaps(result[stem])


@pytest.mark.parametrize("name", [name for name in DRAWN if [] in DRAWN[name].values()])
def test_what_is_missing_is_one_line_that_ends_with_a_command(name):
    study = next(study for study, parts in DRAWN[name].items() if not parts)
    (reason,) = of(name, study).values()
    line = reason.line("mine", ["wine", "digits"])
    assert line.startswith(f"{reason}; run: python run.py -m ")
    assert line.endswith(" study=mine")
    assert ("dataset=digits,wine" in line) == ("dataset" not in reason.add)
    assert "\n" not in line


@pytest.mark.parametrize("name", ["mse_vs_ce", "pairing_matrix", "confusion"])
def test_what_a_regression_cannot_have_is_no_command(name):
    (reason,) = of(name, "regression").values()
    assert reason.line("mine", ["diabetes"]).startswith("a regression has ")
    assert "run.py" not in reason.line("mine", ["diabetes"])


def test_other_outputs_are_for_the_studys_classifications():
    (reason,) = of("mse_vs_ce", "datasets").values()
    assert reason.add == "output=softmax_ce,softmax_mse dataset=digits,wine"


def test_norms_that_were_not_recorded_are_named():
    history, layers, replicas = STUDIES["three"][:3]
    tables = StudyTables(history.assign(gradient_norm=np.nan), layers.iloc[:0].astype(object), replicas)
    (reason,) = FIGURES["gradient_norms"].draw(tables).values()
    assert str(reason) == "no gradient_norm in the study's history"
    assert reason.add == "diagnostics.layers=true"


def tiny(errors, statuses=None):
    """Return the tables of one run from its seeds' test errors by epoch; a diverged one ends at its last epoch."""
    names = {"run": "digits-relu-softmax_ce-0", "dataset": "digits", "activation": "relu", "output": "softmax_ce"}
    statuses = statuses or ["done"] * len(errors)
    history = [
        names | {"lr": 0.1, "seed": seed, "epoch": epoch, "test_error": error, "train_loss": 2 * error}
        for seed, values in enumerate(errors)
        for epoch, error in enumerate(values)
    ]
    replicas = pd.DataFrame(
        names
        | {"lr": 0.1, "seed": seed, "task": "classification", "status": status, "selected": True}
        | {"final_test_error": errors[seed][-1]}
        | {"diverged_epoch": len(errors[seed]) - 1 if status == "diverged" else None}
        for seed, status in enumerate(statuses)
    ).astype({"diverged_epoch": "Int64"})
    return StudyTables(pd.DataFrame(history), pd.DataFrame({"run": [], "lr": []}), replicas)


def curves(ax):
    """Return the data of a panel's curves by run."""
    return {line.get_gid(): np.array(line.get_data()) for line in ax.lines if line.get_gid()}


def crosses(ax):
    return [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "x"]


def test_curves_are_the_tables_means():
    tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25]])
    (drawn,) = FIGURES["lu_comparison"].draw(tables).values()
    loss, _, _, error, _, end = drawn.axes
    (line,) = curves(error).values()
    np.testing.assert_allclose(line, [[0, 1, 2], [70, 30, 27.5]])
    (line,) = curves(loss).values()
    np.testing.assert_allclose(line, [[0, 1, 2], [1.4, 0.6, 0.55]])
    (line,) = curves(end).values()
    np.testing.assert_allclose(line, [[1, 2], [30, 27.5]])


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


def band(values):
    """Return the scale of the panel of test errors, and the lowest and the highest point of its only band."""
    (drawn,) = FIGURES["lu_comparison"].draw(tiny(values)).values()
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


def test_bands_on_a_log_axis_are_those_of_the_logarithm_and_end_at_the_ceiling():
    values = np.array([[0.95, 0.02], [0.9, 0.01], [0.8, 0.03]])
    half = stats.t.ppf(0.975, 2) * stats.sem(values)[1]
    scale, ends = band(values)
    assert scale == "log"
    np.testing.assert_allclose(ends, [2 * np.exp(-half / 0.02), 100])


def test_a_diverged_replica_is_shown_and_not_averaged():
    tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25], [0.7, np.nan]], ["done", "done", "diverged"])
    (drawn,) = FIGURES["lu_comparison"].draw(tables).values()
    panel = drawn.axes[3]
    (line,) = curves(panel).values()
    np.testing.assert_allclose(line[1], [70, 30, 27.5])
    assert crosses(panel) == [1]
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert labels == ["relu (1 of 3 diverged)", "diverged here, left out of the mean"]


def test_where_all_diverged_the_curve_goes_as_far_as_the_first():
    tables = tiny([[0.8, 0.7, 0.9, np.nan], [0.6, 0.5, np.nan]], ["diverged", "diverged"])
    (drawn,) = FIGURES["lu_comparison"].draw(tables).values()
    panel = drawn.axes[3]
    (line,) = curves(panel).values()
    np.testing.assert_allclose(line, [[0, 1], [70, 60]])
    assert sorted(crosses(panel)) == [2, 3]


def test_a_condition_that_diverged_does_not_stretch_the_axis():
    (drawn,) = FIGURES["lu_comparison"].draw(fake_study(diverged=3)).values()
    assert drawn.axes[0].get_ylim()[1] < 100


def test_only_the_selected_rate_is_drawn():
    both, one = fake_study(rates=(0.1, 0.3)), fake_study(rates=(0.1, 0.3))
    one = StudyTables(*(frame[frame["lr"] == 0.1] for frame in one[:3]))
    for name in ("lu_comparison", "gradient_norms"):
        (drawn,), (alone,) = (FIGURES[name].draw(tables).values() for tables in (both, one))
        for panel, expected in zip(drawn.axes, alone.axes, strict=True):
            for run, data in curves(expected).items():
                np.testing.assert_array_equal(curves(panel)[run], data)


def test_gradient_norms_by_layer_are_those_of_the_first_and_last_epoch():
    tables = fake_study(diverged=0)
    history, layers = tables.history, tables.layers
    (drawn,) = FIGURES["gradient_norms"].draw(tables).values()
    panels = {ax.get_title(loc="left")[1]: ax for ax in drawn.axes}
    for letter, epoch, column in [("b", 0, "delta_norm"), ("e", 8, "weight_gradient_norm")]:
        rows = layers[layers["epoch"] == epoch]
        for run, data in curves(panels[letter]).items():
            expected = rows[rows["run"] == run].groupby("layer")[column].mean()
            np.testing.assert_allclose(data, [expected.index, expected])
    for run, data in curves(panels["a"]).items():
        np.testing.assert_allclose(data[1], history[history["run"] == run].groupby("epoch")["gradient_norm"].mean())


def test_each_pairing_is_drawn_in_its_own_column_before_the_others():
    tables = STUDIES["crossed"]
    (drawn,) = of("mse_vs_ce", "crossed").values()
    titled = {ax.get_title(loc="left"): ax for ax in drawn.axes if ax.get_title(loc="left")}
    output = tables.replicas.drop_duplicates("run").set_index("run")["output"]
    assert list(titled) == ["softmax_ce", "softmax_mse"]
    for name, ax in titled.items():
        assert set(curves(ax)) == set(output.index[output == name])
        assert sum(line.get_alpha() == 0.5 for line in ax.lines) == 3
    table = means(tables.history, at_selected_rate(tables).replicas, "train_error", scale=100)
    for run, data in curves(titled["softmax_ce"]).items():
        np.testing.assert_allclose(data[1], table.loc[table["run"] == run, "mean"])


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


def test_cost_gradients_are_the_slopes_of_the_costs():
    (drawn,) = of("output_cost_gradients", "three").values()
    cost, gradient = drawn.axes
    assert drawn.get_figwidth() == SINGLE
    for curve, slope in zip(cost.lines, gradient.lines, strict=True):
        z, height = curve.get_data()
        np.testing.assert_allclose(np.gradient(height, z)[1:-1], slope.get_ydata()[1:-1], atol=2e-4)
    squared, entropy = (line.get_ydata()[0] for line in gradient.lines)
    assert abs(squared) < 0.001
    assert entropy < -0.999


def test_an_activation_has_one_colour_in_all_figures():
    for name in FIGURES:
        study = "crossed" if name == "mse_vs_ce" else "three"
        activation = STUDIES[study].replicas.set_index("run")["activation"].to_dict()
        for drawn in of(name, study).values():
            for ax in getattr(drawn, "axes", []):  # Missing has none
                for line in ax.lines:
                    if line.get_gid():
                        assert line.get_color() == identity(activation[line.get_gid()])[0]


def test_activations_are_told_apart_by_colour_and_dash():
    assert len({identity(name) for name in ACTIVATIONS}) == len(ACTIVATIONS)
    assert len({identity(name)[0] for name in COLORS}) == len(COLORS) == 8
    unknown = identity("new_activation")
    assert unknown == identity("new_activation")
    assert unknown not in {identity(name) for name in ACTIVATIONS}
    assert len(set(DASHES)) == len(DASHES)


VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("vision", VISION)
def test_the_eight_colours_are_told_apart_by_everyone(vision):
    # Severity 1 of Machado, Oliveira and Fernandes (2009); distances in Oklab (Ottosson 2020)
    rgb = np.array([to_rgb(color) for color in COLORS.values()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(VISION[vision]), 0, 1)
    cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    cones += [[0.0883024619, 0.2817188376, 0.6299787005]]
    lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]]
    lab += [[0.0259040371, 0.7827717662, -0.8086757660]]
    place = np.cbrt(seen @ np.transpose(cones)) @ np.transpose(lab)
    assert min(np.linalg.norm(one - other) for one, other in combinations(place, 2)) >= 0.12
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05) >= 2).all()


def test_settings_change_dash_and_marker_but_not_the_colour():
    replicas = STUDIES["depths"].replicas
    appearance = looks(replicas)
    assert len(set(appearance.values())) == len(appearance) == 6
    by_setting = {}
    for run, look in appearance.items():
        row = replicas[replicas["run"] == run].iloc[0]
        assert look.color == COLORS[row["activation"]]
        by_setting.setdefault(row["net.hidden"], set()).add((look.marker, look.dash))
    assert all(len(found) == 1 for found in by_setting.values())
    assert len(set.union(*by_setting.values())) == 3


def test_a_legend_lists_activations_as_registered_and_settings_by_size():
    names = [look.label for look in looks(STUDIES["depths"].replicas).values()]
    sizes = ["net.hidden=[]", "net.hidden=[8]", "net.hidden=[8]×6"]
    assert names == [f"{activation}, {size}" for activation in ("sigmoid", "relu") for size in sizes]


@pytest.mark.parametrize("name", ["lu_comparison", "gradient_norms", "mse_vs_ce"])
def test_text_from_a_study_is_not_typeset(name):
    outputs = ("softmax_ce", "softmax_mse") if name == "mse_vs_ce" else ("softmax_ce",)
    tables = fake_study(activations=("relu", r"$\frac{$"), datasets=(r"$x_{$",), outputs=outputs)
    (drawn,) = FIGURES[name].draw(tables).values()
    render(drawn, "svg", "title")


def test_layers_of_an_all_lost_study_say_so():
    (drawn,) = of("gradient_norms", "lost").values()
    texts = [text.get_text() for ax in drawn.axes for text in ax.texts]
    assert texts == ["every replica diverged"] * 2


def test_rendering_is_reproducible():
    first, second = (FIGURES["gradient_norms"].draw(fake_study())["gradient_norms"] for _ in range(2))
    for kind in ("png", "svg", "pdf"):
        assert render(first, kind, "title") == render(second, kind, "title")
    svg = render(first, "svg", "a title").decode()
    assert "<text" in svg
    assert "a title" in svg
    assert "<dc:date>" not in svg


def test_a_figure_is_one_function():
    try:

        @figure("temporary", title="A figure of a test")
        def temporary(tables):
            return Figure()

        assert isinstance(FIGURES["temporary"].draw(STUDIES["three"])["temporary"], Figure)
        with pytest.raises(ValueError, match="'temporary' is taken"):
            figure("temporary", title="Another")
    finally:
        del FIGURES["temporary"]


def test_a_panel_that_would_show_zero_on_a_log_axis_stays_linear():
    tables = tiny([[0.8, 0.1, 0.0], [0.6, 0.1, 0.0]])
    ax = Figure().subplots()
    draw(ax, means(tables.history, tables.replicas, "test_error"), tables.replicas, looks(tables.replicas))
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] == 0


def dots(ax):
    """Return the x of a leaderboard's dots by run, and whether they are full."""
    lines = [line for line in ax.lines if line.get_gid() and line.get_marker() == "o"]
    return {line.get_gid(): (line.get_xdata()[0], line.get_markerfacecolor() != "white") for line in lines}


def test_a_leaderboard_shows_means_in_order_and_what_is_told_apart():
    tables = fake_study(seeds=6, diverged=0)
    replicas = tables.replicas.copy()
    worse = (replicas["activation"] == "tanh") * 0.2
    replicas["final_test_error"] = 0.1 + worse + 0.001 * (replicas["seed"] % 3) * (1 + worse)
    (drawn,) = FIGURES["leaderboard"].draw(tables._replace(replicas=replicas)).values()
    ax = drawn.axes[0]
    found = dots(ax)
    for run, (x, full) in found.items():
        rows = replicas[replicas["run"] == run]
        assert x == pytest.approx(100 * rows["final_test_error"].mean())
        assert full == (rows["activation"].iloc[0] == "tanh")
    assert ax.get_yticklabels()[-1].get_text() == "tanh"
    assert "reference: relu" in [text.get_text() for text in drawn.legends[0].get_texts()]


def test_a_leaderboard_says_what_diverged_and_shows_the_baselines():
    tables = STUDIES["three"]
    baselines = pd.DataFrame({"dataset": "digits", "baseline": ["k-nearest", "linear SVM"], "test_error": [0.04, 0.05]})
    (drawn,) = FIGURES["leaderboard"].draw(tables._replace(baselines=baselines)).values()
    assert [text.get_text() for text in drawn.axes[0].texts] == [" 1 of 3 diverged"]
    assert {"k-nearest", "linear SVM"} <= {text.get_text() for text in drawn.legends[0].get_texts()}
    vertical = [
        line.get_xdata()[0]
        for line in drawn.axes[0].lines
        if len(set(line.get_xdata())) == 1 and line.get_marker() == "None"
    ]
    assert {4.0, 5.0} <= {round(x, 9) for x in vertical}


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


def test_shares_of_the_hidden_layers_are_their_mean_in_per_cent():
    tables = fake_study(activations=("relu", "elu"), diverged=0)
    (drawn,) = FIGURES["saturation"].draw(tables).values()
    saturated, by_layer, dead = drawn.axes[:3]
    for run, data in curves(saturated).items():
        np.testing.assert_allclose(data[1], 15)  # 10 and 20 % in the two layers
        np.testing.assert_allclose(curves(by_layer)[run], [[1, 2], [10, 20]])
        np.testing.assert_allclose(curves(dead)[run][1], np.arange(9))


def test_a_negative_mean_activation_is_shown():
    tables = fake_study(diverged=0)
    (drawn,) = FIGURES["activation_statistics"].draw(tables).values()
    lowest = min(data[1].min() for data in curves(drawn.axes[0]).values())
    assert lowest < 0
    assert drawn.axes[0].get_ylim()[0] < lowest


def test_gradients_flow_by_layer_and_epoch():
    tables = fake_study(activations=("relu",), diverged=0)
    (drawn,) = FIGURES["gradient_flow"].draw(tables).values()
    expected = tables.layers.groupby(["layer", "epoch"])["weight_gradient_norm"].mean().unstack()
    np.testing.assert_allclose(drawn.axes[0].images[0].get_array(), expected)


def test_depth_shows_ratio_gradient_and_error_of_what_finished():
    tables = STUDIES["depths"]
    replicas, layers = tables.replicas, tables.layers.replace(np.inf, 1.0)  # a loss may be infinite, a gradient not
    (drawn,) = FIGURES["depth"].draw(tables._replace(layers=layers)).values()
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


def test_a_pairing_matrix_holds_the_mean_of_each_cell():
    tables = STUDIES["crossed"]
    (drawn,) = of("pairing_matrix", "crossed").values()
    (ax,) = drawn.axes
    done = tables.replicas[tables.replicas["status"] == "done"]
    expected = 100 * done.groupby(["activation", "output"])["final_test_error"].mean()
    rows, columns = ([label.get_text() for label in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
    assert len(ax.texts) == len(expected) == 6
    for text in ax.texts:
        x, y = map(int, text.get_position())
        star = "*" if rows[y] == "tanh" else ""  # of which a replica diverged
        assert text.get_text() == f"{expected[rows[y], columns[x]]:.3g}{star}"


def test_confusions_are_shares_of_the_true_class():
    tables = fake_study(activations=("relu",), diverged=0)
    (drawn,) = FIGURES["confusion"].draw(tables).values()
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
    (drawn,) = FIGURES["decision_boundary"].draw(tables).values()
    image = drawn.axes[0].images[0].get_array()
    left, right = image[0, 0], image[0, 99]
    assert left[2] > left[0]  # blue
    assert right[0] > right[2]  # orange
    assert left.sum() < right.sum()  # three seeds agree on the left, two on the right, which is paler
    assert_nothing_overlaps(drawn)


def test_an_epochs_time_is_a_networks_share_of_its_stack():
    tables = fake_study(diverged=0)
    (drawn,) = FIGURES["cost_of_activation"].draw(tables).values()
    course, _ = drawn.axes
    timing = tables.timing.set_index("run")
    for run, data in curves(course).items():
        seconds = timing["training"][run] / (3 * 8)
        np.testing.assert_allclose(data[0], seconds * np.arange(1, 9))


def test_an_epochs_time_leaves_out_the_epochs_after_divergence():
    tables = fake_study(rates=(0.1, 0.3), diverged=2)  # of three seeds, after 2 and 3 of 8 epochs
    (drawn,) = FIGURES["cost_of_activation"].draw(tables).values()
    training = tables.timing.set_index("run")["training"]
    (run,) = tables.replicas.loc[tables.replicas["status"] == "diverged", "run"].unique()
    epochs = curves(drawn.axes[0])[run][0]
    np.testing.assert_allclose(epochs, training[run] / (2 * (8 + 2 + 3)) * np.arange(1, 9))
    assert "interval" not in drawn.legends[0].get_title().get_text()
    ticks = [text.get_text() for text in drawn.axes[0].get_xticklabels(which="both")]
    assert not any("10^" in text for text in ticks)  # those of less than a decade would overlap


def test_a_heat_map_of_few_epochs_does_not_hide_the_others():
    tables = fake_study(activations=("relu", "elu"), diverged=3)  # the last one drawn diverged
    (drawn,) = FIGURES["gradient_flow"].draw(tables).values()
    assert {ax.get_xlim() for ax in drawn.axes if ax.images} == {(-0.5, 8.5)}


def test_crosses_at_one_rate_stand_side_by_side():
    lost = fake_study(rates=(0.001, 100.0), diverged=1)
    replicas = lost.replicas.assign(status=lost.replicas["status"].where(lost.replicas["lr"] < 1, "diverged"))
    (drawn,) = FIGURES["learning_rate_sensitivity"].draw(lost._replace(replicas=replicas)).values()
    (ax,) = drawn.axes
    crosses = [line for line in ax.lines if line.get_marker() == "x" and line.get_xdata()[0] == 100]
    places = [line.get_transform().transform((100, 1))[0] for line in crosses]
    assert len(places) > 1
    assert (np.diff(places) > drawn.dpi * 2 / 72).all()


def test_a_leaderboard_of_one_condition_has_room_and_compares_nothing():
    (drawn,) = FIGURES["leaderboard"].draw(fake_study(activations=("leaky_relu",), diverged=0)).values()
    drawn.canvas.draw()
    assert drawn.axes[0].get_window_extent().height / drawn.dpi > 0.3
    assert not any("told apart" in text.get_text() for text in drawn.legends[0].get_texts())
    assert {line.get_linestyle() for line in drawn.axes[0].lines if len(line.get_xdata()) == 2} == {"-"}


def test_ranks_are_drawn_with_the_groups_that_are_not_told_apart():
    (drawn,) = of("critical_difference", "many").values()
    texts = {text.get_text() for text in drawn.axes[0].texts}
    assert any(text.startswith("critical difference 1.66") for text in texts)
    assert {name for name in ("relu", "elu", "tanh") if any(name in text for text in texts)} == {"relu", "elu", "tanh"}


def test_linear_layers_are_one_map_and_relus_are_not():
    (drawn,) = of("collapse", "three").values()
    course, scores = drawn.axes
    softmax, linear, relu = (line.get_ydata()[-1] for line in course.lines)
    assert relu < linear - 0.3  # better
    assert abs(linear - softmax) < 1
    one, other = scores.lines
    np.testing.assert_allclose(one.get_xdata(), one.get_ydata(), atol=1e-3)
    assert np.abs(other.get_xdata() - other.get_ydata()).max() > 1


def test_positive_inputs_step_with_one_sign_and_arrive_later():
    (drawn,) = of("zigzag", "three").values()
    sigmoid, tanh, gap = drawn.axes
    assert "100 %" in sigmoid.texts[0].get_text()
    assert "100 %" not in tanh.texts[0].get_text()
    slow, fast = (line.get_ydata() for line in gap.lines)
    assert slow[100] > 100 * fast[100]
    steps = np.diff(sigmoid.lines[0].get_data(), axis=1)
    assert (steps[0] * steps[1] >= 0).all()


def test_a_clipped_output_that_starts_wrong_never_moves():
    (drawn,) = of("clipped_output", "three").values()
    slope, single, digits, stuck = drawn.axes
    clipped, sigmoid, _ = (line.get_ydata() for line in single.lines)
    assert set(clipped) == {0.0}
    assert sigmoid[-1] > 0.9
    assert slope.lines[0].get_ydata()[0] == 0
    clipped, sigmoid, linear = (line.get_ydata()[-1] for line in digits.lines)
    assert clipped > 5 * max(sigmoid, linear)
    assert stuck.lines[0].get_ydata()[-1] > 10
