"""Tests of experiments.figures.style: one look for each condition, files that are the same each time."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from experiments.figures.style import COLORS, DASHES, SINGLE, identity, log_axis, looks, render, sheet
from nets.activations import ACTIVATIONS
from tests.experiments.figures.studies import FIGURES, STUDIES, drawings, fake_study, of

DEMONSTRATIONS = [name for name, drawable in FIGURES.items() if drawable.demonstration]


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


@pytest.mark.parametrize(("settings", "new"), [(1, 8), (2, 0), (3, 0)])
def test_no_two_activations_share_a_colour_and_a_marker(settings, new):
    names = (*ACTIVATIONS, *(f"new_{number}" for number in range(new)))
    hidden = tuple((8,) * depth for depth in range(settings))
    replicas = fake_study(names, hidden=hidden, seeds=1, epochs=1, diverged=0).replicas
    activation = replicas.set_index("run")["activation"]
    taken = {}
    for run, look in looks(replicas).items():
        assert taken.setdefault((look.color, look.marker or "o"), activation[run]) == activation[run]


def test_an_activation_has_one_marker_in_all_figures():
    for look in looks(fake_study(tuple(ACTIVATIONS), seeds=1, epochs=1).replicas).values():
        (alone,) = looks(fake_study((look.label,), seeds=1, epochs=1).replicas).values()
        assert alone == look


@pytest.mark.parametrize("name", FIGURES)
def test_no_two_lines_of_a_panel_look_the_same(name):
    """Rows of a leaderboard have their names beside them; there a mark has the shape of its verdict."""
    activation = STUDIES["all"].replicas.set_index("run")["activation"].to_dict()
    for drawn in () if name in ("leaderboard", *DEMONSTRATIONS) else of(name, "all").values():
        for ax in getattr(drawn, "axes", []):
            shared = {}
            for line in ax.lines:
                if line.get_gid() in activation:
                    look = line.get_color(), line.get_marker().replace(".", "o")
                    shared.setdefault(look, set()).add(activation[line.get_gid()])
            assert all(len(activations) == 1 for activations in shared.values())


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


def test_settings_have_colours_of_their_own_where_all_conditions_have_one_activation():
    colors = [look.color for look in looks(STUDIES["pairings"].replicas).values()]
    assert len(set(colors)) == len(colors) == 3
    assert not {*colors} & {*COLORS.values()}
    (look,) = looks(STUDIES["lost"].replicas).values()
    assert look.color == COLORS["relu"]


def test_a_legend_lists_activations_as_registered_and_settings_by_size():
    names = [look.label for look in looks(STUDIES["depths"].replicas).values()]
    sizes = ["net.hidden=[]", "net.hidden=[8]", "net.hidden=[8]×6"]
    assert names == [f"{activation}, {size}" for activation in ("sigmoid", "relu") for size in sizes]


@pytest.mark.parametrize("name", ["lu_comparison", "gradient_norms", "mse_vs_ce"])
def test_text_from_a_study_is_not_typeset(name):
    outputs = ("softmax_ce", "softmax_mse") if name == "mse_vs_ce" else ("softmax_ce",)
    tables = fake_study(activations=("relu", r"$\frac{$"), datasets=(r"$x_{$",), outputs=outputs)
    (drawn,) = drawings(name, tables).values()
    render(drawn, "svg", "title")


@pytest.mark.parametrize("name", ["confusion", "activation_curves"])
def test_the_lowest_panel_of_each_column_labels_its_axis(name):
    for drawn in of(name, "all").values():
        panels = [ax for ax in drawn.axes if ax.get_subplotspec() and ax.get_visible() and ax.get_title(loc="left")]
        lowest = {ax.get_subplotspec().colspan.start: ax for ax in panels}
        labelled = [ax for ax in panels if ax.xaxis.get_tick_params()["labelbottom"]]
        assert len(lowest) > 1
        assert set(labelled) == set(lowest.values())


def test_rendering_is_reproducible():
    first, second = (drawings("gradient_norms", fake_study())["gradient_norms"] for _ in range(2))
    for kind in ("png", "svg", "pdf"):
        assert render(first, kind, "title") == render(second, kind, "title")
    svg = render(first, "svg", "a title").decode()
    assert "<text" in svg
    assert "a title" in svg
    assert "<dc:date>" not in svg


@pytest.mark.parametrize(("width", "pixels"), [(SINGLE, 1600), (10, 2000)])
def test_a_png_fills_a_projector(width, pixels):
    drawn = sheet(1, width)
    drawn.subplots()
    png = render(drawn, "png", "title")
    assert int.from_bytes(png[16:20]) == pixels


@pytest.mark.parametrize(("axis", "minor"), [("x", True), ("y", False)])
@pytest.mark.parametrize("high", [5.0, 1e5])
def test_a_logarithmic_axis_makes_no_ticks_that_nobody_sees(axis, minor, high):
    """The style gives the minor ticks of y no length. A figure would make hundreds of them."""
    ax = sheet(1).subplots()
    log_axis(ax, 1.0, high, axis)
    ticks = getattr(ax, f"{axis}axis")
    assert bool(ticks.get_minor_ticks()) == minor
    assert len(ticks.get_majorticklocs()) > 2
