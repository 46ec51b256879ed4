"""Tests of experiments.figures.parts: the parts of a study that get a figure each."""

from tests.experiments.figures.studies import STUDIES, drawings, of


def test_other_outputs_are_for_the_studys_classifications():
    (reason,) = of("mse_vs_ce", "datasets").values()
    assert reason.add == "output=softmax_ce,softmax_mse"
    assert " dataset=digits,wine study=mine" in reason.line("mine", ["digits", "wine"])
    replicas = STUDIES["datasets"].replicas
    mixed = replicas.assign(task=replicas["task"].where(replicas["dataset"] == "digits", "regression"))
    (reason,) = drawings("mse_vs_ce", STUDIES["datasets"]._replace(replicas=mixed)).values()
    assert reason.add == "output=softmax_ce,softmax_mse dataset=digits"
