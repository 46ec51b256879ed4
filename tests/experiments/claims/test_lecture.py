"""The table of pre-training: its shape, its sentences, and its reference."""

import math
from itertools import product

import pandas as pd

from experiments.claims import lecture
from tests.experiments.claims.constructed import frame
from tests.programs import ROOT, python

REFERENCE = ROOT / "results/reference/claims"


def test_the_table_has_its_shape_and_names_what_diverged():
    rows = []
    for activation, epochs, lr, seed in product(("relu", "tanh", "softplus"), (math.nan, 20), (0.1, 0.3), (0, 1)):
        lost = (activation, lr) == ("tanh", 0.1)
        error = 0.02 + 0.01 * (epochs == 20) + 0.001 * seed
        run = f"{activation}{epochs}"
        rows.append((run, "wine", activation, epochs, lr, seed, "diverged" if lost and seed else "done", lr, error))
    names = "run dataset activation pretrain.epochs lr seed status final_validation_loss final_test_error"
    text = lecture.markdown(lecture.tuned_errors(frame(names, rows)))
    assert text.splitlines()[:3] == [
        "| measured, test error in % | wine |",
        "| --- | --- |",
        "| relu | 2.05 ± 0.64 |",
    ]
    assert "| softplus, pre-trained | 3.05 ± 0.64 |" in text
    assert "| relu, pre-trained | 1.20 | 49.96 | 32.86 | 16.46 |" in text
    assert "here it lowers 0 of 3 and raises 3" in text
    assert "here on 0 of 1: none" in text
    everything_diverged = frame(names, [(*row[:6], "diverged", *row[7:]) for row in rows])
    assert "| relu | 2 diverged |" in lecture.markdown(lecture.tuned_errors(everything_diverged))


def test_the_reference_follows_from_its_errors():
    errors = pd.read_csv(REFERENCE / "lecture.csv")
    assert (errors.groupby(["dataset", "activation", "pretrained"])["seed"].nunique() == 10).all()
    assert lecture.markdown(errors) == (REFERENCE / "lecture.md").read_text()


def test_the_command_refuses_an_unknown_data_set(tmp_path):
    refused = python("-m", "experiments.claims.lecture", "digit", cwd=tmp_path, code=2)
    assert refused.stderr.startswith("lecture: unknown data set 'digit': did you mean 'digits'?")
