"""The table of pre-training: choice of rates, differences beside all published ones, and its reference."""

import math

import pandas as pd
import pytest

from experiments.claims.lecture import STUDY, chosen_errors, train
from experiments.claims.lecture_text import DATASETS, PUBLISHED, effects_of_pretraining, markdown
from experiments.claims.studies import SEEDS, Protocol, command_line, requested
from experiments.config.compose import sweep
from experiments.store.reading import StudyTables
from experiments.tables import selected
from tests.experiments.claims.constructed import pretraining
from tests.programs import ROOT, python

REFERENCE = ROOT / "results/reference/claims"


def test_both_rates_of_a_cell_are_chosen_jointly_on_tuning_seeds_and_only_reported_rows_remain():
    errors = chosen_errors(pretraining())
    assert set(errors["seed"]) == set(range(300, 310))
    assert (errors.groupby(["dataset", "activation", "pretrained"])["seed"].count() == 10).all()
    assert set(errors["lr"]) == {0.3}
    assert set(errors.loc[errors["pretrained"], "pretrain_lr"]) == {0.03}
    assert errors.loc[~errors["pretrained"], "pretrain_lr"].isna().all()
    assert set(errors["grid"]) == {"0.1 0.3"}
    assert set(errors.loc[errors["pretrained"], "pretrain_grid"]) == {"0.003 0.03"}
    # Each condition alone keeps its own reported rows, also that with the worse rate of pre-training.
    assert selected(pretraining()).sum() > len(errors)


def test_a_pair_of_rates_with_a_diverged_tuning_replica_is_not_chosen():
    replicas = pretraining()
    lost = (replicas["pretrain.lr"] == 0.03) & (replicas["seed"] == 1001) & (replicas["lr"] == 0.3)
    errors = chosen_errors(replicas.assign(status=replicas["status"].mask(lost, "diverged")))
    assert set(errors.loc[errors["pretrained"], "pretrain_lr"]) == {0.003}


def test_directions_are_decided_by_holm_over_all_cells_and_by_both_intervals():
    effects = effects_of_pretraining(chosen_errors(pretraining())).set_index(["dataset", "activation"])
    assert effects["here"].to_dict() == {
        (dataset, activation): direction
        for dataset in ("digits", "wine")
        for activation, direction in {"relu": "higher", "tanh": "lower", "softplus": "undecided"}.items()
    }
    assert (effects["for_new_data"] == effects["here"]).all()
    weak = pretraining()
    spread = weak["final_test_error"] + 0.01 * (weak["seed"] - 304.5) / 4.5 * (weak["pretrain.lr"] == 0.03)
    effects = effects_of_pretraining(chosen_errors(weak.assign(final_test_error=spread)))
    assert set(effects.loc[effects["activation"] == "tanh", "here"]) == {"lower"}
    assert set(effects.loc[effects["activation"] == "tanh", "for_new_data"]) == {"undecided"}
    assert "lower on these splits, undecided for new data" in markdown(
        chosen_errors(weak.assign(final_test_error=spread))
    )


def test_every_cell_stands_beside_all_four_published_differences():
    lines = markdown(chosen_errors(pretraining())).splitlines()
    assert lines[:3] == [
        "| measured, test error in % | digits | wine |",
        "| --- | --- | --- |",
        "| relu | 3.00 (all equal) | 3.00 (all equal) |",
    ]
    assert "| relu | lr 0.3 (highest of 2) | lr 0.3 (highest of 2) |" in lines
    pair = "lr 0.3 (highest of 2), pretrain.lr 0.03 (highest of 2)"
    assert f"| tanh, pre-trained | {pair} | {pair} |" in lines
    assert "| pre-trained − not, points | digits | wine | MNIST | CIFAR10 | NISTP | NORB |" in lines
    row = next(line for line in lines if line.startswith("| relu | +1.00 (paired "))
    assert row.count("; corrected ") == row.count("): higher") == 2
    assert row.endswith(" | -0.23 | -0.90 | +0.22 | +0.06 |")
    relu = "MNIST, CIFAR10 | NISTP, NORB | same on NISTP, NORB; opposite on MNIST, CIFAR10"
    assert f"| relu on digits | higher | {relu} |" in lines
    every = "MNIST, CIFAR10, NISTP, NORB"
    assert f"| tanh on wine | lower | {every} | none | same on {every}; opposite on none |" in lines
    assert "| softplus on wine | undecided | MNIST, CIFAR10, NISTP | NORB | undecided |" in lines


def test_the_published_directions_are_those_of_the_published_errors():
    effects = {name: PUBLISHED[name, True] - PUBLISHED[name, False] for name in ("relu", "tanh", "softplus")}
    assert [list((effect < 0).astype(int)) for effect in effects.values()] == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]


def test_what_diverged_is_named():
    replicas = pretraining()
    lost = (replicas["purpose"] == "report") & (replicas["activation"] == "relu") & (replicas["dataset"] == "wine")
    one = lost & (replicas["seed"] == 300)
    some = markdown(chosen_errors(replicas.assign(status=replicas["status"].mask(one, "diverged"))))
    assert "1 pairs with a diverged network left out" in some
    everything = markdown(chosen_errors(replicas.assign(status=replicas["status"].mask(lost, "diverged"))))
    assert "| relu | 3.00 (all equal) | 10 diverged |" in everything
    assert "| relu on wine | undecided |" in everything
    assert "too few pairs" in everything


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ([0.05], "5.00"),
        ([0.02, 0.04], "3.00"),
        ([0.0, 0.0, 0.02], "0.67 (0.00 to 3.54)"),
        ([0.02, 0.04, 0.06], "4.00 (0.00 to 8.97)"),
        ([0.03, 0.04, 0.05], "4.00 ± 2.48"),
    ],
)
def test_an_interval_is_of_three_seeds_and_within_the_possible_errors(errors, text):
    replicas = pretraining()
    replicas = replicas[(replicas["purpose"] == "tuning") | (replicas["seed"] < 300 + len(errors))]
    shown = replicas["seed"].map({300 + i: error for i, error in enumerate(errors)})
    lines = markdown(chosen_errors(replicas.assign(final_test_error=shown))).splitlines()
    assert lines[2] == f"| relu | {text} | {text} |"


def test_only_the_seeds_of_the_preset_choose(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jobs = [settings for settings, _ in sweep(command_line(STUDY, Protocol(SEEDS), "dataset=wine"))]
    study = requested(jobs).assign(purpose="report")
    other_seed, other_rate = study.iloc[:1].assign(seed=7, purpose="tuning"), study.iloc[:1].assign(lr=7.0)
    stored = StudyTables(*[pd.concat([study, other_seed, other_rate])] * 3)
    monkeypatch.setattr("experiments.run_study", lambda *arguments: stored)
    assert train(["wine"]).equals(study)


def test_the_reference_follows_from_its_errors():
    errors = pd.read_csv(REFERENCE / "lecture.csv")
    assert set(errors["dataset"]) <= set(DATASETS)
    assert (errors.groupby(["dataset", "activation", "pretrained"])["seed"].nunique() == 10).all()
    assert markdown(errors) == (REFERENCE / "lecture.md").read_text()


def test_ratio_of_parts_is_that_of_the_split():
    assert chosen_errors(pretraining())["test_to_train"].tolist() == [pytest.approx(0.2 / 0.64)] * 120
    assert math.isfinite(effects_of_pretraining(chosen_errors(pretraining()))["corrected_low"].sum())


def test_the_command_refuses_an_unknown_data_set(tmp_path):
    refused = python("-m", "experiments.claims.lecture", "digit", cwd=tmp_path, code=2)
    assert refused.stderr.startswith("lecture: unknown data set 'digit': did you mean 'digits'?")
