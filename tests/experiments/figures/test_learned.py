"""Tests of experiments.figures.learned: courses of parameters, and curves that are those of the last parameters."""

import numpy as np
import pytest

from experiments.tables import KEY
from nets.activations import ACTIVATIONS
from nets.formula import Formula
from tests.experiments.figures.studies import STUDIES, curves, drawings, fake_study, of


def test_the_courses_are_means_over_seeds_in_each_layer():
    tables = STUDIES["learning"]
    figure = of("learned_parameters", "learning")["learned_parameters-prelu"]
    assert [ax.get_title(loc="left") for ax in figure.axes[:4]] == [
        f"hidden layer {layer} of 6" for layer in (1, 3, 4, 6)
    ]
    rows = tables.layers[(tables.layers["activation"] == "prelu") & (tables.layers["layer"] == 4)]
    expected = rows.groupby("epoch")["prelu.slope"].mean()
    x, y = curves(figure.axes[2])["slope"]
    np.testing.assert_array_equal(x, expected.index)
    np.testing.assert_allclose(y, expected)
    band = figure.axes[2].collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((expected.min() - 0.1, expected.max() + 0.1))


def test_each_curve_has_the_last_parameters_of_its_seed():
    tables = STUDIES["learning"]
    figure = of("learned_parameters", "learning")["learned_parameters-rational"]
    done = tables.replicas[(tables.replicas["activation"] == "rational") & (tables.replicas["status"] == "done")]
    last = tables.layers.merge(done[KEY]).query("layer == 6 and epoch == 8").set_index("seed")
    before, *after = (np.array(line.get_data()) for line in figure.axes[7].lines)
    np.testing.assert_allclose(before[1], ACTIVATIONS["rational"]()(before[0]))
    assert len(after) == len(last) == 2
    for (z, h), (_, row) in zip(after, last.iterrows(), strict=True):
        above = sum(row[f"rational.a{j}"] * z**j for j in range(6))
        below = 1 + np.abs(sum(row[f"rational.b{k}"] * z**k for k in range(1, 5)))
        np.testing.assert_allclose(h, above / below, rtol=1e-9, atol=1e-12)


def test_a_formula_is_drawn_by_its_own_name():
    tables = fake_study(activations=("mine",), diverged=0)
    formula = Formula("mine", "x*sigmoid(beta*x)", {"beta": 1.0})
    columns = {f"activation.{name}": getattr(formula, name) for name in ("expression", "parameters")}
    inside = tables.layers["activation_mean"].notna()
    tables = tables._replace(
        replicas=tables.replicas.assign(**columns),
        layers=tables.layers.assign(**{"mine.beta": tables.layers["epoch"].where(inside) + 1.0}),
    )
    (figure,) = drawings("learned_parameters", tables).values()
    _, after, *_ = figure.axes[2].lines
    z, h = after.get_data()
    np.testing.assert_allclose(h, z / (1 + np.exp(-9 * z)), atol=1e-12)


def test_a_study_that_learns_no_shape_is_told_how():
    (reason,) = of("learned_parameters", "three").values()
    assert reason.line("mine", ["digits"]).endswith("activation=prelu,apl,rational,spline dataset=digits study=mine")


def test_networks_that_diverged_are_not_drawn():
    tables = STUDIES["learning"]
    tables = tables._replace(replicas=tables.replicas.assign(status="diverged"))
    (reason,) = drawings("learned_parameters", tables).values()
    assert str(reason) == "every replica diverged"
