"""Statements about several data sets: when they hold, what is said of them, and the figure of both intervals."""

import math
from itertools import product

import matplotlib
import pandas as pd
import pytest

from experiments.claims.literature.claim_16_elu_needs_no_batch_norm import draw_leads, errors_by_recipe
from experiments.claims.literature.claim_17_gelu_trains_lowest import last_losses
from experiments.claims.literature.claim_20_residual_stands_depth import errors_by_depth
from experiments.claims.registry import load_claim
from experiments.claims.several import Bound, draw_statements, holds, in_words, judge_statements, lower, notes, outcome
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import tuned, with_net
from experiments.claims.verdicts import FAILED, PARTIAL, REPRODUCED, Measure
from experiments.figures.style import RC
from experiments.store.reading import StudyTables
from tests.experiments.claims.constructed import degradation, frame, late_losses, recipes

BELOW, AROUND, ABOVE = (Bound(Measure("a", 0, low, high, -9, 9)) for low, high in ((-2, -1), (-1, 1), (1, 2)))


def statement(*bounds):
    return {f"set {number}": [bound] for number, bound in enumerate(bounds)}


def test_a_data_set_holds_if_all_intervals_are_below_and_contradicts_if_one_is_above():
    assert [outcome([bound]) for bound in (BELOW, AROUND, ABOVE)] == ["holds", "is open", "is contradicted"]
    assert outcome([BELOW, BELOW]) == "holds"
    assert outcome([BELOW, AROUND]) == "is open"
    assert outcome([BELOW, AROUND, ABOVE]) == "is contradicted"
    assert outcome([BELOW], corrected=True) == "is open"
    assert outcome([Bound(AROUND.measure, limit=1.5)]) == "holds"
    assert outcome([Bound(Measure("a", math.nan))]) == "is open"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((BELOW, BELOW, BELOW), True),
        ((BELOW, BELOW, AROUND), True),
        ((BELOW, BELOW, ABOVE), False),
        ((BELOW, AROUND, AROUND), False),
        ((AROUND, AROUND, AROUND), False),
    ],
)
def test_a_statement_holds_on_two_of_three_data_sets_if_none_contradicts_it(bounds, expected):
    assert holds(statement(*bounds)) is expected


def test_the_verdict_is_partial_if_enough_statements_hold_and_the_corrected_intervals_may_contradict_it():
    true, false = statement(BELOW, BELOW, AROUND), statement(BELOW, AROUND, ABOVE)
    assert judge_statements({"a": true, "b": true}, any).word == REPRODUCED
    assert judge_statements({"a": true, "b": false}, any).word == PARTIAL
    assert judge_statements({"a": true, "b": false}, lambda held: held[1]).word == FAILED
    assert judge_statements({"a": false, "b": false}, any).word == FAILED
    assert judge_statements({"a": true}, any).reservations == (f"by the corrected interval {FAILED}",)
    assert judge_statements({"a": false}, any).reservations == ()
    exact = statement(*[Bound(Measure("a", -1, -2, -1))] * 3)  # it has no corrected interval
    assert judge_statements({"a": exact}, any).reservations == ()


def test_the_row_says_what_each_data_set_says():
    assert in_words("a", statement(ABOVE, BELOW, BELOW)) == "“a” holds on set 1, set 2, is contradicted on set 0"
    verdict = load_claim(16).judge(recipes(relu_normed=3.0))
    assert (
        "“batch norm improves ReLU and leaky ReLU, and ELU less than ReLU” is open on breast_cancer" in verdict.remark
    )
    names = [measure.name for measure in verdict.measures]
    assert names[0] == "breast_cancer: ELU plain − ReLU batch norm (points)"
    assert "digits: ELU − ReLU, layer norm (points)" in names


def test_the_row_names_the_rates_at_the_ends_of_their_grids_and_counts_what_diverged():
    table = degradation()
    end = (table["kind"] == "plain") & (table["dataset"] == "digits") & (table["depth"] == 44)
    table["lr"] = table["lr"].mask(end, 0.3)
    note = notes(table, "test_error", "dataset", "kind", "depth")
    expected = "rates from {0.01, 0.1, 0.3}, 1 of 12 conditions at an end: digits, plain, 44: 0.3 (highest of 3)"
    assert note == expected
    table.loc[table.index[end][0], "test_error"] = math.inf
    assert notes(table, "test_error", "dataset", "kind", "depth").startswith("1 of 120 networks diverged, and ")
    assert load_claim(20).judge(table).word == REPRODUCED
    table["test_error"] = table["test_error"].mask(end, math.inf)
    verdict = load_claim(20).judge(table)
    assert verdict.word == REPRODUCED  # digits is open
    assert "“plain networks become worse” holds on breast_cancer, mnist5k, is open on digits" in verdict.remark


def drawn(figure):
    """Return the ends of the thick and thin lines of each panel, and its title."""
    figure.canvas.draw()
    return {
        ax.get_title("left"): {
            width: [line.get_xdata().tolist() for line in ax.lines if line.get_linewidth() == width]
            for width in (2.2, 0.8)
        }
        for ax in figure.axes
    }


def test_the_figure_of_the_recipes_has_a_panel_for_each_data_set_and_both_intervals_of_each_difference():
    table = recipes(elu=[2.0, 3.5, 2.0])
    wide = (table["activation"] == "elu") & (table["recipe"] == "plain")
    table["test_error"] += wide * (table["seed"] - 304.5) / 1000
    with matplotlib.rc_context(RC):
        figure = draw_leads(table)
        lines = drawn(figure)
    assert list(lines) == ["(a) breast_cancer", "(b) digits", "(c) mnist5k"]
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == [f"ELU − ReLU, {name}" for name in ("plain", "batch norm", "layer norm", "dropout", "residual")]
    for panel, center in zip(lines.values(), (-1.0, 0.5, -1.0), strict=True):
        (low, high), (corrected_low, corrected_high) = panel[2.2][0], panel[0.8][0]
        assert corrected_low < low < center < high < corrected_high
        assert (low + high) / 2 == pytest.approx(center)
        assert [ends[0] for ends in panel[2.2][2:]] == pytest.approx([-0.4, 0.3, 0.0])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["paired 95 % interval, for these splits", "corrected, for new data of this kind"]


def test_ratios_have_a_logarithmic_axis_and_no_corrected_interval_and_a_margin_is_drawn():
    with matplotlib.rc_context(RC):
        ratios, margins = load_claim(17).drawings[""](late_losses()), load_claim(20).drawings[""](degradation())
    assert {ax.get_xscale() for ax in ratios.axes} == {"log"}
    assert [text.get_text() for text in ratios.legends[0].get_texts()] == ["paired 95 % interval, for these splits"]
    assert [text.get_text() for text in margins.legends[0].get_texts()][-1] == "margin"


def test_the_settings_of_a_network_are_read_from_the_table_of_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("dataset=iris", "activation=relu", "epochs=1", "net.hidden=[4,4]", "optimizer.lr=0.1", "workers=1")
    recipe = ("net.norm=none,layer", "net.dropout=0,0.2", "net.residual=false,true")
    table = with_net(tuned(train("clevert_2015_batchnorm", Protocol((300,)), *words, *recipe).replicas))
    settings = set(table[["norm", "dropout", "residual", "depth"]].itertuples(index=False, name=None))
    assert settings == set(product(("none", "layer"), (0.0, 0.2), (False, True), (2,)))


def replicas(rows):
    """Return marked replicas of one run, at their selected rate."""
    names = "run dataset activation lr seed status test_error final_train_error net.norm net.dropout net.residual"
    facts = {"selected": True, "grid": "0.1", "test_to_train": 0.25, "epochs": 20, "net.hidden": "[4, 4]"}
    return frame(names, rows).assign(**facts)


def test_each_network_has_one_recipe_and_one_kind():
    empty = (None, None, None)
    rows = [("a", "iris", "elu", 0.1, 300, "done", 0.5, 0.25, *empty)]
    rows += [("b", "iris", "elu", 0.1, 300, "done", 0.5, 0.25, norm, None, None) for norm in ("batch", "layer")]
    rows.append(("c", "iris", "elu", 0.1, 300, "done", 0.5, 0.25, None, 0.2, None))
    rows.append(("d", "iris", "elu", 0.1, 300, "diverged", 0.5, 0.25, None, None, True))
    table = errors_by_recipe(replicas(rows))
    assert table["recipe"].tolist() == ["plain", "batch norm", "layer norm", "dropout", "residual"]
    assert table["test_error"].tolist() == [0.5] * 4 + [math.inf]
    table = errors_by_depth(replicas(rows))
    assert table["kind"].tolist() == ["plain"] * 4 + ["residual"]
    assert table["train_error"].tolist() == [0.25] * 4 + [math.inf]
    assert set(table["depth"]) == {2}


def test_the_last_tenth_of_the_epochs_decides_about_the_training_loss():
    empty = (None, 0.5, None)
    rows = [("a", "iris", "elu", 0.1, 300, "done", 0.5, 0.25, *empty)]
    rows.append(("a", "iris", "elu", 0.1, 301, "diverged", 0.5, 0.25, *empty))
    losses = [("a", 0.1, 300, epoch, {19: 0.0, 20: 1e-6}.get(epoch, 5.0)) for epoch in range(21)]
    losses += [("a", 0.1, 301, epoch, 1.0) for epoch in range(3)]
    table = last_losses(StudyTables(frame("run lr seed epoch train_loss", losses), None, replicas(rows)))
    assert table["loss"].tolist() == [pytest.approx(1e-9), math.inf]  # a loss of 0 counts as 1e-12
    assert table["dropout"].tolist() == [0.5, 0.5]


def test_the_panels_of_all_data_sets_have_one_scale():
    errors = {
        "wine": pd.DataFrame({"a": [1.0, 2, 1.5], "b": [2.0, 2.5, 2.7]}),
        "iris": pd.DataFrame({"a": [10.0, 20, 15], "b": [2.0, 2.5, 2.7]}),
    }
    statement = lower(errors, 0.3, "a − b", "a", "b")
    for ratio in (False, True):
        parts = {name: [Bound(bound.measure.exp()) for bound in bounds] for name, bounds in statement.items()}
        with matplotlib.rc_context(RC):
            drawn = draw_statements({"a is lower": parts if ratio else statement}, "points", ratio)
        first, second = drawn.axes
        assert first.get_xlim() == second.get_xlim()
        assert first.get_xscale() == second.get_xscale() == ("log" if ratio else "linear")
