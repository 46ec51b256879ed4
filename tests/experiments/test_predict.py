"""The command that predicts new rows: they go through the reader, the encoding and the filling of the training file."""

import io
import sys

import numpy as np
import pandas as pd
import pytest

from experiments import run_study
from experiments.analysis.simple import PERCEPTRON
from experiments.export.__main__ import main as export
from experiments.networks import choose, load
from experiments.predict import main
from experiments.store.__main__ import main as store
from experiments.store.study import Study
from experiments.tables import winners
from tests.experiments.studies import store_baselines

WORDS = ("activation=relu,tanh", "dataset=csv", "dataset.path=churn.csv", "dataset.target=churned",
         "dataset.index=customer", 'dataset.na=["?"]', "dataset.missing=impute", "dataset.dates=numeric",
         "dataset.categories=[zip]", "epochs=3", "seeds=2", "net.hidden=[6]", "batch_size=8",
         "study=churn")  # fmt: skip


def customers(n=120):
    number = np.arange(n)
    frame = pd.DataFrame({"customer": [f"C{i}" for i in number], "age": number * 7 % 50 + 20.0})
    frame["plan"] = np.resize(["basic", "plus", None, "pro"], n)
    frame["zip"] = np.resize(["01234", "04109"], n)
    frame["since"] = (pd.Timestamp("2024-01-20") + pd.to_timedelta(number * 3 % 200, "D")).strftime("%d/%m/%Y")
    frame["spend"] = np.where(number % 9 == 4, "?", (number * 13 % 40 / 4).astype(str))
    frame["vip"] = number % 3 == 0
    return frame.assign(churned=np.where(frame["age"] + number % 5 > 45, "yes", "no"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a trained study."""
    folder = tmp_path_factory.mktemp("churn")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        customers().to_csv("churn.csv", index=False)
        run_study(*WORDS, "save=true")
    return folder


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def predict(capsys, *arguments):
    capsys.readouterr()
    code = main(list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_number_that_the_network_cannot_hold_is_refused_with_its_row(capsys):
    customers(3).assign(age=[30.0, 1e300, 40.0]).to_csv("huge.csv", index=False)
    code, out, error = predict(capsys, "study=churn", "huge.csv")
    assert (code, out) == (2, "")
    assert error == "predict: huge.csv: row 2: age is 1e+300, which a network of float32 cannot hold\n"


def test_the_rows_of_the_test_part_have_the_stored_test_error(capsys):
    from experiments.config.settings import from_record
    from experiments.data.split import prepare
    from experiments.store.reading import run_record

    chosen = choose({"study": "churn"})
    settings = from_record(run_record(chosen.folder))
    part = prepare(settings.data, settings.seeds, dtype=settings.dtype, **settings.division).split.test
    customers().iloc[part[chosen.network.seed]].to_csv("rows.csv", index=False)
    code, out, err = predict(capsys, "study=churn", "rows.csv")
    assert code == 0
    predicted = pd.read_csv(io.StringIO(out))
    truth = customers().iloc[part[chosen.network.seed]]
    replicas = pd.read_csv(chosen.folder / "replicas.csv").set_index("seed")
    error = (predicted["prediction"].to_numpy() != truth["churned"].to_numpy()).mean()
    assert error == replicas.loc[chosen.network.seed, "final_test_error"]
    assert list(predicted) == ["row", "customer", "prediction", "probability_no", "probability_yes"]
    assert predicted["customer"].tolist() == truth["customer"].tolist()
    assert predicted["row"].tolist() == list(range(1, len(truth) + 1))
    assert "the target 'churned' is in the file; it was not read\n" in err


def test_few_rows_are_predicted_as_among_many_in_any_order_of_the_columns(capsys, monkeypatch):
    customers().to_csv("rows.csv", index=False)
    whole = predict(capsys, "study=churn", "rows.csv")[1].splitlines()
    few = customers().iloc[[5, 1]].drop(columns="churned").iloc[:, ::-1].assign(note="x")
    few["vip"] = few["vip"].map({True: "TRUE", False: "FALSE"})
    content = few.to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, out, err = predict(capsys, "study=churn", "-")
    assert code == 0
    expected = [whole[0], whole[6].replace("6,", "1,", 1), whole[2]]
    assert [line.partition(",")[2] for line in out.splitlines()] == [line.partition(",")[2] for line in expected]
    assert "columns that the network does not know were not read: 'note'\n" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plan": "gold"}, "column 'plan' has the unknown category 'gold' in row 1"),
        ({"zip": "1234"}, "column 'zip' has the unknown category '1234' in row 1"),
        ({"spend": "much"}, "column 'spend' must hold numbers, not 'much' as in row 1"),
        ({"since": "soon"}, "column 'since' must hold dates such as 31/01/2026, not 'soon' as in row 1"),
        ({"age": None, "gone": "age"}, "the network needs the column age, but the file has customer, plan"),
    ],
)
def test_what_the_network_cannot_read_is_refused_in_one_line(capsys, change, message):
    frame = customers().iloc[:3].drop(columns=[change["gone"]] if "gone" in change else [])
    frame.assign(**{name: value for name, value in change.items() if "gone" not in change}).to_csv("a.csv", index=False)
    code, out, err = predict(capsys, "study=churn", "a.csv")
    assert (code, out) == (2, "")
    assert err.startswith(f"predict: a.csv: {message}")
    assert err.count("\n") == 1


def test_a_study_is_found_by_its_folder_from_anywhere(folder, capsys, tmp_path, monkeypatch):
    customers().to_csv("rows.csv", index=False)
    expected = predict(capsys, "study=churn", "rows.csv")[1]
    assert predict(capsys, "study=results/churn", "rows.csv")[:2] == (0, expected)
    monkeypatch.chdir(tmp_path)
    customers().to_csv("rows.csv", index=False)
    assert "study=PATH/TO/results/churn" in predict(capsys, "study=churn", "rows.csv")[2]
    assert predict(capsys, f"study={folder}/results/churn/", "rows.csv")[:2] == (0, expected)
    assert export([f"study={folder}/results/churn", "format=sklearn"]) == 0
    assert not list(tmp_path.glob("results"))
    code, _, err = predict(capsys, f"run={folder}/results/churn", "rows.csv")
    assert code == 2
    assert err.endswith(f"is a study, and no run of one: write study={folder}/results/churn instead\n")
    run = next(folder.glob("results/churn/runs/*"))
    assert predict(capsys, f"study={run}", "rows.csv") == (
        2,
        "",
        f"predict: study={run} is a run: write run={run} instead\n",
    )
    assert "this folder is no study" in predict(capsys, f"study={run.parent}", "rows.csv")[2]
    monkeypatch.chdir(folder)
    assert predict(capsys, "run=churn", "rows.csv")[2].endswith("write study=churn instead\n")


def test_rows_unlike_those_of_the_training_are_counted_by_column(capsys):
    rows = customers(6)
    rows.to_csv("rows.csv", index=False)
    assert "caution" not in predict(capsys, "study=churn", "rows.csv")[2]
    rows.loc[[0, 1], "age"], rows.loc[1, "since"], rows.loc[2, "spend"] = 900, "01/02/2034", "?"
    rows.to_csv("rows.csv", index=False)
    code, _, err = predict(capsys, "study=churn", "rows.csv")
    assert code == 0
    assert "caution: 2 of 6 rows are unlike the training rows" in err
    assert "rows by column: age 2, since 1\n" in err


def test_an_infinite_cell_is_refused_with_its_row_and_column(capsys):
    customers(3).assign(age=[30, np.inf, 40]).to_csv("rows.csv", index=False)
    code, out, err = predict(capsys, "study=churn", "rows.csv")
    assert (code, out) == (2, "")
    assert err == "predict: rows.csv: inputs are NaN or infinite: age in row 2\n"


def test_a_simple_model_that_was_as_good_is_named(folder, capsys):
    customers(3).to_csv("rows.csv", index=False)
    run, path = choose({"study": "churn"}).folder.name, folder / "results/churn/baselines.csv"
    replicas = pd.read_csv("results/churn/replicas.csv")
    error = replicas[replicas["selected"] & (replicas["run"] == run)]["final_test_error"].mean()
    for change, is_named in ((0, True), (0.01, False)):
        store_baselines(Study("churn"), {"linear SVM": error + change, PERCEPTRON: 0})
        assert ("caution: linear SVM, a simple model" in predict(capsys, "study=churn", "rows.csv")[2]) == is_named
    store_baselines(Study("churn"), {"linear SVM": 0})
    for stored in (path.read_text().replace(",0,", ",7,"), "damaged"):  # another seed's; not a table
        path.write_text(stored)
        code, _, err = predict(capsys, "study=churn", "rows.csv")
        assert (code, "a simple model" in err) == (0, False)
    path.unlink()


def test_another_separator_is_read_by_the_option_that_the_refusal_names(capsys):
    customers().to_csv("a.csv", index=False, sep=";")
    assert predict(capsys, "study=churn", "a.csv")[2].endswith("add dataset.separator=semicolon\n")
    assert predict(capsys, "study=churn", "a.csv", "dataset.separator=semicolon")[0] == 0


def test_a_regression_has_the_ends_of_the_interval_that_its_output_models(capsys):
    run_study("dataset=diabetes", "output=gaussian_nll", "epochs=2", "seeds=1", "optimizer=adam", "save=true",
              "net.hidden=[4]", "study=sugar")  # fmt: skip
    network = choose({"study": "sugar"}).network
    pd.DataFrame(np.ones((2, len(network.features))), columns=network.features).to_csv("a.csv", index=False)
    code, out, _ = predict(capsys, "study=sugar", "a.csv")
    predicted = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert list(predicted) == ["row", "prediction", "low_90", "high_90"]
    assert (predicted["low_90"] < predicted["prediction"]).all()
    assert (predicted["prediction"] < predicted["high_90"]).all()


def test_export_of_a_study_takes_the_condition_with_the_lowest_validation_error(folder, capsys):
    replicas = pd.read_csv("results/churn/replicas.csv")
    means = replicas[replicas["selected"]].groupby("run")[["final_validation_error", "final_validation_loss"]].mean()
    winner = means.sort_values(["final_validation_error", "final_validation_loss"]).index[0]
    capsys.readouterr()
    assert export(["study=churn", "format=sklearn"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"the winner of study churn is {winner}: of 2 conditions, the lowest mean final validation")
    assert (folder / "results/churn/runs" / winner / "network.joblib").exists()


def test_test_data_choose_no_winner_and_a_diverged_replica_ranks_last():
    rows = [
        ("a", 0, 0.2, "done", 0.0),
        ("a", 1, 0.2, "done", 0.0),
        ("b", 0, 0.1, "done", 0.9),
        ("b", 1, 0.1, "done", 1),
    ]
    columns = ["run", "seed", "final_validation_error", "status", "final_test_error"]
    replicas = pd.DataFrame(rows, columns=columns).assign(lr=0.1, task_id="t", final_validation_loss=1.0)
    assert winners(replicas).index[0] == ("t", "b")
    replicas.loc[3, "status"] = "diverged"
    assert winners(replicas).index[0] == ("t", "a")


def test_where_no_network_was_kept_the_command_keeps_them_also_in_a_renamed_study(capsys):
    run_study(*WORDS[:-1], "study=bare")
    assert store(["rename", "bare", "other"]) == 0
    code, out, err = predict(capsys, "study=other", "churn.csv")
    assert (code, out) == (2, "")
    assert "keeps no networks; run: python run.py activation=" in err
    assert err.endswith("study=other save=true\n")


def test_a_study_of_several_data_sets_needs_the_name_of_one(capsys):
    run_study("dataset=iris,wine", "epochs=1", "seeds=1", "net.hidden=[4]", "save=true", "study=two")
    assert export(["study=two"]) == 2
    assert "has several data sets: allowed is dataset=NAME of iris, wine" in capsys.readouterr().err
    assert export(["study=two", "dataset=wine"]) == 0
    assert load(choose({"study": "two", "dataset": "wine"}).folder).best.run.startswith("wine-")
