"""Tuning seeds choose the learning rate, and only the chosen rate is trained on the reported seeds."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.config.settings import from_record
from experiments.store.marks import ProgressMarks
from experiments.sweep import runs, scheduling, workers
from experiments.sweep.jobs import Job
from experiments.sweep.planning import plan
from experiments.sweep.reproduce import reproduce
from experiments.sweep.runner import run_sweep
from experiments.sweep.scheduling import train_all
from tests.experiments.studies import SMALL, study_tables

GRID = "optimizer.lr=[0.001,0.1,0.3]"
TUNED = (GRID, "tune.seeds=[7,8,9]")
TUNING = {(rate, seed) for rate in (0.001, 0.1, 0.3) for seed in (7, 8, 9)}


def chosen(folder):
    """Return the rate with the lowest mean validation error on the tuning seeds."""
    replicas = tables.read(folder.path / "replicas.csv")
    rows = replicas[replicas["seed"].isin([7, 8, 9])]
    columns = ["final_validation_error", "final_validation_loss"]
    return rows.groupby("lr")[columns].mean().round(12).sort_values(columns).index[0]


@pytest.fixture
def trained(monkeypatch):
    """The replicas of each training, in order."""
    calls = []
    train_part = workers.train_part

    def record(settings, part, *arguments, **options):
        calls.append(list(part.replicas))
        return train_part(settings, part, *arguments, **options)

    monkeypatch.setattr(workers, "train_part", record)
    return calls


def test_the_progress_of_the_reported_replicas_follows_that_of_the_tuning(sweep, study, monkeypatch):
    made, epochs = [], []
    train_part, write = workers.train_part, ProgressMarks.write

    class Observed(runs.Runs):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    def train_and_mark(*arguments, **options):
        trained = train_part(*arguments, **options)
        made[0].mark()
        return trained

    monkeypatch.setattr(scheduling, "Runs", Observed)
    monkeypatch.setattr(workers, "train_part", train_and_mark)
    monkeypatch.setattr(
        ProgressMarks, "write", lambda self, *mark: epochs.append(mark[2:]) if mark[2:] else write(self, *mark)
    )
    assert sweep(TUNED)[0] == 0
    assert epochs == [(9 * 2,), (9 * 2 + 2 * 2,)]


def test_the_grid_is_trained_on_the_tuning_seeds_and_the_chosen_rate_on_the_others(sweep, study, trained, capsys):
    code, (run,), _ = sweep(TUNED)
    assert code == 0
    folder = study.run(run)
    rate = chosen(folder)
    assert rate != 0.001  # else a rule that takes the first rate would pass
    assert [set(replicas) for replicas in trained] == [TUNING, {(rate, 0), (rate, 1)}]
    assert json.loads((folder.path / "tuning.json").read_text()) == {"seeds": [7, 8, 9]}
    assert "tuning.json" in json.loads((folder.path / "status.json").read_text())["files"]
    assert "11 replicas trained, 0 were there already" in capsys.readouterr().out
    sweep(TUNED)
    assert "0 replicas trained, 11 were there already" in capsys.readouterr().out
    assert len(trained) == 2


def test_more_reported_seeds_need_no_tuning(sweep, trained, capsys):
    sweep(TUNED)
    capsys.readouterr()
    sweep([*TUNED, "seeds=4"])
    assert "2 replicas trained, 11 were there already" in capsys.readouterr().out
    assert [seed for _, seed in trained[-1]] == [2, 3]


def test_a_single_rate_is_not_tuned(sweep, study, trained):
    _, (run,), _ = sweep(["optimizer.lr=0.1", "tune.seeds=3"])
    assert trained == [[(0.1, 0), (0.1, 1)]]
    assert not (study.run(run).path / "tuning.json").exists()


def test_forcing_trains_both_phases_once(sweep, study, trained, capsys):
    sweep(TUNED)
    before = study_tables(study)
    capsys.readouterr()
    sweep([*TUNED, "force=true"])
    assert "11 replicas trained, 0 were there already" in capsys.readouterr().out
    assert trained[2:] == trained[:2]
    assert study_tables(study) == before


def test_the_networks_of_the_reported_replicas_are_kept(sweep, study, trained, capsys):
    _, (run,), _ = sweep([*TUNED, "save=true"])
    assert np.load(study.run(run).path / "network.npz")["seed"].tolist() == [0, 1]
    sweep([*TUNED, "save=true"])
    assert len(trained) == 2
    sweep([*TUNED, "save=true", "force=true"])
    assert np.load(study.run(run).path / "network.npz")["seed"].tolist() == [0, 1]


def test_a_tuned_run_without_networks_is_retrained_for_them_where_it_is_reported(sweep, study, trained, capsys):
    sweep(TUNED)
    capsys.readouterr()
    sweep([*TUNED, "save=true"])
    assert trained[2:] == trained[1:2]
    printed = capsys.readouterr().out
    assert "2 finished replicas are retrained: their networks were not kept" in printed
    assert "2 replicas trained, 9 were there already" in printed


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_sweep_that_ends_between_the_phases_goes_on_there(sweep, study, trained, monkeypatch, capsys, error):
    sweep(TUNED)
    undisturbed = study_tables(study)
    shutil.rmtree(study.folder)
    trained.clear()
    train_part = workers.train_part

    def fail(settings, part, *arguments, **options):
        if len(trained) == 1:
            raise error
        return train_part(settings, part, *arguments, **options)

    monkeypatch.setattr(workers, "train_part", fail)
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            sweep(TUNED)
    else:
        capsys.readouterr()
        assert sweep(TUNED)[0] == 1
        printed = capsys.readouterr()
        assert "9 replicas trained, 0 were there already" in printed.out
        assert "RuntimeError" in printed.err
    monkeypatch.setattr(workers, "train_part", train_part)
    capsys.readouterr()
    assert sweep(TUNED)[0] == 0
    assert "2 replicas trained, 9 were there already" in capsys.readouterr().out
    assert study_tables(study) == undisturbed


def test_a_run_of_an_earlier_version_keeps_its_rows(sweep, study, capsys):
    _, (run,), _ = sweep([GRID])
    before = {name: (study.run(run).path / f"{name}.csv").read_text() for name in ("history", "replicas", "confusion")}
    assert not (study.run(run).path / "tuning.json").exists()
    capsys.readouterr()
    sweep(TUNED)
    assert "9 replicas trained, 2 were there already" in capsys.readouterr().out
    for name, text in before.items():
        lines = (study.run(run).path / f"{name}.csv").read_text().splitlines()
        seed = lines[0].split(",").index("seed")
        assert [line for line in lines if line.split(",")[seed] not in ("7", "8", "9")] == text.splitlines()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ((GRID, "tune.seeds=[1,2,3]"), "tune.seeds=[1,2,3]: 1 is also in seeds. A tuning seed cannot be reported."),
        ((GRID, "seeds=[8,9,10]"), "seeds: 8 and 9 are already among the tuning seeds of the run"),
        ((GRID, "seeds=[5]", "tune.seeds=[0,1]"), "tune.seeds: 0 and 1 are already among the reported seeds of the"),
        (("optimizer.lr=0.1", "seeds=[7]"), "seeds: 7 is already among the tuning seeds of the run"),
    ],
)
def test_a_seed_tunes_or_is_reported_but_never_both(sweep, study, trained, line, message):
    sweep(TUNED)
    before = study_tables(study)
    with pytest.raises(ConfigError) as refusal:
        sweep(line)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)
    assert len(trained) == 2
    assert study_tables(study) == before


def test_a_seed_that_another_sweep_has_tuned_with_meanwhile_is_not_reported(sweep, settings, study, capsys):
    other = Job.of(settings(*SMALL, *TUNED))

    def tuned_meanwhile(jobs):
        train_all([other])
        study.marks.write(other.run, "waiting")
        return train_all(jobs)

    code, (run,), _ = sweep([GRID, "seeds=[7]"], train=tuned_meanwhile)
    assert code == 1
    printed = capsys.readouterr()
    assert f"failed: {run}: seeds: 7 is already among the tuning seeds of the run" in printed.err
    assert "0 replicas trained" in printed.out
    assert study.run(run).state() == ("done", "11 replicas")
    assert study.unfinished() == {}
    assert study.run(run).read().tuning_seeds == {7, 8, 9}
    assert len(study.run(run).read().outcomes) == 11


def test_two_sweeps_at_once_train_nothing_twice(sweep, settings, trained):
    other = Job.of(settings(*SMALL, *TUNED))
    code, _, _ = sweep(TUNED, train=lambda jobs: train_all([other]) or train_all(jobs))
    assert code == 0
    assert [len(replicas) for replicas in trained] == [9, 2]


def test_more_tuning_seeds_in_one_sweep_count_each_replica_once(sweep, study, capsys):
    _, (run, _), _ = sweep(TUNED, [GRID, "tune.seeds=[7,8,9,10]"])
    count = len(study.run(run).read().outcomes)
    assert f"{count} replicas trained, 0 were there already" in capsys.readouterr().out
    assert study.run(run).read().tuning_seeds == {7, 8, 9, 10}


def test_a_plan_counts_both_phases(settings, study):
    def planned(*line):
        return next(plan([Job.of(settings(*SMALL, *TUNED, *line))], 1))

    assert planned() == "1 condition, 11 replicas: 0 are there already, 9 to tune, 2 to report"
    run_sweep([Job.of(settings(*SMALL, *TUNED))])
    assert planned() == "1 condition, 11 replicas: 11 are there already, 0 to tune, 0 to report"
    assert planned("seeds=3") == "1 condition, 12 replicas: 11 are there already, 0 to tune, 1 to report"
    assert planned("force=true") == "1 condition, 11 replicas: 0 are there already, 9 to tune, 2 to report"


def test_the_time_of_a_plan_covers_both_phases(settings, study):
    run_sweep([Job.of(settings(*SMALL, *TUNED))])
    grid = Job.of(settings(*SMALL, *TUNED, "epochs=3"))
    assert grid.work == (9 + 2) * 3
    assert "estimated from 1 recorded run" in "".join(plan([grid], 1))


def test_a_tuned_run_is_reproduced_with_its_own_rows(sweep, study, capsys):
    _, (run,), _ = sweep(TUNED)
    capsys.readouterr()
    assert reproduce(study.run(run).path) == 0
    assert "identical  replicas.csv, 11 rows" in capsys.readouterr().out


def test_the_phase_follows_from_the_study(settings, study):
    job = Job.of(settings(*SMALL, *TUNED))
    train_all([job])
    replicas = pd.read_csv(study.run(job.run).path / "replicas.csv")
    assert len(replicas) == 11


def test_tuning_seeds_are_the_largest_or_those_of_a_list(settings):
    assert settings("tune.seeds=3").tune.seeds == (2**32 - 3, 2**32 - 2, 2**32 - 1)
    assert settings("tune.seeds=[30,20]").tune.seeds == (20, 30)
    assert settings(*SMALL, *TUNED).tuning == sorted(TUNING)
    assert settings(*SMALL, *TUNED, "tune.seeds=0").tuning == []
    assert settings(*SMALL, *TUNED, "optimizer.lr=[0.1]").tuning == []
    record = {**settings(*SMALL, *TUNED).record, "seeds": [0, 7], "lr": [0.1, 0.3]}
    assert from_record(record).tuning == []
