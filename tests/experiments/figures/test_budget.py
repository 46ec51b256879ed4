"""Tests of experiments.figures.budget: the curves, and what stands for a diverged trial."""

import numpy as np
import pytest

from experiments.analysis.budget import expected_best, expected_by_run, trials
from tests.experiments.figures.studies import STUDIES, curves, drawings, of


def by_trial(replicas, run):
    rows = replicas[(replicas["run"] == run) & (replicas["purpose"] == "tuning")]
    trials = rows.groupby("lr")[["final_validation_error", "final_test_error"]].mean()
    return trials.mask(rows.groupby("lr")["status"].agg(lambda status: (status != "done").any()), np.inf)


@pytest.mark.parametrize(("study", "scale", "ceiling"), [("trials", 100, 1), ("trials of numbers", 1, np.inf)])
def test_the_curves_are_the_expectations(study, scale, ceiling):
    replicas = STUDIES[study].replicas
    (drawn,) = of("budget", study).values()
    validation, test = (curves(ax) for ax in drawn.axes)
    assert set(validation) == set(test) == set(replicas["run"])
    for run, (n, values) in validation.items():
        trials = by_trial(replicas, run).replace(np.inf, ceiling)
        table = expected_best(*(trials[name].round(12) for name in trials)).replace(np.inf, np.nan)
        np.testing.assert_allclose(n, table["n"])
        np.testing.assert_allclose(values, scale * table["validation"])
        np.testing.assert_allclose(test[run][1], scale * table["test"])


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ("trials", "a diverged trial (1 of 15) counts as 100 %"),
        ("trials of numbers", "a diverged trial (1 of 9) has no error: a curve begins where one certainly finishes"),
    ],
)
def test_the_figure_says_what_a_diverged_trial_counts_as(study, words):
    (drawn,) = of("budget", study).values()
    title = drawn.legends[0].get_title().get_text()
    assert words in title
    assert "mean over 2 tuning seeds" in title


def test_bars_are_the_standard_errors_and_marks_stand_at_the_doublings():
    tables = STUDIES["trials"]
    (drawn,) = of("budget", "trials").values()
    assert "bars ± its standard error" in drawn.legends[0].get_title().get_text()
    expected = expected_by_run(trials(tables.replicas, 1.0)).query("n in (1, 2, 4)")
    for ax, part in zip(drawn.axes, ("validation", "test"), strict=True):
        lengths = [high - low for bars in ax.collections for (_, low), (_, high) in bars.get_segments()]
        assert sorted(lengths) == pytest.approx(sorted(200 * expected[f"{part}_se"]))
        assert all(line.get_markevery() == [0, 1, 3] for line in ax.lines)
    shown = {line.get_marker() for line in drawn.axes[0].lines}
    assert shown == {handle.get_marker() for handle in drawn.legends[0].legend_handles}


def test_one_tuning_seed_has_no_bars_and_the_figure_says_so():
    tables = STUDIES["trials"]
    replicas = tables.replicas[(tables.replicas["purpose"] != "tuning") | (tables.replicas["seed"] == 4)]
    (drawn,) = drawings("budget", tables._replace(replicas=replicas)).values()
    assert not any(len(bars.get_segments()) for ax in drawn.axes for bars in ax.collections)
    assert "one tuning seed says nothing about the uncertainty" in drawn.legends[0].get_title().get_text()


def test_the_command_that_adds_trials_keeps_no_rate():
    (reason,) = of("budget", "three").values()
    line = reason.line("mine", ["digits"], ["dataset=digits", "optimizer.lr=[0.1,0.2]", "seeds=3"])
    assert "tune.trials=16 tune.seeds=2 'tune.space={optimizer.lr: log(1e-4, 1)}' dataset=digits seeds=3" in line
    assert "optimizer.lr=" not in line
