"""Replicas that diverged and runs that failed."""

from experiments.report.failures import diverged, failed
from tests.experiments.report.examples import study


def test_a_diverged_condition_is_named_beside_its_data_set(report):
    rows = report.diverged
    assert [(row.name, row.dataset, row.share, row.seeds) for row in rows] == [
        ("tanh", "digits", "1 of 4", "3 (epoch 1)"),
        ("tanh", "wine", "1 of 4", "3 (epoch 1)"),
    ]


def test_a_failed_run_shows_the_last_line_of_its_traceback():
    (run,) = failed({"run-lost": {"failure": "Traceback\n  File\nValueError: no\n"}, "run-kept": {}})
    assert (run.run, run.error) == ("run-lost", "ValueError: no")
    assert run.traceback.startswith("Traceback")
    assert failed({"run-lost": {"failure": ""}})[0].error == "no reason was written"


def test_tuning_seeds_that_diverged_are_counted_apart():
    replicas = study(("relu",), ("digits",)).replicas  # the last of four seeds diverged
    replicas["purpose"] = ["report", "report", "tuning", "tuning"]
    assert [row.share for row in diverged(replicas)] == ["1 of 2 tuning seeds"]
