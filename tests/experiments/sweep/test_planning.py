"""What a sweep would take."""

import os
import re
import time

import pytest

from experiments.sweep import planning
from experiments.sweep.jobs import disjoint
from experiments.sweep.planning import epoch_cost, plan, probe, recorded_runs, table_rows
from experiments.sweep.scheduling import train_all
from experiments.training.run import train


@pytest.fixture
def short_probe(monkeypatch):
    monkeypatch.setattr(planning, "PROBE", 0.001)


def planned(jobs, workers):
    return "\n".join(plan(jobs, workers))


def test_a_plan_counts_and_writes_nothing(jobs, tmp_path, short_probe):
    lines = list(plan(jobs(["activation=relu"], ["activation=tanh", "optimizer.lr=[0.1,0.2]"]), 1))
    assert lines[0] == "2 conditions, 6 replicas: 0 are there already, 6 to train"
    assert re.fullmatch(
        r"time: less than a second with 1 worker, estimated from a few steps of iris-tanh-softmax_ce-\w+", lines[1]
    )
    assert re.fullmatch(r"disk: less than 0\.1 MB, .*", lines[2])
    assert not list(tmp_path.iterdir())


def test_a_plan_counts_before_it_probes(jobs, monkeypatch):
    probed = []
    monkeypatch.setattr(planning, "probe", lambda job: probed.append(job) or 1.0)
    lines = plan(jobs(["activation=relu"]), 1)
    assert next(lines) == "1 condition, 2 replicas: 0 are there already, 2 to train"
    assert not probed
    assert next(lines).startswith("time: about ")
    assert len(probed) == 1


@pytest.mark.parametrize(
    "line",
    [
        ["diagnostics.layers=false", "class_weight=balanced", "optimizer=adam"],
        ["dataset=diabetes", "net.hidden=[]"],
        ["task=autoencode", "pretrain.epochs=1"],
        ["optimizer.lr=[0.1,1e30]", "tune.seeds=2"],
        ["activation=maxout", "diagnostics.sharpness=true"],
    ],
)
def test_every_condition_can_be_probed_and_the_memory_has_no_trace_of_it(jobs, short_probe, line):
    (job,) = jobs(line)
    assert 0 < probe(job) * epoch_cost(job.settings) < 60
    assert job.missing == jobs(line)[0].missing


def test_a_plan_is_judged_by_the_most_similar_recorded_runs_of_all_studies(jobs, monkeypatch):
    hour = 3600 / (epoch_cost(jobs(["activation=tanh"])[0].settings) * 5 * 30)
    hours = iter([1, 4, 20, 2])
    for line in (
        ["activation=tanh", "net.hidden=[5]"],
        ["activation=tanh"],
        ["activation=tanh", "study=other"],
        ["activation=tanh", "study=third"],
    ):
        (job,) = jobs(line)
        train_all([job])
        retime(job, next(hours) * hour * epoch_cost(job.settings) * 2 * 3)
    monkeypatch.setattr(planning.joblib, "cpu_count", lambda: 2)
    (job,) = jobs(["activation=tanh", "study=new", "seeds=5", "epochs=30"])
    assert "time: about 4.0 hours with 1 worker, estimated from 4 recorded runs" in planned([job], 1)
    assert "time: about 2.0 hours with 2 workers, estimated from 4 recorded runs" in planned([job], 2)
    assert "time: about 2.0 hours with 16 workers on 2 cores, estimated" in planned([job], 16)


def test_a_plan_for_workers_that_are_not_known_is_for_one(jobs, short_probe):
    assert "\ntime: less than a second for one worker, estimated" in planned(jobs([]), None)


def test_a_plan_without_epochs_takes_no_time(jobs):
    assert "time: less than a second with 1 worker" in planned(jobs(["epochs=0", "schedule=cosine"]), 1)


def test_a_probe_measures_sharpness_metrics_and_an_epoch_of_pretraining(jobs, short_probe, monkeypatch):
    def seconds(*words):
        (job,) = jobs(["seeds=1", *words])
        return probe(job) * epoch_cost(job.settings)

    def work():
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass

    monkeypatch.setattr("experiments.training.diagnostics.sharpness", lambda *_: work())
    assert seconds("diagnostics.sharpness=true") > 0.1
    monkeypatch.setattr("experiments.training.evaluation.class_metrics", lambda *_: work() or {})
    assert seconds("metrics.every_epoch=true") > 0.1
    epochs = []
    monkeypatch.setattr(
        "experiments.training.pretraining.pretrain",
        lambda stack: work() or epochs.append(stack.settings.pretrain.epochs),
    )
    assert seconds("pretrain.epochs=300") > 0.1 * 300 / 3
    assert epochs == [1]


@pytest.mark.parametrize("word", ["diagnostics.sharpness=true", "pretrain.epochs=2", "metrics.every_epoch=true"])
def test_a_plan_is_judged_by_runs_that_measure_and_pretrain_the_same(jobs, word):
    for words, hours in ([[], 1], [[word, "net.hidden=[5]"], 4]):
        (job,) = jobs(words)
        train_all([job])
        retime(job, hours * 3600 * epoch_cost(job.settings) / epoch_cost(jobs([word])[0].settings))
    assert "time: about 4.0 hours with 1 worker" in planned(jobs([word]), 1)


def retime(job, seconds):
    path = job.folder.path / "timing.csv"
    header, row = (line.split(",") for line in path.read_text().splitlines())
    row[header.index("total")] = repr(seconds)
    path.write_text("\n".join([",".join(header), ",".join(row), ""]))


def test_a_plan_takes_off_what_checkpoints_have(jobs):
    (job,) = jobs(["activation=tanh"])
    train_all([job])
    retime(job, 2 * 3600)
    (job,) = jobs(["study=interrupted", "activation=tanh", "seeds=4", "checkpoint.every=2"])
    train(job.settings, job.missing[:3], keep=job.folder.keep_checkpoint)
    first, time = list(plan([job], 1))[:2]
    assert first.endswith("0 are there already, 4 to train, of which 3 continue from checkpoints")
    assert time.startswith("time: about 2.0 hours with")  # 4 · 3 epochs, of which 3 · 2 are trained
    (job,) = jobs(["study=interrupted", "activation=tanh", "seeds=4", "force=true"])
    first, time = list(plan([job], 1))[:2]
    assert first.endswith("4 to train")
    assert time.startswith("time: about 4.0 hours with")


def test_runs_of_another_machine_or_of_threads_say_nothing(jobs, monkeypatch):
    (job,) = jobs(["activation=relu"])
    train_all([job])
    assert len(recorded_runs([job])) == 1
    path = job.folder.path / "timing.csv"
    one = path.read_text()
    path.write_text(one.replace(",3,1,", ",3,4,"))
    assert not recorded_runs([job])
    path.write_text(one)
    monkeypatch.setattr(planning, "processor", lambda: "another")
    assert not recorded_runs([job])


def test_runs_that_may_have_stopped_early_say_nothing(jobs):
    (job,) = jobs(["early_stopping.patience=1"])
    train_all([job])
    assert not recorded_runs([job])


def test_only_the_newest_runs_of_a_data_set_are_looked_at(jobs, monkeypatch):
    monkeypatch.setattr(planning, "NEWEST", 2)
    trained = jobs(["activation=relu"], ["activation=elu"], ["activation=tanh"], ["dataset=moons"])
    train_all(trained)
    for age, job in enumerate(trained):
        os.utime(job.folder.path / "status.json", (1000 - age, 1000 - age))
    names = [run.settings.activation.name for run in recorded_runs(trained[:1])]
    assert names == ["relu", "elu"]
    assert [run.settings.data.name for run in recorded_runs(trained[3:])] == ["moons"]
    assert len(recorded_runs(jobs(["dataset=wine"]))) == 3


def test_a_plan_says_that_its_runs_are_of_another_data_set_and_does_not_multiply_their_overhead_by_the_rows(jobs):
    train_all(jobs(["activation=relu"]))
    small, large = jobs(["activation=relu", "seeds=3"], ["activation=relu", "dataset=digits"])
    assert "rough" not in planned([small], 1)
    assert "estimated from 1 recorded run; none of them is of digits, so the time is rough" in planned(
        [small, large], 1
    )
    rows = [len(job.settings.data.inputs) * (job.settings.weights + 2000) for job in (small, large)]
    assert epoch_cost(large.settings) / epoch_cost(small.settings) < 0.3 * rows[1] / rows[0]


def test_a_recorded_run_gives_its_time_and_size_in_proportion(jobs):
    for line in (["optimizer.lr=0.1", "seeds=1"], ["optimizer.lr=0.2", "seeds=2"]):
        (job,) = jobs(line)
        train_all([job])
    (run,) = recorded_runs([job])
    files = job.folder.read().files
    assert table_rows(job.settings) == 4 * 3
    assert run.bytes * 3 * 4 * 3 == pytest.approx(sum(len(files[name]) for name in files if name.endswith("csv")))
    total = sum(float(line.split(",")[7]) for line in files["timing.csv"].decode().splitlines()[1:])
    assert run.seconds * epoch_cost(job.settings) * 3 * 3 == pytest.approx(total)


def test_nothing_to_train_needs_no_time(jobs):
    train_all(jobs(["activation=relu"]))
    assert planned(jobs(["activation=relu"]), 1) == "1 condition, 2 replicas: 2 are there already, 0 to train"


def test_replicas_that_several_jobs_share_are_counted_once(jobs):
    shared = jobs(["seeds=[0,1]"], ["seeds=[1,2]"], ["seeds=[0,2]"], ["activation=elu", "seeds=[1]"])
    assert next(plan(shared, 1)) == "2 conditions, 4 replicas: 0 are there already, 4 to train"
    assert [len(job.missing) for job in disjoint(shared)] == [2, 1, 0, 1]
    train_all(shared[:1])
    shared = jobs(["seeds=[0,1]"], ["seeds=[1,2]"])
    assert next(plan(shared, 1)) == "1 condition, 3 replicas: 2 are there already, 1 to train"


def test_replicas_that_follow_a_tuning_are_counted_once(jobs):
    grid = ["optimizer.lr=[0.1,0.2]", "tune.seeds=[10,11]"]
    shared = jobs([*grid, "seeds=[0,1]"], [*grid, "seeds=[1,2]"])
    assert next(plan(shared, 1)) == "1 condition, 7 replicas: 0 are there already, 4 to tune, 3 to report"
