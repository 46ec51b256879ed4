"""The command: it trains the newcomer alone, reproduces what is stored, and refuses what it cannot compare."""

import json
import lzma

import pandas as pd
import pytest

from experiments import run_study
from experiments.config.errors import ConfigError
from experiments.evaluate.__main__ import main
from experiments.evaluate.atlas import FOLDER, NAMES, load, store
from experiments.evaluate.evaluating import store_reference
from experiments.evaluate.protocol import BUDGETS


def test_a_newcomer_is_trained_compared_and_gets_one_page(reference, capsys):
    assert main(["serf", "budget=full"]) == 0
    printed = capsys.readouterr().out
    assert "Over these 3 data sets, at the learning rate that validation chose, serf " in printed
    assert "of 4 (plain). All were tuned alike" in printed
    page = (reference / "results/evaluate-serf/evaluation.html").read_text()
    assert page.count("<img") == 3
    assert "http" not in page.replace("http-equiv", "")
    assert {path.name for path in (reference / "results").iterdir()} == {"evaluate-serf", "protocol_v1", "reference"}
    main(["serf", "budget=full"])
    assert "0 replicas trained" in capsys.readouterr().out


def test_an_expression_of_a_stored_function_reproduces_its_numbers(reference, capsys):
    assert main(["x*sigmoid(x)"]) == 0
    printed = capsys.readouterr().out
    assert "x*sigmoid(x) is the same function as silu" in printed
    assert "The reference has silu. It is trained again here, which shows whether" in printed
    assert "All 30 test losses of silu are equal, bit by bit, to the stored ones." in printed
    assert main(["max(x,0)", "reference=tanh"]) == 0
    assert "max(x,0) is the same function as relu" in capsys.readouterr().out


def test_the_reference_has_a_row_for_each_reported_network_and_each_trial(reference):
    stored = load()
    for trials in sorted({budget.trials for budget in BUDGETS.values()}):
        assert (stored.chosen(trials).groupby(["dataset", "activation"])["seed"].nunique() == 10).all()
    assert (stored.trials.groupby(["dataset", "activation"]).size() == 4).all()
    tables = pd.read_csv(reference / "results/protocol_v1/replicas.csv")
    tuning = (
        tables[tables["purpose"] == "tuning"].groupby(["dataset", "activation", "lr"])["final_validation_error"].mean()
    )
    ours = stored.trials.set_index(["dataset", "activation", "lr"])["final_validation_error"]
    assert ours.sort_index().to_numpy() == pytest.approx(tuning.sort_index().to_numpy())
    best = stored.trials.sort_values(["final_validation_error", "final_validation_loss", "lr"])
    best = best.drop_duplicates(["dataset", "activation"]).set_index(["dataset", "activation"])["lr"]
    chosen = stored.chosen(4).drop_duplicates(["dataset", "activation"]).set_index(["dataset", "activation"])["lr"]
    assert (best.sort_index() == chosen.sort_index()).all()


def test_the_cost_of_a_step_is_on_the_page_and_an_activation_is_not_compared_with_itself(reference, capsys):
    main(["serf"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("A training step takes ")]
    assert "times as long as with relu (quartiles " in line
    assert line in (reference / "results/evaluate-serf/evaluation.html").read_text()
    main(["relu"])
    assert "A training step" not in capsys.readouterr().out


def test_a_stored_activation_has_its_place_in_the_ranking_of_all_comparisons(reference, capsys):
    main(["silu"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("In the stored ranking")]
    assert "of plain networks over 3 data sets, silu has the mean rank " in line
    assert line.endswith("not told apart from relu among 2 comparisons (Wilcoxon’s test with Holm).")
    assert line in (reference / "results/evaluate-silu/evaluation.html").read_text()
    main(["serf", "reference=tanh"])
    assert "In the stored ranking" not in capsys.readouterr().out
    assert (reference / "results/evaluate-serf/evaluation-against-tanh.html").exists()


def test_a_recipe_is_added_to_the_reference_that_is_there(reference, monkeypatch, capsys):
    plain = load()
    words = ("+experiment=protocol_v1", "dataset=iris", "activation=relu", "net.norm=batch", "tune.trials=4")
    one = plain._replace(facts={**plain.facts, "data": {"iris": plain.facts["data"]["iris"]}})
    store(one)
    monkeypatch.setattr("experiments.evaluate.evaluating.PROTOCOL_WORDS", words)
    for trials in (2, 4):
        run_study(*words[:-1], f"tune.trials={trials}")
    assert store_reference() == 0
    both = load()
    assert both.norms == {"none", "batch"}
    stored = both.replicas[both.replicas["norm"] == "none"].reset_index(drop=True)
    pd.testing.assert_frame_equal(stored, plain.replicas, check_like=True)
    assert both.facts["made"]["none"] == plain.facts["made"]["none"]
    store(one._replace(facts={**one.facts, "condition": {**one.facts["condition"], "epochs": 3}}))
    with pytest.raises(ConfigError, match="the stored reference has plain networks of another condition"):
        store_reference()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reluu"], "unknown activation 'reluu': did you mean relu?"),
        (["relu", "budget=0"], "budget=0: allowed: small, full"),
        (["relu", "suite=suite31"], "suite=suite31: did you mean 'suite30'?"),
        (["relu", "reference=elu"], "reference=elu: did you mean 'relu'?"),
        (["relu", "margin=5"], "margin=5: allowed is a share"),
        (["budget=small"], "the name or the expression of an activation comes first"),
        (["1/x"], "1/x"),
        (["sign"], "sign has the derivative 0 wherever it exists"),
        (["relu", "gelu"], "another one to compare it with is reference=gelu"),
        (["y"], "an expression is a function of x, in quotes; run: python -m experiments.evaluate 'x*tanh(x)'"),
        (["sin(z)"], "the variable of an expression is x, not z; run: python -m experiments.evaluate 'sin(x)'"),
        (
            ["x", "*", "tanh(x)", "budget=full"],
            "in quotes; run: python -m experiments.evaluate 'x * tanh(x)' budget=full",
        ),
        (["x", "README.md", "tanh", "x"], "in quotes; run: python -m experiments.evaluate 'x*tanh(x)'"),
        (["--stor"], "unknown option '--stor'"),
        (["relu", "bugdet=full"], "unknown argument 'bugdet=full': did you mean 'budget'?"),
    ],
)
def test_a_bad_argument_is_refused_in_one_line_before_anything_is_trained(arguments, message, reference, capsys):
    capsys.readouterr()
    assert main(arguments) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1
    assert not list((reference / "results").glob("evaluate-*"))


def test_a_reference_of_another_protocol_or_of_other_data_is_refused(reference, capsys):
    stored = load()
    for facts, message in (
        ({"protocol": "protocol_v0"}, "is of protocol_v0, and this version evaluates by protocol_v1"),
        ({"condition": stored.facts["condition"] | {"epochs": 3}}, "trained with epochs=3"),
        ({"data": stored.facts["data"] | {"wine": "0123"}}, "wine has other data here"),
    ):
        store(stored._replace(facts={**stored.facts, **facts}))
        assert main(["serf"]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"", b"[]", b'{"protocol": "protocol_v1"}', lzma.compress(b"a,b\n1,2\n")])
def test_a_damaged_reference_is_refused_in_one_line(name, content, reference, capsys):
    (reference / FOLDER / name).write_bytes(content)
    assert main(["serf"]) == 2
    line = capsys.readouterr().err
    assert f"the reference in {FOLDER}/ cannot be read: " in line
    assert line.count("\n") == 1


def test_a_rate_that_was_not_trained_is_named_and_not_left_out(reference):
    stored = load()
    lost = stored.replicas.assign(best_of_2=stored.replicas["best_of_2"] & (stored.replicas["dataset"] != "wine"))
    with pytest.raises(ConfigError, match="such as wine, have no network at the learning rate that 2 trials choose"):
        stored._replace(replicas=lost).chosen(2)


def test_without_a_reference_the_guide_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("experiments.evaluate.atlas.SHIPPED", ())
    assert main(["serf"]) == 2
    assert "docs/evaluate.md" in capsys.readouterr().err


def test_the_facts_of_the_reference_are_plain(reference):
    facts = json.loads((reference / FOLDER / "atlas.json").read_text())
    assert facts["protocol"] == "protocol_v1"
    assert facts["condition"]["optimizer"]["name"] == "adam"
    assert set(facts["data"]) == {"breast_cancer", "iris", "wine"}
