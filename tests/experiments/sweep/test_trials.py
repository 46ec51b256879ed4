"""Trials in a sweep: nothing is trained twice, and a trial's networks are those of its settings."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from experiments import tables
from experiments.data.split import split
from experiments.networks import load
from experiments.sweep import workers
from experiments.sweep.jobs import Job
from experiments.sweep.planning import plan
from experiments.sweep.reproduce import reproduce
from experiments.sweep.summary import summary
from experiments.training.run import divide, train
from tests.experiments.studies import SMALL, study_tables

RATES = "tune.space={optimizer.lr: 'log(1e-3, 1)'}"
MORE = (
    "activation=leaky_relu",
    "tune.space={optimizer.lr: 'log(1e-3, 1)', net.dropout: 'uniform(0, 0.5)', batch_size: 'log(4, 16)', "
    "activation.slope: 'log(0.001, 0.5)'}",
)
TUNED = ("tune.trials=4", "tune.seeds=[7,8]")
KEYS = ("activation.slope", "batch_size", "net.dropout")


def replicas_of(study, run):
    return tables.read(study.run(run).path / "replicas.csv")


def test_trials_of_rates_train_nothing_of_the_same_rates_as_a_list(sweep, study, settings, capsys):
    code, (run,), _ = sweep([*TUNED, RATES])
    assert code == 0
    capsys.readouterr()
    rates = settings(*SMALL, *TUNED, RATES).rates
    _, (listed,), _ = sweep([f"optimizer.lr=[{','.join(map(repr, rates))}]", "tune.seeds=[7,8]"])
    assert listed == run
    assert "0 replicas trained, 10 were there already" in capsys.readouterr().out


@pytest.mark.parametrize("words", [(RATES,), MORE], ids=["rates", "more keys"])
def test_more_trials_train_only_what_is_new(words, sweep, study, capsys):
    sweep([*TUNED, *words])
    before = replicas_of(study, study.runs()[0].name)
    capsys.readouterr()
    _, (run,), _ = sweep([*TUNED, *words, "tune.trials=7"])
    printed = capsys.readouterr().out
    assert any(f"{3 * 2 + new} replicas trained, {10 - new} were there already" in printed for new in (0, 2))
    after = replicas_of(study, run).set_index(["lr", "seed"])
    pd.testing.assert_frame_equal(
        after.loc[list(zip(before["lr"], before["seed"], strict=True))].reset_index(),
        before[["lr", "seed", *(name for name in before if name not in ("lr", "seed"))]],
    )
    assert len(after.query("seed == 7")) == 7


def test_a_replica_is_bit_identical_to_one_that_is_trained_with_the_values_of_its_trial(settings):
    base = settings(*SMALL, *TUNED, *MORE)
    ours = train(base, base.tuning).frames
    for rate in base.rates:
        values = base.trials[rate]
        words = [f"{key}={value!r}" for key, value in values.items()]
        plain = settings(*SMALL, "activation=leaky_relu", f"optimizer.lr={rate!r}", "seeds=[7,8]", *words)
        theirs = train(plain, plain.replicas).frames
        for name in ("history", "layers", "confusion"):
            one, other = (frame[frame["lr"] == rate].drop(columns="run") for frame in (ours[name], theirs[name]))
            pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_the_table_has_the_values_of_each_trial(sweep, study, settings):
    sweep([*TUNED, *MORE], ["activation=relu"])
    rows = tables.read(study.folder / "replicas.csv")
    base = settings(*SMALL, *TUNED, *MORE)
    columns = [f"trial.{key}" for key in KEYS]
    names = list(rows.columns)
    assert names.index("best_test_error") < names.index(columns[0]) < names.index("final_validation_balanced_error")
    tried = rows[rows["run"] == base.run]
    for row in tried.to_dict("records"):
        assert [row[column] for column in columns] == [base.trials[row["lr"]][key] for key in KEYS]
    assert rows.loc[rows["run"] != base.run, columns].isna().all(axis=None)
    assert tried["batch_size"].isna().all()
    assert json.loads(tried["tune.space"].iloc[0])["batch_size"] == "log(4.0, 16.0)"


def test_parts_have_one_trial_each(settings):
    base = settings(*SMALL, *TUNED, *MORE)
    parts = divide(base, base.tuning)
    assert sorted(len({rate for rate, _ in part.replicas}) for part in parts) == [1, 1, 1, 1]
    rates = settings(*SMALL, *TUNED, RATES)
    assert len(divide(rates, rates.tuning)) == 1


def test_the_workers_change_nothing(sweep, study):
    sweep([*TUNED, *MORE])
    alone = study_tables(study)
    shutil.rmtree(study.folder)
    sweep([*TUNED, *MORE, "workers=2"])
    assert study_tables(study) == alone


def test_an_interrupted_sweep_goes_on(sweep, study, monkeypatch):
    sweep([*TUNED, *MORE])
    whole = study_tables(study)
    shutil.rmtree(study.folder)
    train_part, calls = workers.train_part, []

    def interrupted(settings, part, *arguments, **options):
        calls.append(part)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train_part(settings, part, *arguments, **options)

    monkeypatch.setattr(workers, "train_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep([*TUNED, *MORE])
    sweep([*TUNED, *MORE])
    assert study_tables(study) == whole


def test_a_run_is_reproduced_and_its_networks_are_loaded(sweep, study, settings, capsys):
    _, (run,), _ = sweep([*TUNED, *MORE, "save=true"])
    assert "experiments.predict study=default ROWS.csv" in capsys.readouterr().out
    folder = study.run(run).path
    assert reproduce(folder) == 0
    base = settings(*SMALL, *TUNED, *MORE)
    networks = load(folder)
    assert {network.activation for network in networks} == {base.at(network.lr).activation for network in networks}
    data = base.data
    replicas = replicas_of(study, run).set_index(["lr", "seed"])
    for network in networks:
        rows = split(data, [network.seed], **base.division).test[0]
        wrong = np.mean(network.predict(data.inputs[rows]) != np.array(data.classes)[data.targets[rows]].astype(int))
        assert wrong == pytest.approx(replicas.loc[(network.lr, network.seed), "final_test_error"])
    sweep([*TUNED, *MORE, "save=true", "tune.trials=7", "seeds=3"])
    assert reproduce(folder) == 0
    assert {network.activation for network in load(folder)} == {base.at(one.lr).activation for one in load(folder)}


def test_the_plan_counts_trials(settings, study):
    job = Job.of(settings(*SMALL, *TUNED, *MORE), (), study)
    assert next(plan([job], 1)) == "1 condition, 10 replicas: 0 are there already, 8 to tune, 2 to report"


@pytest.mark.parametrize("words", [(RATES,), MORE], ids=["rates", "more keys"])
def test_fewer_trials_than_are_stored_are_announced(words, sweep, settings, capsys):
    sweep([*TUNED, *words])
    assert "asked for" not in capsys.readouterr().out
    fewer = [*TUNED, *words, "tune.trials=2"]
    said = "1 run has 4 trials, and not only the 2 asked for: the best of all of them is reported"
    assert any(said in line for line in plan([Job.of(settings(*SMALL, *fewer))], 1))
    sweep(fewer)
    assert said in capsys.readouterr().out


def test_the_closing_table_shows_the_budget_and_what_a_trial_decides_besides_the_rate(sweep, study, settings):
    _, (run,), _ = sweep([*TUNED, *MORE, "tune.trials=5"])
    job = settings(*SMALL, *TUNED, *MORE, "tune.trials=5")
    heading = summary(study, [run]).heading
    assert ", 5 rates), activation.slope=" in heading
    values = ([job.trials[rate][key] for key in KEYS] for rate in job.rates)
    texts = [f"{slope:.3g}, batch_size={size:.3g}, net.dropout={dropout:.3g}" for slope, size, dropout in values]
    assert any(f"activation.slope={text}" in heading for text in texts)
