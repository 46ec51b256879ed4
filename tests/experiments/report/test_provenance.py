"""How a study was made."""

import shlex

from experiments.report.provenance import command, configuration, environments


def test_a_command_trains_the_same_condition_again(settings):
    original = settings(
        "activation=elu", "activation.alpha=0.5", "dataset=moons", "net.hidden=[8,8]", "optimizer=adam", "epochs=3"
    )
    again = shlex.split(command(original.condition | {"seeds": [0, 1], "lr": [0.1]}, 0.25))[2:]
    assert settings(*again).run == original.run
    assert settings(*again).rates == (0.25,)
    assert settings(*again).seeds == (0, 1)


def test_shared_settings_are_apart_from_settings_that_differ():
    records = {
        name: {"config": {"epochs": 5, "activation": {"name": name}, "net": {"hidden": [8]}}}
        for name in ("relu", "elu")
    }
    records["elu"]["config"]["activation"]["alpha"] = 0.5
    settings = configuration(records | {"lost": {"failure": "no"}})
    assert settings.common == {"epochs": "5", "net.hidden": "[8]"}
    assert settings.differing == {"activation": ["relu", "elu"], "activation.alpha": ["0.5"]}


def test_runs_are_counted_by_environment():
    facts = ({"python": "3.12"}, {"python": "3.13"}, {"python": "3.12"})
    records = {
        f"run-{day}": {"environment": fact | {"finished": f"2026-01-0{day}", "command": f"run {day}"}}
        for day, fact in enumerate(facts, start=1)
    }
    first, second = environments(records)
    assert (first.runs, first.span, first.facts) == (2, "2026-01-01 to 2026-01-03", {"python": "3.12"})
    assert (second.runs, second.facts) == (1, {"python": "3.13"})
