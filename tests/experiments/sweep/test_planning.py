"""What a sweep would take."""

import pytest

from experiments.sweep import planning
from experiments.sweep.jobs import disjoint
from experiments.sweep.planning import epoch_cost, plan, recorded_runs, table_rows
from experiments.sweep.scheduling import train_all


def test_a_plan_counts_and_writes_nothing(jobs, tmp_path):
    lines = plan(jobs(["activation=relu"], ["activation=tanh", "optimizer.lr=[0.1,0.2]"])).splitlines()
    assert lines[0] == "2 conditions, 6 replicas: 0 are there already, 6 to train"
    assert "no recorded run yet" in lines[1]
    assert not list(tmp_path.iterdir())


def test_a_plan_is_judged_by_the_most_similar_recorded_run(jobs, monkeypatch):
    train_all(jobs(["activation=relu"], ["activation=tanh"]))
    (job,) = jobs(["activation=tanh", "seeds=5", "epochs=30"])
    hour = 3600 / (epoch_cost(job.settings) * 5 * 30)
    speed = {"relu": 9 * hour, "tanh": 3 * hour}
    runs = [run._replace(seconds=speed[run.settings.activation.name]) for run in recorded_runs([job.study])]
    monkeypatch.setattr(planning, "recorded_runs", lambda studies: runs)
    assert "time: about 3.0 hours in one process, estimated from 2 recorded runs" in plan([job])


def test_a_plan_says_that_its_runs_are_of_another_data_set_and_does_not_multiply_their_overhead_by_the_rows(jobs):
    train_all(jobs(["activation=relu"]))
    small, large = jobs(["activation=relu", "seeds=3"], ["activation=relu", "dataset=digits"])
    assert "rough" not in plan([small])
    assert "estimated from 1 recorded run; none of them is of digits, so the time is rough" in plan([small, large])
    rows = [len(job.settings.data.inputs) * (job.settings.weights + 2000) for job in (small, large)]
    assert epoch_cost(large.settings) / epoch_cost(small.settings) < 0.3 * rows[1] / rows[0]


def test_a_recorded_run_gives_its_time_and_size_in_proportion(jobs):
    for line in (["optimizer.lr=0.1", "seeds=1"], ["optimizer.lr=0.2", "seeds=2"]):
        (job,) = jobs(line)
        train_all([job])
    (run,) = recorded_runs([job.study])
    files = job.folder.read().files
    assert table_rows(job.settings) == 4 * 3
    assert run.bytes * 3 * 4 * 3 == pytest.approx(sum(len(files[name]) for name in files if name.endswith("csv")))
    total = sum(float(line.split(",")[7]) for line in files["timing.csv"].decode().splitlines()[1:])
    assert run.seconds * epoch_cost(job.settings) * 3 * 3 == pytest.approx(total)


def test_nothing_to_train_needs_no_time(jobs):
    train_all(jobs(["activation=relu"]))
    assert plan(jobs(["activation=relu"])) == "1 condition, 2 replicas: 2 are there already, 0 to train"


def test_replicas_that_several_jobs_share_are_counted_once(jobs):
    shared = jobs(["seeds=[0,1]"], ["seeds=[1,2]"], ["seeds=[0,2]"], ["activation=elu", "seeds=[1]"])
    assert plan(shared).splitlines()[0] == "2 conditions, 4 replicas: 0 are there already, 4 to train"
    assert [len(job.missing) for job in disjoint(shared)] == [2, 1, 0, 1]
    train_all(shared[:1])
    shared = jobs(["seeds=[0,1]"], ["seeds=[1,2]"])
    assert plan(shared).splitlines()[0] == "1 condition, 3 replicas: 2 are there already, 1 to train"


def test_replicas_that_follow_a_tuning_are_counted_once(jobs):
    grid = ["optimizer.lr=[0.1,0.2]", "tune.seeds=[10,11]"]
    shared = jobs([*grid, "seeds=[0,1]"], [*grid, "seeds=[1,2]"])
    assert plan(shared).splitlines()[0] == "1 condition, 7 replicas: 0 are there already, 4 to tune, 3 to report"
