"""Tests of experiments.figures.parts: the parts of a study that get a figure each."""

from tests.experiments.figures.studies import STUDIES, drawings, fake_study, of


def test_other_outputs_are_for_the_studys_classifications():
    (reason,) = of("mse_vs_ce", "datasets").values()
    assert reason.add == "output=softmax_ce,softmax_mse"
    assert " dataset=digits,wine study=mine" in reason.line("mine", ["digits", "wine"])
    replicas = STUDIES["datasets"].replicas
    mixed = replicas.assign(task=replicas["task"].where(replicas["dataset"] == "digits", "regression"))
    (reason,) = drawings("mse_vs_ce", STUDIES["datasets"]._replace(replicas=mixed)).values()
    assert reason.add == "output=softmax_ce,softmax_mse dataset=digits"


def test_no_pairing_is_offered_for_a_metric_that_no_other_has():
    tables = fake_study(("relu", "tanh"), ("quantile",), task="regression", diverged=0)
    (reason,) = drawings(
        "pairing_matrix", tables._replace(replicas=tables.replicas.assign(metric="crossings"))
    ).values()
    assert (str(reason), reason.add) == ("only one pairing has the metric crossings", "")
