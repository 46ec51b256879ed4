"""The table that closes a sweep."""

import pandas as pd
import pytest

from experiments import tables
from experiments.analysis.statistics import summarise
from experiments.store.collecting import collect
from experiments.sweep.scheduling import train_all
from experiments.sweep.summary import summary


def cells(table):
    """Return the rows of a closing table as text, without the seconds."""
    return [list(row)[:-1] for row in zip(*(column.cells for column in table.columns), strict=True)]


def test_the_closing_table_shows_each_condition_at_its_selected_rate(jobs):
    sweep = jobs(
        ["activation=tanh", "optimizer.lr=[1e-9,0.05]", "seeds=3"],
        ["dataset=diabetes", "optimizer.lr=0.01"],
        ["output=linear_mse", "optimizer.lr=1e20"],
    )
    train_all(sweep)
    study = sweep[0].study
    collect(study)
    history, replicas = (tables.read(study.folder / f"{name}.csv") for name in ("history", "replicas"))
    gradient = history[history["epoch"] == 3].groupby(["run", "lr"])["gradient_norm"].mean()
    error = summarise(replicas, ["run", "lr"], "final_test_error").set_index(["run", "lr"])
    (study.folder / "history.csv").unlink()  # the table needs only the histories of its own runs

    tanh, rmse, diverged = (job.run for job in sweep)
    mean, low, high = error.loc[(tanh, 0.05), ["mean", "low", "high"]]
    percent = f"{100 * mean:.2f} ± {100 * (high - low) / 2:.2f} %"
    rows = cells(summary(study, [tanh, rmse, diverged]))
    rate = "0.05, highest of 1e-09, 0.05"
    assert rows[0] == ["tanh", "iris", "softmax_ce", rate, "3", percent, f"{gradient[tanh, 0.05]:.3g}"]
    assert rows[1][1:4] == ["diabetes", "linear_mse", "0.01"]
    assert rows[1][4:] == ["2", f"{error.loc[(rmse, 0.01), 'mean']:.3g} RMSE", f"{gradient[rmse, 0.01]:.3g}"]
    assert rows[2][1:6] == ["iris", "linear_mse", "1e+20", "2", "2 diverged"]


@pytest.fixture
def shown(jobs):
    """Return a function that gives one condition's errors and rates, and returns its row of the closing table."""
    (job,) = jobs(["optimizer.lr=[0.01,0.1]", "seeds=3"])
    train_all([job])
    collect(job.study)
    path = job.study.folder / "replicas.csv"
    replicas = tables.read(path)

    def row(
        errors=(0.1, 0.2, 0.3), chosen=0.1, tried=(0.01, 0.1, 1.0), task="classification", tuning=(), status="done"
    ):
        rows = []
        for rate in tried:
            for seed, error in enumerate(errors):
                purpose = "tuning" if seed in tuning else "report"
                loss = float(rate != chosen)
                rows.append({"lr": rate, "seed": seed, "purpose": purpose, "final_test_error": error, "status": status})
                rows[-1] |= {"final_validation_error": loss, "final_validation_loss": loss, "task": task}
        frame = pd.DataFrame(rows)
        others = replicas.drop(columns=frame.columns).iloc[[0] * len(frame)].reset_index(drop=True)
        frame = pd.concat([others, frame], axis=1)[replicas.columns]
        frame["selected"] = tables.selected(frame)
        frame.to_csv(path, index=False)
        ((_, dataset, _, rate, seeds, error, _),) = cells(summary(job.study, [job.run]))
        return {"dataset": dataset, "lr": rate, "seeds": seeds, "error": error}

    return row


def test_the_rate_stands_with_its_grid_and_is_marked_at_an_edge(shown):
    assert shown(chosen=0.1)["lr"] == "0.1 of 0.01…1"
    assert shown(chosen=1.0)["lr"] == "1, highest of 0.01…1"
    assert shown(chosen=0.01)["lr"] == "0.01, lowest of 0.01…1"
    assert shown(chosen=0.01, tried=(0.01, 0.1))["lr"] == "0.01, lowest of 0.01, 0.1"
    assert shown(chosen=0.1, tried=(0.1,))["lr"] == "0.1"


def test_an_interval_needs_three_different_seeds_and_stays_within_what_is_possible(shown):
    for errors, text in (
        ((0.1,), "10.00 %"),
        ((0.1, 0.2), "15.00 %"),
        ((0.1, 0.1), "10.00 % (all equal)"),
        ((0.1, 0.1, 0.1), "10.00 % (all equal)"),
        ((0.09, 0.1, 0.11), "10.00 ± 2.48 %"),
        ((0.0, 0.01, 0.02), "1.00 % (0.00 to 3.48)"),
        ((0.98, 0.99, 1.0), "99.00 % (96.52 to 100.00)"),
    ):
        assert shown(errors)["error"] == text


def test_an_error_in_the_unit_of_the_target_has_three_digits(shown):
    for errors, text in (
        ((50.0, 52.0, 54.0), "52.0 ± 5.0 RMSE"),
        ((0.0050, 0.0052, 0.0054), "0.00520 ± 0.00050 RMSE"),
        ((5e9, 5e9), "5e+09 RMSE (all equal)"),
        ((0.0, 0.0), "0 RMSE (all equal)"),
        ((1.0, 2.0, 6.0), "3.00 RMSE (0.00 to 9.57)"),
    ):
        assert shown(errors, task="regression")["error"] == text


def test_of_a_tuned_condition_the_reported_seeds_are_counted(shown):
    row = shown((0.5, 0.1, 0.2, 0.3), tuning=(0,))
    assert (row["seeds"], row["error"]) == ("3", "20.00 % (0.00 to 44.84)")
    row = shown((0.5, 0.1), tuning=(0, 1), chosen=1.0)
    assert row == {"dataset": "iris", "lr": "1, highest of 0.01…1", "seeds": "0", "error": "not trained at this rate"}


def test_the_grid_is_that_of_the_seeds_that_choose(jobs):
    (job,) = jobs(["optimizer.lr=[0.01,0.1]", "tune.seeds=1", "epochs=1"])
    train_all([job])
    (more,) = jobs(["optimizer.lr=1.0", "epochs=1"])
    train_all([more])
    collect(job.study)
    ((_, _, _, rate, *_),) = cells(summary(job.study, [job.run]))
    assert rate.endswith("of 0.01, 0.1")


def test_networks_that_diverged_at_any_rate_are_counted_below_the_table(jobs):
    sweep = jobs(["optimizer.lr=[0.05,1e20]", "output=linear_mse"], ["activation=tanh", "optimizer.lr=0.05"])
    train_all(sweep)
    collect(sweep[0].study)
    both = summary(sweep[0].study, [job.run for job in sweep])
    assert both.caption == "2 of 6 networks diverged, at the learning rate 1e+20."
    assert summary(sweep[0].study, [sweep[1].run]).caption is None


def test_networks_without_training_are_named_so(jobs):
    (job,) = jobs(["epochs=0"])
    train_all([job])
    collect(job.study)
    ((*_, error, _),) = cells(summary(job.study, [job.run]))
    assert error.endswith(" %, untrained")


def test_diverged_replicas_are_counted(shown):
    assert shown((0.1, 0.1), status="diverged")["error"] == "2 diverged"


def test_two_tasks_of_one_data_set_are_told_apart(jobs):
    sweep = jobs(["dataset=moons"], ["dataset=moons", "dataset.noise=0.4"])
    train_all(sweep)
    collect(sweep[0].study)
    assert [row[1] for row in cells(summary(sweep[0].study, [job.run for job in sweep]))] == [
        "moons, noise=0.2",
        "moons, noise=0.4",
    ]
