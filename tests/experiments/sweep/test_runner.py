"""What surrounds a sweep: its plan, the live view's numbers, its closing table, and a recorded run made again."""

import json

import pytest

from experiments import tables
from experiments.analysis.statistics import summarise
from experiments.config.errors import ConfigError
from experiments.store.collecting import collect
from experiments.store.files import fingerprint
from experiments.store.study import Study
from experiments.sweep import planning
from experiments.sweep.jobs import Job, run_job
from experiments.sweep.planning import epoch_cost, plan, recorded_runs, table_rows
from experiments.sweep.progress import tally
from experiments.sweep.reproduce import reproduce
from experiments.sweep.summary import summary

SMALL = ("dataset=iris", "net.hidden=[4]", "epochs=3", "seeds=2")


@pytest.fixture
def jobs(settings, tmp_path, monkeypatch):
    """Return a function from command lines to their jobs, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return lambda *lines: [Job.of(settings(*SMALL, *line), line) for line in lines]


def train(jobs):
    for job in jobs:
        run_job(job.settings, job.study, job.overrides)


def test_a_plan_counts_and_writes_nothing(jobs, tmp_path):
    lines = plan(jobs(["activation=relu"], ["activation=tanh", "optimizer.lr=[0.1,0.2]"])).splitlines()
    assert lines[0] == "2 conditions, 6 replicas: 0 are there already, 6 to train"
    assert "no run is recorded yet" in lines[1]
    assert not list(tmp_path.iterdir())


def test_a_plan_is_judged_by_the_most_similar_recorded_run(jobs, monkeypatch):
    train(jobs(["activation=relu"], ["activation=tanh"]))
    (job,) = jobs(["activation=tanh", "seeds=5", "epochs=30"])
    hour = 3600 / (epoch_cost(job.settings) * 5 * 30)
    speed = {"relu": 9 * hour, "tanh": 3 * hour}
    runs = [run._replace(seconds=speed[run.settings.activation.name]) for run in recorded_runs([job.study])]
    monkeypatch.setattr(planning, "recorded_runs", lambda studies: runs)
    assert "time: about 3.0 hours in one process, judged by 2 recorded runs" in plan([job])


def test_a_recorded_run_gives_its_time_and_size_in_proportion(jobs):
    (job,) = jobs(["activation=relu"])
    train([job])
    (run,) = recorded_runs([job.study])
    files = job.folder.read().files
    assert table_rows(job.settings) == 4 * 3
    assert run.bytes * 2 * 4 * 3 == pytest.approx(sum(len(files[name]) for name in files if name.endswith("csv")))
    total = float(files["timing.csv"].decode().splitlines()[1].split(",")[7])
    assert run.seconds * epoch_cost(job.settings) * 2 * 3 == pytest.approx(total)


def test_nothing_to_train_needs_no_time(jobs):
    train(jobs(["activation=relu"]))
    assert plan(jobs(["activation=relu"])) == "1 conditions, 2 replicas: 2 are there already, 0 to train"


def test_the_live_view_counts_what_jobs_note(jobs):
    waiting, running, done, failed = each = jobs(*([f"activation={name}"] for name in ("relu", "tanh", "elu", "selu")))
    running.study.marks.write(running.run, "running", 4)
    done.study.marks.write(done.run, "ended")
    failed.study.marks.write(failed.run, "ended")
    failed.folder.record_failure("ValueError: no", {})
    counts, epochs = tally(each)
    assert counts == {"waiting": 1, "running": 1, "done": 1, "failed": 1}
    assert epochs == 4 + 6 + 6
    assert waiting.work == 6


def test_finished_replicas_without_networks_are_counted_where_they_are_trained_again(jobs):
    train(jobs(["activation=relu", "save=false"]))
    (job,) = jobs(["activation=relu", "save=true", "seeds=[1,2]"])
    assert job.missing == ((0.05, 1), (0.05, 2))
    assert job.repeated == 1


def cells(table):
    """Return the rows of a closing table as text, without the seconds."""
    return [list(row)[:-1] for row in zip(*(column.cells for column in table.columns), strict=True)]


def test_the_closing_table_shows_each_condition_at_its_selected_rate(jobs):
    sweep = jobs(
        ["activation=tanh", "optimizer.lr=[1e-9,0.05]", "seeds=3"],
        ["dataset=diabetes", "optimizer.lr=0.01"],
        ["output=linear_mse", "optimizer.lr=1e20"],
    )
    train(sweep)
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


@pytest.mark.parametrize("line", [["activation=maxout"], ["activation=formula"], ["dataset=moons", "optimizer=adam"]])
def test_a_recorded_run_is_reproduced_bit_for_bit(jobs, capsys, line):
    (job,) = jobs([*line, "optimizer.lr=[0.01,0.02]"])
    train([job])
    assert reproduce(job.folder.path) == 0
    printed = capsys.readouterr().out.splitlines()
    tables = [printed_line.split(".csv")[0] for printed_line in printed]
    assert tables == [f"identical  {name}" for name in ("history", "layers", "replicas", "confusion")]


def test_a_run_that_cannot_be_reproduced_says_where_it_differs(jobs, capsys):
    (job,) = jobs(["activation=relu"])
    train([job])
    folder = job.folder.path
    path = folder / "history.csv"
    rows = path.read_bytes().splitlines()
    rows[3] = rows[3][:-3] + b"999"
    path.write_bytes(b"\n".join([*rows, b""]))
    status = json.loads((folder / "status.json").read_text())
    status["files"]["history.csv"] = fingerprint("history.csv", path.read_bytes())
    (folder / "status.json").write_text(json.dumps(status))
    assert reproduce(folder) == 1
    printed = capsys.readouterr().out
    assert "differs    history.csv, first in line 4:" in printed
    assert printed.count("identical") == 3


@pytest.mark.parametrize("damage", ["missing", "renamed", "damaged"])
def test_only_an_intact_run_is_reproduced(jobs, damage):
    (job,) = jobs(["activation=relu"])
    folder = job.folder.path
    if damage != "missing":
        train([job])
    if damage == "renamed":
        folder = folder.rename(folder.with_name("iris-relu-softmax_ce-0000000000"))
    if damage == "damaged":
        (folder / "history.csv").write_bytes(b"")
    with pytest.raises(ConfigError, match=folder.name):
        reproduce(folder)


def test_a_study_counts_as_the_name_of_its_folder(jobs):
    (job,) = jobs(["activation=relu"])
    train([job])
    assert Study("default").run(job.run).read().missing(job.settings) == ()
    assert Study("other").run(job.run).read().missing(job.settings) == ((0.05, 0), (0.05, 1))
