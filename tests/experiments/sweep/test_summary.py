"""The table that closes a sweep."""

import pandas as pd
import pytest
from rich.console import Console

from experiments import tables
from experiments.analysis.statistics import summarise
from experiments.store.collecting import collect
from experiments.sweep.scheduling import train_all
from experiments.sweep.summary import summary
from tests.experiments.studies import store_baselines


def shown_rows(closing):
    """Return the rows of a closing table as text by column, without the seconds."""
    columns = {column.header: list(column.cells) for column in closing.table.columns}
    del columns["seconds"]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def text(closing, width=80):
    """Return what a closing table prints where a line has so many columns."""
    console = Console(width=width)
    with console.capture() as capture:
        for part in filter(None, closing):
            console.print(part)
    return capture.get()


ERROR, NORM = "test error,\nmean ± 95 %", "gradient\nnorm"


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
    closing = summary(study, [diverged, rmse, tanh])
    first, *iris, second, diabetes = shown_rows(closing)
    assert (first["activation"], second["activation"]) == ("iris", "diabetes")
    assert iris[0] == {
        "activation": "* tanh",
        "output": "softmax_ce",
        "lr": "0.05 (highest of 1e-09 and 0.05)",
        "seeds": "3",
        ERROR: f"{100 * mean:.2f} ± {100 * (high - low) / 2:.2f} %",
        NORM: f"{gradient[tanh, 0.05]:.3g}",
    }
    assert diabetes[ERROR] == f"{error.loc[(rmse, 0.01), 'mean']:.3g} RMSE"
    assert diabetes[NORM] == f"{gradient[rmse, 0.01]:.3g}"
    assert (iris[1]["lr"], iris[1]["seeds"], iris[1][ERROR]) == ("1e+20", "2", "2 diverged")


def test_rows_are_sorted_by_error_with_diverged_networks_last_and_the_lowest_is_marked(jobs):
    names = ("relu", "tanh", "elu", "silu")
    sweep = jobs(*([f"activation={name}"] for name in names))
    train_all(sweep)
    study = sweep[0].study
    collect(study)
    path = study.folder / "replicas.csv"
    replicas = tables.read(path)
    errors = {"relu": [0.3, 0.3], "tanh": [0.1, 0.3], "elu": [0.2, 0.2], "silu": [0.0, 0.0]}
    for name, values in errors.items():
        replicas.loc[replicas["activation"] == name, "final_test_error"] = values
    replicas.loc[(replicas["activation"] == "silu") & (replicas["seed"] == 1), "status"] = "diverged"
    replicas.to_csv(path, index=False)
    closing = summary(study, [job.run for job in sweep])
    assert [row["activation"] for row in shown_rows(closing)] == ["* tanh", "* elu", "  relu", "  silu"]
    order = "Sorted by mean test error, diverged networks last; * marks the lowest."
    assert closing.note == f"{order} 1 of 8 networks diverged, at the learning rate 0.05."


def test_what_all_conditions_have_in_common_stands_above_once(jobs):
    sweep = jobs(["activation=tanh", "seeds=2"], ["activation=relu", "seeds=2"])
    train_all(sweep)
    collect(sweep[0].study)
    runs = [job.run for job in sweep]
    both, one = (summary(sweep[0].study, part) for part in (runs, runs[:1]))
    assert both.heading == "study default: iris, softmax_ce, learning rate 0.05, 2 seeds"
    assert one.heading == "study default: tanh, iris, softmax_ce, learning rate 0.05, 2 seeds"
    assert [column.header for column in both.table.columns] == ["activation", ERROR, NORM, "seconds"]
    assert (one.note, shown_rows(one)[0].keys()) == ("", {ERROR, NORM})


def test_the_table_fits_80_columns_and_cuts_nothing(jobs):
    sweep = jobs(
        *(
            [f"activation={name}", "optimizer.lr=[0.01,0.1,1]", "output=softmax_mse"]
            for name in ("relu", "shifted_relu")
        ),
        ["activation=shifted_relu", "net.output_bias=0.125", "net.dropout=0.25", "seeds=3", "dataset=moons"],
        ["activation=shifted_relu", "dataset=moons"],
    )
    train_all(sweep)
    collect(sweep[0].study)
    lines = text(summary(sweep[0].study, [job.run for job in sweep])).splitlines()
    assert max(map(len, lines)) <= 80
    printed = "".join("".join(lines).split())
    assert "net.output_bias=0.125" in printed
    assert "(highestof" in printed or "of0.01to1)" in printed


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
        closing = summary(job.study, [job.run])
        rate, _, seeds = closing.heading.partition("learning rate ")[2].rpartition(", ")
        return {"lr": rate, "seeds": seeds, "error": shown_rows(closing)[0][ERROR]}

    return row


def test_the_rate_stands_with_what_was_tried_and_is_marked_at_an_edge(shown):
    assert shown(chosen=0.1)["lr"] == "0.1 (of 0.01 to 1)"
    assert shown(chosen=1.0)["lr"] == "1 (highest of 0.01 to 1)"
    assert shown(chosen=0.01)["lr"] == "0.01 (lowest of 0.01 to 1)"
    assert shown(chosen=0.01, tried=(0.01, 0.1))["lr"] == "0.01 (lowest of 0.01 and 0.1)"
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
    assert (row["seeds"], row["error"]) == ("3 seeds", "20.00 % (0.00 to 44.84)")
    row = shown((0.5, 0.1), tuning=(0, 1), chosen=1.0)
    assert row == {"lr": "1 (highest of 0.01 to 1)", "seeds": "0 seeds", "error": "not trained at this rate"}


def test_the_grid_is_that_of_the_seeds_that_choose(jobs):
    (job,) = jobs(["optimizer.lr=[0.01,0.1]", "tune.seeds=1", "epochs=1"])
    train_all([job])
    (more,) = jobs(["optimizer.lr=1.0", "epochs=1"])
    train_all([more])
    collect(job.study)
    assert " of 0.01 and 0.1), 2 seeds" in summary(job.study, [job.run]).heading


def test_a_grid_that_all_conditions_share_stands_above_the_chosen_rates(jobs):
    sweep = jobs(*([f"activation={name}", "optimizer.lr=[1e-9,0.01,1e20]"] for name in ("relu", "tanh")))
    train_all(sweep)
    study = sweep[0].study
    collect(study)
    replicas = tables.read(study.folder / "replicas.csv")
    best = (replicas["activation"] == "relu") & (replicas["lr"] == 0.01)
    replicas["final_validation_error"] = (replicas["lr"] != 1e-9).astype(float).where(~best, -1.0)
    replicas["selected"] = tables.selected(replicas)
    replicas.to_csv(study.folder / "replicas.csv", index=False)
    closing = summary(study, [job.run for job in sweep])
    assert closing.heading == "study default: iris, softmax_ce, 2 seeds, learning rates 1e-09 to 1e+20"
    assert sorted(row["lr"] for row in shown_rows(closing)) == ["0.01", "1e-09 (lowest)"]


def test_networks_that_diverged_at_any_rate_are_counted_below_the_table(jobs):
    sweep = jobs(["optimizer.lr=[0.05,1e20]", "output=linear_mse"], ["activation=tanh", "optimizer.lr=0.05"])
    train_all(sweep)
    collect(sweep[0].study)
    both = summary(sweep[0].study, [job.run for job in sweep])
    assert both.note.endswith("2 of 6 networks diverged, at the learning rate 1e+20.")
    assert "diverged" not in summary(sweep[0].study, [sweep[1].run]).note


def test_networks_without_training_are_named_so(jobs):
    (job,) = jobs(["epochs=0"])
    train_all([job])
    collect(job.study)
    (row,) = shown_rows(summary(job.study, [job.run]))
    assert row[ERROR].endswith(" %, untrained")


def test_diverged_replicas_are_counted(shown):
    assert shown((0.1, 0.1), status="diverged")["error"] == "2 diverged"


def test_two_tasks_of_one_data_set_are_told_apart(jobs):
    sweep = jobs(["dataset=moons"], ["dataset=moons", "dataset.noise=0.4"])
    train_all(sweep)
    collect(sweep[0].study)
    closing = summary(sweep[0].study, [job.run for job in sweep])
    assert [row["dataset"] for row in shown_rows(closing)] == ["moons, noise=0.2", "moons, noise=0.4"]


def test_the_best_simple_model_that_a_report_has_stored_is_a_marked_row_at_its_place(jobs):
    sweep = jobs(["activation=relu"], ["activation=tanh"])
    train_all(sweep)
    study, runs = sweep[0].study, [job.run for job in sweep]
    collect(study)
    assert "°" not in text(summary(study, runs))
    # Neither the model that ignores the inputs nor the one with a hidden layer is a simple model.
    store_baselines(
        study, {"majority class": 0.0, "MLP by L-BFGS": 0.0, "linear SVM": 0.002, "softmax regression": 0.1}
    )
    both, one = summary(study, runs), summary(study, runs[:1])
    first, *networks = shown_rows(both)
    assert first == {"activation": "° linear SVM", ERROR: "0.20 % (all equal)", NORM: ""}
    assert sorted(row["activation"][0] for row in networks) == [" ", "*"]
    assert both.note.endswith("* marks the best network, ° the best simple model on the same splits.")
    assert [row["activation"] for row in shown_rows(one)] == ["° linear SVM", "  relu"]
    assert one.note == "Sorted by mean test error; ° marks the best simple model on the same splits."
    assert both.heading == "study default: iris, softmax_ce, learning rate 0.05, 2 seeds"

    more = jobs(["activation=relu", "seeds=3"])
    train_all(more)
    collect(study)
    assert "°" not in text(summary(study, runs)), "a split without simple models"


def test_each_data_set_has_its_best_simple_model(jobs):
    sweep = jobs(["dataset=iris"], ["dataset=diabetes"])
    train_all(sweep)
    study = sweep[0].study
    collect(study)
    store_baselines(study, {"softmax regression": 0.1, "least squares": 0.2})
    rows = [row["activation"] for row in shown_rows(summary(study, [job.run for job in sweep]))]
    assert [row.partition(",")[0] for row in (rows[0], rows[3])] == ["iris", "diabetes"]
    assert sorted(rows[1:3]) == ["  relu", "° softmax regression"]
    assert sorted(rows[4:]) == ["  relu", "° least squares"]


def test_names_of_data_sets_stay_on_one_line(jobs):
    names = ("breast_cancer", "diabetes", "iris")
    sweep = jobs(*([f"dataset={name}", "optimizer.lr=[0.00012345,0.6598]", "epochs=1"] for name in names))
    train_all(sweep)
    study = sweep[0].study
    collect(study)
    closing = summary(study, [job.run for job in sweep])
    assert "output" not in {column.header for column in closing.table.columns}, "it follows from the data set"
    lines = text(closing).splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line.split()} >= set(names)
