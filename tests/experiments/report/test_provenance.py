"""How a study was made."""

import json
import shlex

import pandas as pd

from experiments.config.words import hydra_words
from experiments.report.provenance import command, configuration, environments, study_words, tuning_seeds


def test_a_command_trains_the_same_condition_again(settings):
    original = settings(
        "activation=elu", "activation.alpha=0.5", "dataset=moons", "net.hidden=[8,8]", "optimizer=adam", "epochs=3"
    )
    record = original.condition | {"seeds": [0, 1, 2], "lr": [0.1, 0.25]}
    # Two seeds of the selected rate, three of the other one
    again = shlex.split(command(record, rows((0.1, 0), (0.1, 1), (0.1, 2), (0.25, 0), (0.25, 1))))[2:]
    assert settings(*again).run == original.run
    assert settings(*again).rates == (0.25,)
    assert settings(*again).seeds == (0, 1)


def test_a_command_of_the_catalogue_names_its_option(settings):
    original = settings("activation=catalogue/pelu", "dataset=moons")
    again = command(original.condition | {"seeds": [0], "lr": [0.25]}, rows((0.25, 0)))
    assert "activation=catalogue/pelu" in again
    assert settings(*shlex.split(again)[2:]).run == original.run


def test_a_command_of_a_tuned_condition_tunes_it_again(settings):
    original = settings("dataset=moons", "optimizer.lr=[0.1,0.25]", "tune.seeds=[7,8]", "seeds=2")
    record = original.condition | {"seeds": [0, 1, 7, 8], "lr": [0.1, 0.25]}
    tuning = rows(*((rate, seed) for rate in (0.1, 0.25) for seed in (7, 8))).assign(purpose="tuning", selected=False)
    report = rows((0.25, 0), (0.25, 1)).assign(purpose="report")
    again = settings(*shlex.split(command(record, pd.concat([tuning, report])))[2:])
    assert (again.run, again.rates, again.seeds) == (original.run, (0.1, 0.25), (0, 1))
    assert again.tune.seeds == original.tune.seeds == (7, 8)
    # A sweep tunes by the validation error: a rate that another rule chose is given.
    by_loss = settings(*shlex.split(command(record, pd.concat([tuning, report]), "loss"))[2:])
    assert (by_loss.run, by_loss.rates, by_loss.seeds) == (original.run, (0.25,), (0, 1))
    assert not by_loss.tune.seeds


def rows(*replicas):
    """Return the rows of a run, of which those with the rate 0.25 are selected."""
    frame = pd.DataFrame(replicas, columns=["lr", "seed"])
    return frame.assign(selected=frame["lr"] == 0.25)


def test_shared_settings_are_apart_from_settings_that_differ():
    records = {
        name: {"config": {"epochs": 5, "activation": {"name": name}, "net": {"hidden": [8]}}}
        for name in ("relu", "elu")
    }
    records["elu"]["config"]["activation"]["alpha"] = 0.5
    settings = configuration(records | {"lost": {"failure": "no"}})
    assert settings.common == {"epochs": "5", "net.hidden": "[8]"}
    assert settings.differing == {"activation": ["relu", "elu"], "activation.alpha": ["0.5"]}


def test_a_setting_that_some_runs_lack_has_the_value_off():
    base = {"activation": {"name": "relu"}, "output": {"name": "softmax_ce"}, "optimizer": {"name": "sgd"}}
    records = {
        "plain": {"config": base | {"net": {"hidden": [8]}}},
        "normed": {"config": base | {"net": {"hidden": [8], "norm": "batch", "residual": True}}},
        "smoothed": {"config": base | {"output": {"name": "softmax_ce", "label_smoothing": 0.1}}},
        "hinge": {"config": base | {"output": {"name": "linear_hinge"}, "early_stopping": {"patience": 4}}},
        "clipped": {"config": base | {"optimizer": {"name": "sgd", "clip_norm": 1.0}}},
    }
    differing = configuration(records).differing
    assert differing["net.norm"] == ["none", "batch"]
    assert differing["net.residual"] == ["false", "true"]
    assert differing["output.label_smoothing"] == ["0.0", "0.1"]  # the hinge loss has no smoothing
    assert differing["early_stopping.patience"] == ["0", "4"]
    assert differing["optimizer.clip_norm"] == ["inf", "1.0"]


def test_tuning_seeds_stand_apart_from_reported_ones():
    records = {run: {"config": {"epochs": 5, "seeds": [0, 1, 7, 8]}} for run in ("one", "two")}
    replicas = pd.DataFrame(
        {"run": run, "seed": seed, "purpose": "tuning" if seed > 5 else "report"}
        for run in records
        for seed in (0, 1, 7, 8)
    )
    assert configuration(records, tuning_seeds(replicas)).common == {
        "epochs": "5",
        "seeds": "[0, 1]",
        "tune.seeds": "[7, 8]",
    }
    assert configuration(records, tuning_seeds(replicas[["run"]])).common["seeds"] == "[0, 1, 7, 8]"


def test_runs_are_counted_by_environment():
    facts = ({"python": "3.12"}, {"python": "3.13"}, {"python": "3.12"})
    records = {f"run-{day}": {"environment": fact | of_one_run(day)} for day, fact in enumerate(facts, start=1)}
    first, second = environments(records)
    assert (first.runs, first.span, first.facts) == (2, "2026-01-01 to 2026-01-03", {"python": "3.12"})
    assert (second.runs, second.facts) == (1, {"python": "3.13"})


def of_one_run(day):
    """Return the facts of a run that say nothing of its environment."""
    own = {"command": f"run {day}", "overrides": [f"epochs={day}"], "configuration": {"epochs": day}}
    return own | {"finished": f"2026-01-0{day}", "seconds": day / 10, "dataset_sha256": str(day), "status": "done"}


def test_a_text_that_hydra_cannot_read_bare_is_quoted_in_a_command(settings):
    replicas = pd.DataFrame({"selected": [True], "lr": [0.1], "seed": [0]})
    line = command({"dataset": {"name": "csv", "target": "Qualität", "na": ["?", "b"]}}, replicas)
    words = shlex.split(line)[2:]
    assert 'dataset.target="Qualität"' in words
    assert hydra_words(["dataset.path=x.csv", *words])


def test_the_words_of_a_study_are_those_of_all_its_runs(tmp_path):
    def record(name, *words):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "environment.json").write_text(json.dumps({"overrides": words}))

    assert study_words(tmp_path) == []
    record("a", "activation=relu", "net.hidden=[8]", "seeds=2")
    record("b", "activation=tanh", "net.hidden=[8]", "seeds=3")
    assert study_words(tmp_path) == ["activation=relu,tanh", "net.hidden=[8]", "seeds=3", f"study={tmp_path.name}"]
    record("c", "activation=elu", "activation.alpha=0.5")
    assert study_words(tmp_path) == ["activation=relu", "net.hidden=[8]", "seeds=2", f"study={tmp_path.name}"]
