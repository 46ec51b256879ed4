"""Jobs: what they train, and what becomes of one that fails or is interrupted."""

import json
import shutil

import pytest

from experiments.store.reading import load_tables
from experiments.store.runs import RunFolder
from experiments.store.study import Study
from experiments.sweep import workers
from experiments.sweep.scheduling import train_all
from experiments.training.stack import Stack
from tests.experiments.studies import study_tables


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), SystemExit(0), MemoryError()], ids=repr)
def test_a_failed_job_is_recorded_and_the_others_go_on(sweep, done, study, monkeypatch, capsys, error):
    train_part = workers.train_part

    def fail(settings, *arguments, **options):
        if settings.activation.name == "relu":
            raise error
        return train_part(settings, *arguments, **options)

    monkeypatch.setattr(workers, "train_part", fail)
    code, runs, _ = sweep(["activation=relu"], ["activation=tanh"])
    assert code == 1
    printed = capsys.readouterr()
    assert "tanh" in printed.out
    assert f"failed: {runs[0]}: {type(error).__name__}" in printed.err
    folder = study.run(runs[0]).path
    assert type(error).__name__ in (folder / "failure.txt").read_text()
    record = json.loads((folder / "failure.json").read_text())
    assert record["status"].startswith(type(error).__name__)
    assert record["command"] == "python run.py activation=relu"
    assert study.run(runs[0]).state()[0] == "failed"
    monkeypatch.setattr(workers, "train_part", train_part)
    assert done("activation=relu") == (runs[0], 2)
    assert not (folder / "failure.txt").exists()
    assert study.run(runs[0]).state()[0] == "done"


def test_an_interrupt_collects_what_is_done_and_goes_on_up(sweep, study, monkeypatch):
    train_part = workers.train_part

    def interrupt(settings, *arguments, **options):
        if settings.activation.name == "tanh":
            raise KeyboardInterrupt
        return train_part(settings, *arguments, **options)

    monkeypatch.setattr(workers, "train_part", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep(["activation=relu"], ["activation=tanh"])
    assert set(load_tables("default").replicas["activation"]) == {"relu"}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(done, sweep, study, monkeypatch, optimizer):
    overrides = [f"optimizer={optimizer}", "optimizer.lr=[0.01,1000]", "output=linear_mse", "seeds=3", "epochs=9"]
    done(*overrides, "checkpoint.every=0")
    undisturbed = study_tables(study)
    shutil.rmtree(study.folder)
    kept = []
    keep = RunFolder.keep_checkpoint

    def interrupted(self, arrays):
        keep(self, arrays)
        kept.append(int(arrays["epoch"]))
        if len(kept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "keep_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep([*overrides, "checkpoint.every=2"])
    (run,) = study.runs()
    assert run.state()[0] == "incomplete"
    monkeypatch.setattr(RunFolder, "keep_checkpoint", keep)
    epochs = []
    train_epoch = Stack.train_epoch
    monkeypatch.setattr(Stack, "train_epoch", lambda self, epoch: epochs.append(epoch) or train_epoch(self, epoch))
    done(*overrides, "checkpoint.every=2")
    assert min(epochs) > 1
    assert study_tables(study) == undisturbed
    assert not (run.path / ".checkpoints").exists()


def test_a_study_counts_as_the_name_of_its_folder(jobs):
    (job,) = jobs(["activation=relu"])
    train_all([job])
    assert Study("default").run(job.run).read().missing(job.settings) == ()
    assert Study("other").run(job.run).read().missing(job.settings) == ((0.05, 0), (0.05, 1))


def test_finished_replicas_without_networks_are_counted_where_they_are_trained_again(jobs):
    train_all(jobs(["activation=relu", "save=false"]))
    (job,) = jobs(["activation=relu", "save=true", "seeds=[1,2]"])
    assert job.missing == ((0.05, 1), (0.05, 2))
    assert len(job.repeated) == 1
