"""The table that closes a sweep."""

from experiments import tables
from experiments.analysis.statistics import summarise
from experiments.store.collecting import collect
from experiments.sweep.runner import run_here
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
    run_here(sweep)
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
    assert rows[0] == ["tanh", "iris", "softmax_ce", "0.05", "3", percent, f"{gradient[tanh, 0.05]:.3g}"]
    assert rows[1][1:4] == ["diabetes", "linear_mse", "0.01"]
    assert rows[1][4:] == ["2", f"{error.loc[(rmse, 0.01), 'mean']:.2f} RMSE", f"{gradient[rmse, 0.01]:.3g}"]
    assert rows[2][1:6] == ["iris", "linear_mse", "1e+20", "2", "2 diverged"]
