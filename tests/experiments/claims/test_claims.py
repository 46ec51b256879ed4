"""The judges of the claims on constructed tables, the small experiments against closed forms, and the command."""

import json
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest

from experiments.claims import lecture, studies
from experiments.claims.__main__ import read_tables
from experiments.claims.drawings import DRAWINGS
from experiments.claims.neurons import born_dead, neuron
from experiments.claims.tables import TABLES, fractions, tuned
from experiments.claims.verdicts import CLAIMS, FAILED, PARTIAL, REPRODUCED, crossing, nearly_all
from experiments.claims.writing import claims_csv, claims_md, judge_all, summary
from experiments.store.reading import StudyTables
from tests.programs import ROOT, python

SEEDS = range(100, 110)
SPREAD = np.linspace(-1, 1, 10)
"""One draw per seed, with mean 0."""


def frame(columns, rows):
    return pd.DataFrame(list(rows), columns=columns.split())


def errors(column, **means):
    """Return test errors in points around these means, each seed's spread the same for all: differences are exact."""
    rows = [
        (name, seed, (mean + 0.1 * extra) / 100)
        for name, mean in means.items()
        for seed, extra in zip(SEEDS, SPREAD, strict=True)
    ]
    return frame(f"{column} seed test_error", rows).assign(lr=0.1)


def noisy(table, first, size):
    """Spread the test errors of one condition, in points, so that its differences have an interval."""
    own = table.iloc[:, 0] == first
    return table.assign(
        test_error=table["test_error"].where(~own, table["test_error"] + size * np.tile(SPREAD, 2) / 100)
    )


def saturated(quadratic=(0.9331, 0.2034), entropy=0.0985, ratio=56.6):
    rows = []
    for step in range(301):
        at = {150: quadratic[0], 300: quadratic[1]}.get(step, 0.5)
        rows.append(("quadratic", step, at, 1.0))
        rows.append(("cross-entropy", step, entropy if step == 50 else 0.5, ratio))
    return frame("cost step a gradient", rows)


def steps(ratios):
    rows = [("sigmoid_ce", 0.3, seed, 40) for seed in SEEDS]
    rows += [("sigmoid_mse", 1.0, seed, 40 * ratio) for seed, ratio in zip(SEEDS, ratios, strict=True)]
    return frame("output lr seed steps", rows)


def decay(factor, bend=0.0):
    rows = [
        (seed, layer, math.exp(-math.log(factor) * (layer + bend * layer**2) + 0.01 * extra))
        for seed, extra in zip(SEEDS, SPREAD, strict=True)
        for layer in range(1, 11)
    ]
    return frame("seed layer delta_norm", rows)


def variance(standard=0.32, gradients=2.0, glorot=0.8):
    rows = []
    for init, ratio in (("standard", standard), ("glorot_uniform", glorot)):
        for seed, layer in product(SEEDS, range(1, 6)):
            gradient = math.nan if layer == 1 else gradients if layer == 3 else 1.0
            rows.append((init, seed, layer, ratio ** (5 - layer), gradient))
    return frame("init seed layer delta_variance gradient_variance", rows)


def medians(**by_seed):
    """Return medians of each activation: a number for all seeds, or one for each."""
    rows = []
    for activation, value in by_seed.items():
        for seed, own in zip(SEEDS, np.broadcast_to(value, 10), strict=True):
            rows += [(activation, seed, epoch, own) for epoch in range(1, 101)]
    return frame("activation seed epoch median", rows)


def courses(rate=None, **reaching):
    """Return losses that fall from 1 to 0.1 in so many epochs, log-linearly, with 2 % between seeds."""
    rows = []
    for activation, epochs in reaching.items():
        for seed, extra in zip(SEEDS, SPREAD, strict=True):
            own = epochs * (1 + 0.02 * extra * (-1) ** len(activation))
            rows += [(activation, 0.03, seed, epoch, 10 ** (-epoch / own)) for epoch in range(101)]
    table = frame("activation lr seed epoch train_loss", rows).assign(test_error=0.1)
    return table if rate is None else table.assign(rate=rate)


def elu_courses(common, tuned):
    return pd.concat(
        [courses(rate, relu=30, leaky_relu=30, elu=elu) for rate, elu in (("0.01", common), ("tuned", tuned))]
    )


def reconstructions(best):
    """Return losses at four rates, ELU's the lowest at the first `best` of them."""
    rows = []
    for place, rate in enumerate(fractions(0.01)):
        for name, loss in {"elu": 10 if place < best else 30, "relu": 20, "leaky_relu": 21, "shifted_relu": 22}.items():
            rows += [(name, rate, seed, loss + extra) for seed, extra in zip(SEEDS, SPREAD, strict=True)]
    return frame("activation lr seed test_loss", rows)


def zeros(before=0.5, trained=0.6, penalised=0.8, softplus=0.0):
    rows = []
    shares = {
        ("before", 0.0): before,
        ("trained", 0.0): trained,
        ("before", 0.001): before,
        ("trained", 0.001): penalised,
    }
    for (moment, l1), share in shares.items():
        for seed, extra in zip(SEEDS, SPREAD, strict=True):
            rows.append(("relu", l1, 0.1, seed, moment, share + 0.01 * extra * (1 + l1)))
            rows.append(("softplus", l1, 0.1, seed, moment, softplus))
    return frame("activation l1 lr seed moment zeros", rows)


def dead(off=0.0):
    """Return counts that are so many standard errors off in one cell."""
    rows = []
    for width, depth in product((2, 3, 4, 5), (2, 5, 10, 20)):
        p = 1 - (1 - 2.0**-width) ** depth
        error = math.sqrt(p * (1 - p) / 2000)
        rows.append((width, depth, 2000, 2000 * (p - off * error * (width == depth - 3 == 2))))
    return frame("width depth networks dead", rows)


def moments(selu=(0.0, 1.0), tanh=0.01):
    rows = []
    for pixels, seed, layer in product((False, True), SEEDS, range(1, 33)):
        rows.append((pixels, "selu", seed, layer, selu[0], 0.3 if pixels else selu[1]))
        rows += [(pixels, name, seed, layer, 0.0, tanh) for name in ("tanh", "elu")]
    return frame("pixels activation seed layer mean variance", rows)


def leaks(difference):
    return errors("activation", relu=3, leaky_relu=3 + difference).assign(dead=0.01)


CASES = [
    (1, saturated(), REPRODUCED),
    (1, saturated(quadratic=(0.89, 0.2034)), FAILED),
    (1, saturated(quadratic=(0.9331, 0.26)), FAILED),
    (1, saturated(ratio=56.8), FAILED),
    (2, saturated(), REPRODUCED),
    (2, saturated(entropy=0.16), FAILED),
    (3, steps([3] * 9 + [1]), REPRODUCED),
    (3, steps([3] * 8 + [1.9] * 2), FAILED),
    (4, errors("output", softmax_ce=3, linear_mse=3.9), REPRODUCED),
    (4, errors("output", softmax_ce=3, linear_mse=4.1), FAILED),
    (4, noisy(errors("output", softmax_ce=3, linear_mse=3.9), "linear_mse", 1), FAILED),
    (5, decay(0.2), REPRODUCED),
    (5, decay(0.35), FAILED),
    (5, decay(0.14), FAILED),
    (5, decay(0.6, bend=-0.075), FAILED),
    (6, variance(), REPRODUCED),
    (6, variance(standard=0.42), FAILED),
    (6, variance(gradients=3.1), FAILED),
    (6, variance(glorot=0.59), FAILED),
    (7, medians(relu=0.4, leaky_relu=0.3, elu=-0.2), REPRODUCED),
    (7, medians(relu=0.4, leaky_relu=[0.3] * 9 + [0.5], elu=-0.2), REPRODUCED),
    (7, medians(relu=0.4, leaky_relu=[0.3] * 8 + [0.5] * 2, elu=-0.2), PARTIAL),
    (7, medians(relu=0.4, leaky_relu=0.3, elu=-0.35), FAILED),
    (8, elu_courses(20, 20), REPRODUCED),
    (8, elu_courses(20, 30), PARTIAL),
    (8, elu_courses(30, 20), FAILED),
    (9, reconstructions(4), REPRODUCED),
    (9, reconstructions(3), PARTIAL),
    (9, reconstructions(2), FAILED),
    (10, errors("activation", relu=3, softplus=2.8), REPRODUCED),
    (10, errors("activation", relu=3, softplus=2.6), FAILED),
    (10, noisy(errors("activation", relu=3, softplus=2.8), "softplus", 1), FAILED),
    (11, zeros(), REPRODUCED),
    (11, zeros(before=0.56), FAILED),
    (11, zeros(penalised=0.6), FAILED),
    (11, zeros(softplus=0.001), FAILED),
    (12, dead(3.4), REPRODUCED),
    (12, dead(3.6), FAILED),
    (13, moments(), REPRODUCED),
    (13, moments(selu=(0.11, 1.0)), FAILED),
    (13, moments(selu=(0.0, 1.31)), FAILED),
    (13, moments(tanh=1.0), FAILED),
    (14, leaks(0.4), REPRODUCED),
    (14, leaks(-0.6), FAILED),
    (15, courses(relu=10, sigmoid=20, tanh=15), REPRODUCED),
    (15, courses(relu=10, sigmoid=20, tanh=9), PARTIAL),
    (15, courses(relu=30, sigmoid=20, tanh=9), FAILED),
]


@pytest.mark.parametrize(
    ("number", "table", "word"), CASES, ids=lambda case: case if isinstance(case, int | str) else ""
)
def test_a_verdict_turns_where_the_claim_says(number, table, word):
    verdict = CLAIMS[number].judge(table)
    assert verdict.word == word, verdict
    assert all(math.isfinite(measure.value) for measure in verdict.measures)


def test_every_claim_is_judged_drawn_and_has_a_table_that_it_fails_on():
    assert set(CLAIMS) == set(range(1, 16))
    assert {number for number, _, word in CASES if word == FAILED} == set(CLAIMS)
    assert {number for number, _, word in CASES if word == REPRODUCED} == set(CLAIMS)
    assert {int(stem[:2]) for stem in DRAWINGS} == set(CLAIMS)
    assert set(TABLES) == set(CLAIMS) - {1, 2, 3, 12}


@pytest.mark.parametrize(
    ("number", "table"), {number: table for number, table, word in CASES if word == REPRODUCED}.items()
)
def test_every_claim_has_a_figure(number, table):
    for stem, draw in DRAWINGS.items():
        if stem.startswith(f"{number:02}"):
            figure = draw(table)
            figure.canvas.draw()
            assert all(ax.get_xlabel() or ax.get_ylabel() or ax.get_title("left") for ax in figure.axes)


def test_nine_of_ten_seeds_are_nearly_all_and_all_of_three():
    assert nearly_all(pd.Series([True] * 9 + [False]))
    assert not nearly_all(pd.Series([True] * 8 + [False] * 2))
    assert nearly_all(pd.Series([True] * 3))
    assert not nearly_all(pd.Series([True] * 2 + [False]))


def test_a_crossing_is_log_linear_between_epochs_and_censored_at_the_last():
    assert crossing(pd.Series([1.0, 0.1, 0.05])) == 1
    assert crossing(pd.Series([10.0, 1.0, 0.01])) == pytest.approx(1.5)
    assert crossing(pd.Series([0.05, 1.0])) == 0
    assert crossing(pd.Series([1.0, 0.5, 0.2])) == 2
    assert crossing(pd.Series([1.0, math.inf, math.nan])) == 2


def test_the_tuned_rate_is_chosen_by_these_replicas_and_never_one_that_diverged():
    rows = [("a", 0.1, 1, "done", 0.5), ("a", 0.3, 1, "done", 0.1), ("a", 0.1, 2, "done", 0.5)]
    rows.append(("a", 0.3, 2, "diverged", math.nan))
    replicas = frame("run lr seed status final_validation_loss", rows)
    assert set(tuned(replicas)["lr"]) == {0.1}
    assert set(tuned(replicas[replicas["seed"] == 1])["lr"]) == {0.3}


def test_the_top_rate_of_the_autoencoders_is_the_largest_at_which_none_diverges(monkeypatch):
    tried = []

    def train(preset, seeds, activation, rates):
        name, rates = activation.partition("=")[2], json.loads(rates.partition("=")[2])
        tried.append((name, rates))
        rows = [
            (
                name,
                rate,
                seed,
                "diverged" if rate > 0.05 or (name, rate, seed) == ("relu", 0.0333, 101) else "done",
                1.0,
            )
            for rate, seed in product(rates, seeds)
        ]
        replicas = frame("activation lr seed status final_test_loss", rows)
        return StudyTables(replicas, replicas, replicas)

    monkeypatch.setattr(studies, "train", train)
    table = TABLES[9](studies.autoencoders((100, 101)))
    assert sorted(table["lr"].unique()) == sorted(fractions(0.01)) == [0.000333, 0.001, 0.00333, 0.01]
    assert len(table) == 4 * 4 * 2
    assert tried[:3] == [("shifted_relu", [1.0]), ("shifted_relu", [0.333]), ("shifted_relu", [0.1])]
    assert ("leaky_relu", [0.0333]) not in tried


def test_a_neuron_takes_the_steps_of_the_closed_recurrence():
    table = neuron()
    for cost, slope in (("quadratic", lambda a: a * a * (1 - a)), ("cross-entropy", lambda a: a)):
        z, expected = 4.0, []
        for _ in range(301):
            a = 1 / (1 + math.exp(-z))
            expected.append((a, slope(a)))
            z -= 2 * 0.15 * slope(a)  # w and b both take a step
        own = table[table["cost"] == cost]
        np.testing.assert_allclose(own[["a", "gradient"]], expected, rtol=1e-12)
    assert CLAIMS[1].judge(table).word == CLAIMS[2].judge(table).word == REPRODUCED
    assert [f"{measure.value:.3f}" for measure in CLAIMS[1].judge(table).measures[:2]] == ["0.933", "0.203"]


def test_networks_are_born_dead_as_often_as_their_probability():
    table = born_dead(networks=300)
    assert len(table) == 16
    p = 1 - (1 - 2.0 ** -table["width"]) ** table["depth"]
    assert (np.abs(table["dead"] / 300 - p) <= 3.5 * np.sqrt(p * (1 - p) / 300)).all()
    assert (table.groupby("width")["dead"].diff().dropna() >= 0).all()


def test_verdicts_of_few_seeds_are_marked_and_every_figure_has_an_interval_or_is_exact():
    table = leaks(0.4)
    full, few = (judge_all({1: saturated(), 14: rows}) for rows in (table, table[table["seed"] < 103]))
    assert [row.word for row in full] == [REPRODUCED, REPRODUCED]
    assert [row.word for row in few] == [REPRODUCED, f"{REPRODUCED} (preliminary)"]
    assert "| 14 | " in claims_md(few)
    assert "(preliminary)" in claims_md(few)
    rows = pd.read_csv(pd.io.common.StringIO(claims_csv(full)))
    assert rows[["value", "low", "high", "threshold", "seeds"]].notna().all(axis=None)
    assert set(rows.loc[rows["number"] == 1, "low"]) == {"exact"}


def test_a_verdict_that_is_not_reproduced_comes_with_a_reason():
    text = claims_md(judge_all({7: medians(relu=0.4, leaky_relu=0.5, elu=-0.2)}))
    assert "\nClaim 7, partial; our best explanation: With a slope of 0.1" in text
    assert "Claim 7" not in claims_md(judge_all({7: medians(relu=0.4, leaky_relu=0.3, elu=-0.2)}))


def test_the_lectures_table_has_its_shape_and_says_what_diverged():
    rows = []
    for activation, epochs, lr, seed in product(("relu", "tanh", "softplus"), (math.nan, 20), (0.1, 0.3), (0, 1)):
        lost = (activation, lr) == ("tanh", 0.1)
        error = 0.02 + 0.01 * (epochs == 20) + 0.001 * seed
        run = f"{activation}{epochs}"
        rows.append((run, "wine", activation, epochs, lr, seed, "diverged" if lost and seed else "done", lr, error))
    names = "run dataset activation pretrain.epochs lr seed status final_validation_loss final_test_error"
    text = lecture.markdown(lecture.errors(frame(names, rows)))
    assert text.splitlines()[:3] == [
        "| measured, test error in % | wine |",
        "| --- | --- |",
        "| relu | 2.05 ± 0.64 |",
    ]
    assert "| softplus, pre-trained | 3.05 ± 0.64 |" in text
    assert "| relu, pre-trained | 1.20 | 49.96 | 32.86 | 16.46 |" in text
    assert "here it lowers 0 of 3 and raises 3" in text
    assert "here on 0 of 1: none" in text
    everything_diverged = frame(names, [(*row[:6], "diverged", *row[7:]) for row in rows])
    assert "| relu | 2 diverged |" in lecture.markdown(lecture.errors(everything_diverged))


def test_the_command_judges_trains_nothing_twice_and_refuses_what_is_no_claim(tmp_path):
    first = python("-m", "experiments.claims", "1", "2", "6", "--quick", cwd=tmp_path)
    assert "6 replicas trained" in first.stdout
    assert "a after 150 steps 0.93" in (tmp_path / "results/claims-quick/claims.md").read_text()
    assert len(list((tmp_path / "results/claims-quick/figures").glob("*.png"))) == 3
    mixed = python(ROOT / "run.py", "+experiment=glorot_2010_tanh", "batch_size=16", "seeds=[100]", cwd=tmp_path)
    assert mixed.returncode == 0
    before = (tmp_path / "results/claims-quick/claims.md").read_text()
    again = python("-m", "experiments.claims", "6", "--quick", cwd=tmp_path)
    assert (tmp_path / "results/claims-quick/claims.md").read_text() == before
    assert "0 replicas trained, 6 were there already" in again.stdout
    assert set(read_tables(tmp_path / "results/claims-quick")) == {1, 2, 6}
    refused = python("-m", "experiments.claims", "16", cwd=tmp_path, code=2)
    assert refused.stderr.startswith("claims: unknown argument '16'")
    (tmp_path / "results/glorot_2010_sigmoid").touch()
    failed = python("-m", "experiments.claims", "5", "1", "--quick", cwd=tmp_path, code=1)
    assert failed.stderr.startswith("claims: claim 5 could not be judged: results cannot be written")
    assert "a after 150 steps" in failed.stdout


REFERENCE = ROOT / "results/reference/claims"


def test_reference_verdicts_follow_from_the_reference_tables_and_are_those_of_the_readme():
    judged = judge_all(read_tables(REFERENCE))
    assert claims_md(judged) == (REFERENCE / "claims.md").read_text()
    assert claims_csv(judged) == (REFERENCE / "claims.csv").read_text()
    assert all("preliminary" not in row.word for row in judged)
    assert summary(judged) in (ROOT / "README.md").read_text()


def test_the_lectures_reference_follows_from_its_errors():
    errors = pd.read_csv(REFERENCE / "lecture.csv")
    assert (errors.groupby(["dataset", "activation", "pretrained"])["seed"].nunique() == 10).all()
    assert lecture.markdown(errors) == (REFERENCE / "lecture.md").read_text()
