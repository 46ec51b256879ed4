"""Tests of experiments.figures.parts: the parts of a study that get a figure each."""

from tests.experiments.figures.studies import of


def test_other_outputs_are_for_the_studys_classifications():
    (reason,) = of("mse_vs_ce", "datasets").values()
    assert reason.add == "output=softmax_ce,softmax_mse dataset=digits,wine"
