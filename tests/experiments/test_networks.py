"""Networks that were kept: they predict what was recorded, for every activation and pairing, here and in ONNX."""

import json
import shlex
import shutil
import warnings
from dataclasses import replace
from io import BytesIO

import joblib
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx.reference import ReferenceEvaluator
from sklearn.impute import SimpleImputer

from experiments import load as load_networks
from experiments import run_study
from experiments.config.errors import ConfigError
from experiments.data.columns import Numbers
from experiments.data.sets import load as load_data
from experiments.data.split import prepare
from experiments.data.table import Data
from experiments.export.__main__ import main
from experiments.export.onnx_file import to_onnx
from experiments.export.pipeline import to_sklearn
from experiments.networks import load
from experiments.store.collecting import collect
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from experiments.sweep.scheduling import train_all
from experiments.tables import chosen_rates
from nets.activations import ACTIVATIONS, ELU, GELU, GLU, SELU, Maxout, PReLU, ReLU
from nets.formula import Formula
from nets.network import Network, Recipe
from nets.norms import NORMS
from nets.outputs import OUTPUTS
from tests.experiments.data.examples import holed, imputing, table

SMALL = ("net.hidden=[5,4]", "epochs=2", "seeds=2", "optimizer.lr=[0.05,0.1]", "save=true")
OF_TASK = {
    "classification": (("dataset=iris",), ("dataset=breast_cancer",)),
    "regression": (("dataset=diabetes",), ("dataset=linnerud", "batch_size=4")),
}
CONDITIONS = (
    [(f"activation={name}", "dataset=iris") for name in ACTIVATIONS]
    + [
        (f"output={name}", *data, *(["optimizer.clip_norm=0.1"] if output.scaling == "none" else []))
        for name, output in OUTPUTS.items()
        for task, datasets in OF_TASK.items()
        if task in output.tasks
        for data in datasets
    ]
    + [
        ("activation=maxout", "activation.pieces=5", "dataset=iris"),
        ("activation=gelu", "activation.approximate=tanh", "dataset=iris"),
        ("activation=prelu", "activation.per=layer", "dataset=iris"),
        ("activation=leaky_relu", "activation.slope=0", "dataset=iris"),
        ("activation=elu", "activation.alpha=0.3", "dataset=digits"),
        ("activation=formula", 'formula.expression="x*sigmoid(b*x)+log1p(abs(x))"', "formula.parameters={b: 1.5}"),
        ("activation=formula", 'formula.expression="expm1(min(x,0))+max(sin(x),cos(x))-sqrt(1+x**2)/2"'),
        ("activation=formula", 'formula.expression="where(x+0.2,log(x+1),atan(x)+step(x+1)-asinh(x))*sign(x+2)"'),
        (
            "activation=formula",
            'formula.expression="b*x0*sigmoid(x1)+where(x1,logsigmoid(x0),a)"',
            "formula.parameters={a: 0.5, b: 1}",
            "activation.per=unit",
            "dataset=iris",
        ),
        ("dataset=diabetes",),
        ("dataset=linnerud", "batch_size=4"),
        ("dataset=iris", "net.hidden=[]"),
        ("dataset=iris", "dtype=float64"),
    ]
    + [
        ("net.norm=batch", "net.residual=true", "net.hidden=[5,5]", "dataset=diabetes", "net.dropout=0.25"),
        ("net.norm=batch", "activation=maxout", "dataset=breast_cancer", "net.input_dropout=0.1", "dtype=float64"),
        ("net.norm=layer", "net.residual=true", "net.hidden=[5,5]", "activation=prelu", "dataset=iris"),
        ("net.norm=layer", "activation=glu", "dataset=linnerud", "batch_size=4"),
        (
            "net.dropout=0.5",
            "activation=selu",
            "output=softmax_ce",
            "output.label_smoothing=0.1",
            "optimizer.clip_norm=1",
        ),
        ("net.norm=batch", "early_stopping.patience=1", "dataset=iris", "epochs=4", "schedule.warmup=2"),
    ]
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(settings):
    """Return a function that trains a condition: `trained("dataset=iris")` is (settings, its run's folder)."""

    def run(*overrides):
        one = settings(*SMALL, *overrides)
        study = Study(one.study)
        train_all([replace(Job.of(one), study=study)])
        assert study.run(one.run).failure() is None
        collect(study)
        return one, study.run(one.run).path

    return run


@pytest.mark.parametrize("overrides", CONDITIONS, ids=" ".join)
def test_a_network_predicts_what_was_recorded_and_onnx_the_same(trained, overrides):
    settings, run = trained(*overrides)
    data, networks = settings.data, load(run)
    replicas = pd.read_csv(run / "replicas.csv")
    assert [(each.lr, each.seed) for each in networks] == list(zip(replicas["lr"], replicas["seed"], strict=True))
    scaling = settings.output.scaling
    prepared = prepare(data, settings.seeds, dtype=settings.dtype, **settings.division, scaling=scaling)
    predicted = networks.predict(data.inputs)
    for network, one, error, loss in zip(
        networks, predicted, replicas["final_test_error"], replicas["final_validation_loss"], strict=True
    ):
        rows = prepared.split.test[network.seed]
        assert network.validation_loss == loss
        if data.task == "classification":
            assert (one[rows].astype(str) != np.array(data.classes)[data.targets[rows]]).mean() == error
        else:
            difference = one[rows].reshape(len(rows), -1) - data.targets[rows]
            scale = 1 if data.targets.shape[1] == 1 else data.targets[prepared.split.train[network.seed]].std(axis=0)
            assert np.sqrt(np.mean((difference / scale) ** 2)) == pytest.approx(error, rel=1e-5)
    rate = chosen_rates(replicas)[settings.run]
    best = replicas[replicas["lr"] == rate].sort_values(["final_validation_error", "final_validation_loss"]).iloc[0]
    assert (networks.best.lr, networks.best.seed) == (rate, best["seed"])
    agree(networks.best, data.inputs)
    pipeline_agrees(networks.best, data.inputs)


def pipeline_agrees(network, inputs):
    """Compare a network with its scikit-learn pipeline."""
    pipeline = joblib.load(BytesIO(to_sklearn(network)))
    table = pd.DataFrame(inputs, columns=network.features)
    assert hasattr(pipeline, "predict_proba") == bool(network.output.probabilities)
    if network.task == "regression":
        np.testing.assert_allclose(pipeline.predict(table), network.predict(inputs), rtol=1e-5, atol=1e-5)
        if network.output.distribution_from_scores:
            ours = network.predict_distribution(inputs)
            theirs = pipeline[-1].predict_distribution(pipeline[:-1].transform(table))
            for name, values in vars(ours).items():
                np.testing.assert_allclose(getattr(theirs, name), values, rtol=1e-4, atol=1e-4)
        return
    assert (pipeline.predict(table) == network.predict(inputs)).all()
    if network.output.probabilities:
        np.testing.assert_allclose(pipeline.predict_proba(table), network.predict_proba(inputs), rtol=1e-5, atol=1e-7)


def agree(network, inputs):
    """Compare a network with its ONNX file; scale of the differences: the numbers themselves, at least 1."""
    session = onnxruntime.InferenceSession(to_onnx(network))
    names = [output.name for output in session.get_outputs()]
    theirs = dict(zip(names, session.run(None, {"inputs": inputs}), strict=True))
    if network.task == "regression":
        values = network.predict(inputs).reshape(len(inputs), -1)
        np.testing.assert_allclose(theirs["values"], values, rtol=1e-5, atol=1e-5)
        further = {"log_variance": ("std", "std"), "quantile": ("quantiles", "values")}
        further = dict(further[role] for role in network.output.roles if role in further)
        assert names == ["values", *further]
        for name, attribute in further.items():
            ours = getattr(network.predict_distribution(inputs), attribute)
            np.testing.assert_allclose(theirs[name], ours, rtol=1e-5, atol=1e-4)
        return
    name = "probabilities" if network.output.probabilities else "scores"
    ours = (network.predict_proba if network.output.probabilities else network.scores)(inputs)
    np.testing.assert_allclose(theirs[name], ours, rtol=1e-5, atol=1e-5)
    assert names == ["label", name]
    z = np.sort(network.scores(inputs))
    margin = z[:, -1] - (z[:, -2] if z.shape[1] > 1 else network.output.threshold)
    assert (theirs["label"] == network.predict(inputs))[np.abs(margin) > 1e-4].all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_exported_expression_is_the_activation_where_networks_do_not_go(trained, name):
    """A layer whose pre-activations are the inputs, from -30 to 30."""
    _, run = trained("activation=" + name, "dataset=iris")
    network = load(run).best
    activation = network.activation
    wide = Network(1, (1,), 3, activation, 1)
    wide.layers[0].weight[:] = 1
    if activation.pieces > 1:
        wide.layers[0].weight[0, 0, 1] = -0.5
    wide.layers[1].weight[:] = [1, 2, 3]
    scales = {"input_mean": np.zeros(1), "input_scale": np.ones(1)}
    scores = replace(network, network=wide, features=["x"], scales=scales, output=OUTPUTS["linear_mse"]())
    agree(scores, np.linspace(-30, 30, 601)[:, None])


@pytest.mark.parametrize(
    "activation", [ACTIVATIONS["rational"](), Formula("bend", "x*x*x/(1+x*x)")], ids=lambda a: a.name
)
def test_the_exported_quotient_is_finite_where_its_terms_overflow(trained, activation):
    """The fifth power of 10^7.7 is no number of float32."""
    _, run = trained("dataset=iris")
    known, wide = load(run).best, Network(1, (1,), 1, activation, 1)
    for layer in wide.layers:
        layer.weight[:] = 1
    scales = {"input_mean": np.zeros(1), "input_scale": np.ones(1)}
    one = replace(known, network=wide, activation=activation, features=["x"], scales=scales)
    file = to_onnx(replace(one, output=OUTPUTS["linear_mse"]()))
    far = np.geomspace(1e-3, 1e37, 161)[:, None]
    inputs = np.concatenate([-far, far])
    expected = activation(inputs)
    for session in (onnxruntime.InferenceSession(file), ReferenceEvaluator(onnx.load_from_string(file))):
        scores = session.run(["scores"], {"inputs": inputs})[0]
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("residual", [False, True], ids=["", "residual"])
@pytest.mark.parametrize("norm", ["none", *NORMS])
def test_networks_with_a_recipe_are_the_same_in_onnx_and_in_scikit_learn(trained, norm, residual):
    """In the middle of a training: no statistics, scale or shift is that of the start."""
    settings, run = trained("dataset=iris")
    known = load(run).best
    inputs, random = np.vstack([settings.data.inputs, 3 * settings.data.inputs]), np.random.default_rng(0)
    formula = Formula("swish", "x * sigmoid(b * x)", {"b": 1.5})
    for activation in (ReLU(), ELU(), SELU(), GELU(), PReLU(), PReLU(per="layer"), Maxout(pieces=3), GLU(), formula):
        recipe = Recipe(norm, dropout=0.5, input_dropout=0.25, residual=residual)
        network = Network(4, (6, 6, 6, 3), 3, activation, 1, "float32", recipe)
        network.parameters[:] = random.normal(size=network.parameters.shape) * 0.5
        network.statistics[:] = random.uniform(0.2, 2, network.statistics.shape)
        assert any(network.skips) == residual
        one = replace(known, network=network, activation=activation)
        agree(one, inputs)
        pipeline_agrees(one, inputs)


def test_probabilities_are_those_of_the_classes(trained):
    for overrides in (("dataset=iris",), ("dataset=iris", "output=sigmoid_ce"), ("dataset=breast_cancer",)):
        settings, run = trained(*overrides)
        network = load_networks(run).best
        p = network.predict_proba(settings.data.inputs)
        assert p.shape == (len(settings.data.inputs), len(settings.data.classes))
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
        assert (np.array(network.classes)[p.argmax(axis=1)] == network.predict(settings.data.inputs)).all()
    _, run = trained("dataset=iris", "output=linear_hinge")
    with pytest.raises(ValueError, match="output=linear_hinge gives no probabilities: use scores or predict"):
        load(run).best.predict_proba(load_data("iris").inputs)


@pytest.mark.parametrize("name", [name for name, output in OUTPUTS.items() if output.distribution_from_scores])
def test_a_distribution_is_that_of_the_scores_in_the_targets_unit(trained, name):
    settings, run = trained(f"output={name}", "dataset=diabetes", "optimizer.clip_norm=0.1", "optimizer.lr=[0.01]")
    network = load(run).best
    inputs, targets = settings.data.inputs, settings.data.targets
    distribution = network.predict_distribution(inputs)
    np.testing.assert_allclose(distribution.point[:, 0], network.predict(inputs), rtol=1e-6)
    low, high = distribution.interval(0.9)
    assert low.shape == high.shape == targets.shape
    if name != "quantile":
        scale = network.scales["target_scale"]
        own = network.output.cost(network.scores(inputs)[None].astype(float), scaled_targets(network, targets)[None])[0]
        nll = distribution.nll(targets)[:, 0]
        np.testing.assert_allclose(nll, own + np.log(scale), rtol=1e-5)


def scaled_targets(network, targets):
    return (targets - network.scales["target_mean"]) / network.scales["target_scale"]


@pytest.mark.parametrize(
    ("data", "output"), [("diabetes", "linear_mse"), ("diabetes", "linear_huber"), ("iris", "auto")]
)
def test_without_a_modelled_spread_there_is_no_distribution(trained, data, output):
    settings, run = trained(f"dataset={data}", f"output={output}")
    name = load(run).best.output.name
    message = f"^the scores of output={name} give no distribution: predict_distribution needs one of exp_poisson, gauss"
    with pytest.raises(ValueError, match=message):
        load(run).best.predict_distribution(settings.data.inputs)


def test_a_table_is_predicted_from_its_own_columns(trained, folder):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"size": generator.normal(size=80), "colour": generator.choice(["red", "blue"], 80)})
    frame["kind"] = np.where(frame["size"] > 0, "big", "small")
    frame.to_csv("things.csv", index=False)
    settings, run = trained("dataset=csv", "dataset.path=things.csv", "dataset.target=kind", "batch_size=8")
    networks = load(run)
    own = networks.predict(frame[["colour", "size"]])
    assert own.shape == (4, 80)
    assert (own == networks.predict(settings.data.inputs)).all()
    assert (own == networks.predict(pd.DataFrame(settings.data.inputs, columns=settings.data.features))).all()
    for inputs, message in (
        (frame.assign(colour="green"), "unknown category 'green'"),
        (frame[["size"]], "there is no column 'colour'"),
        (settings.data.inputs[:, :2], r"inputs of shape \(80, 2\): allowed is \(rows, 3\)"),
        (
            np.full((1, 3), np.nan),
            "inputs are NaN or infinite: size in row 1, colour=blue in row 1, colour=red in row 1",
        ),
        (frame.assign(size="big"), "column 'size' must hold numbers, not text"),
        (["big"], "inputs must be rows of numbers, or a table, not text"),
        ([["1", "0", "1"]], "inputs must be rows of numbers, or a table, not text"),
        (np.array([["1", 0, 1]], object), "inputs must be rows of numbers, or a table, not values of several types"),
        (np.zeros((1, 3), "datetime64[D]"), "inputs must be rows of numbers, or a table, not dates"),
        ([[1, 0], [1, 0, 1]], "inputs must be rows of numbers, or a table: the rows have different lengths"),
    ):
        with pytest.raises(ValueError, match=message):
            networks.best.predict(inputs)
    assert networks.best.predict(settings.data.inputs[:0]).shape == (0,)
    pipeline = joblib.load(BytesIO(to_sklearn(networks.best)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for inputs in (frame[["colour", "size"]], settings.data.inputs):
            assert (pipeline.predict(inputs) == networks.best.predict(inputs)).all()


@pytest.mark.parametrize("values", [[1, 2], [-1, 1], [False, True], ["01", "2"]])
def test_classes_are_those_of_the_table(trained, values):
    x = np.linspace(-1, 1, 80)
    frame = pd.DataFrame({"x": x, "other": x**2, "y": np.array(values, object)[(x > 0).astype(int)]})
    if isinstance(values[0], str):  # a CSV's 01 is the number 1
        np.savez("table.npz", **{name: frame[name].to_numpy(str if name == "y" else float) for name in frame})
    else:
        frame.to_csv("table.csv", index=False)
    path = "table.npz" if isinstance(values[0], str) else "table.csv"
    _, run = trained("dataset=csv", f"dataset.path={path}", "dataset.target=y", "optimizer.lr=[0.5]", "epochs=30")
    best = load(run).best
    assert best.classes == values
    predicted = best.predict(frame)
    assert (predicted == frame["y"].to_numpy(type(values[0]))).mean() > 0.9
    pipeline = joblib.load(BytesIO(to_sklearn(best)))
    assert (pipeline.predict(frame[["x", "other"]]) == predicted).all()
    session = onnxruntime.InferenceSession(to_onnx(best))
    assert (session.run(["label"], {"inputs": frame[["x", "other"]].to_numpy()})[0] == predicted).all()


# --- missing values


@pytest.fixture
def holed_networks(settings):
    """Return a function that trains networks on data with missing values."""

    def run(task, *overrides):
        dataset = "dataset=diabetes" if task == "regression" else "dataset=breast_cancer"
        one = replace(settings(*SMALL, "batch_size=8", dataset, *overrides), data=imputing(task))
        study = Study(one.study)
        train_all([replace(Job.of(one), study=study)])
        assert study.run(one.run).failure() is None
        collect(study)
        return one, load(study.run(one.run).path)

    return run


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_rows_with_missing_cells_are_predicted_as_in_training_and_everywhere_the_same(holed_networks, task):
    settings, networks = holed_networks(task)
    data, best = settings.data, networks.best
    agree(best, data.inputs)
    pipeline_agrees(best, data.inputs)
    prepared = prepare(data, settings.seeds, dtype=settings.dtype, **settings.division)
    filled = np.where(np.isnan(data.inputs), prepared.input_fill[best.seed], data.inputs)
    filled[:, 2] = np.isnan(data.inputs[:, 1])
    plain = replace(best, columns=(), scales={name: best.scales[name] for name in best.scales if name != "input_fill"})
    assert (plain.predict(filled) == best.predict(data.inputs)).all()
    with pytest.raises(ValueError, match=r"inputs are NaN or infinite: a in row \d+, n in row \d+, colour=blue in row"):
        plain.predict(data.inputs)
    frame = holed()
    assert (best.predict(frame) == best.predict(data.inputs)).all()
    assert (best.predict(pd.DataFrame(data.inputs, columns=data.features)) == best.predict(data.inputs)).all()
    pipeline = joblib.load(BytesIO(to_sklearn(best)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(pipeline[:-1].transform(frame), pipeline[:-1].transform(data.inputs))
    imputer = next(step for step in pipeline if isinstance(step, SimpleImputer))
    assert (imputer.statistics_ == prepared.input_fill[best.seed]).all()


def test_an_indicator_and_a_block_of_categories_cannot_disagree_with_a_missing_cell(holed_networks):
    _, networks = holed_networks("classification")
    best, inputs = networks.best, imputing().inputs
    known = ~np.isnan(inputs)
    for column, row, value, message in (
        (2, known[:, 1], 1, r"'n=\(missing\)' must be 1 where 'n' is NaN"),
        (17, known[:, 9], 1, r"'when=\(missing\)' must be 1 where 'when \(days\)' is NaN"),
        (4, ~known[:, 3], 0, "all inputs of column 'colour'"),
    ):
        wrong = inputs.copy()
        wrong[row, column] = value
        with pytest.raises(ValueError, match=message):
            best.predict(wrong)
    for value in (0, np.nan):  # an indicator that says nothing follows from its number
        silent = inputs.copy()
        silent[:, [2, 17]] = value
        assert best.scores(silent).tobytes() == best.scores(inputs).tobytes()
        assert np.isnan(silent[:, 2]).all() == np.isnan(value)
    # ONNX cannot refuse: the indicator follows from its number.
    session = onnxruntime.InferenceSession(to_onnx(best))
    wrong = inputs.copy()
    wrong[:, 2] = 1 - wrong[:, 2]
    theirs = [session.run(["probabilities"], {"inputs": rows})[0] for rows in (inputs, wrong)]
    assert theirs[0].tobytes() == theirs[1].tobytes()


def test_a_network_that_fills_only_numbers_has_no_step_for_columns(settings):
    columns = (Numbers("a", imputes=True), Numbers("b", imputes=True))
    inputs = np.random.default_rng(0).normal(size=(60, 2))
    data = Data("numbers", "regression", inputs, inputs.sum(axis=1), features=["a", "b"], columns=columns)
    one = replace(settings(*SMALL, "batch_size=8", "dataset=diabetes"), data=data)
    study = Study(one.study)
    train_all([replace(Job.of(one), study=study)])
    best = load(study.run(one.run).path).best
    inputs[::4, 0] = np.nan
    agree(best, inputs)
    assert best.predict([[None, None]]) == best.predict(np.full((1, 2), np.nan))
    frame = pd.DataFrame(inputs, columns=["a", "b"])
    pipeline = joblib.load(BytesIO(to_sklearn(best)))
    assert [type(step).__name__ for step in pipeline] == ["SimpleImputer", "StandardScaler", "MLPRegressor"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(pipeline.predict(frame), best.predict(frame), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("change", ["text", "dates", "true and false", "missing"])
def test_another_type_of_column_is_refused_by_network_and_pipeline(trained, change):
    frame = table(80)
    frame.to_csv("mine.csv", index=False)
    _, run = trained("dataset=csv", "dataset.path=mine.csv", "dataset.target=y", "batch_size=8")
    best = load(run).best
    column = {
        "text": frame["a"].astype(str),
        "dates": pd.Series(pd.Timestamp("2026-01-31"), frame.index),
        "true and false": frame["a"] > 0,
        "missing": frame["a"].where(frame["a"] > 0),
    }[change]
    message = {"missing": r"'a' has \d+ missing values, .* dataset\.missing=impute$"}
    for predict in (best.predict, joblib.load(BytesIO(to_sklearn(best))).predict):
        with pytest.raises(ValueError, match=message.get(change, f"^column 'a' must hold numbers, not {change}$")):
            predict(frame.assign(a=column))


@pytest.mark.parametrize("missing", ["impute", "category"])
def test_a_file_with_missing_cells_trains_networks_that_predict_its_rows_and_later_ones(trained, missing):
    frame = holed(120).drop(columns="when").assign(code=np.arange(120) % 3, y=np.arange(120) % 2)
    frame.loc[::7, "code"] = None
    frame.to_csv("mine.csv", index=False)
    _, run = trained(
        "dataset=csv", "dataset.path=mine.csv", "dataset.target=y", f"dataset.missing={missing}", "batch_size=8",
        "dataset.categories=[code]",
    )  # fmt: skip
    best = load(run).best
    later = pd.read_csv("mine.csv").drop(columns="y")
    assert later["code"].dtype.kind == "f"
    predicted = best.predict(later)
    assert (best.predict(later.assign(code=later["code"].astype("Int64"))) == predicted).all()
    assert (joblib.load(BytesIO(to_sklearn(best))).predict(later) == predicted).all()
    alone = later[later["code"].notna()].iloc[:1]
    assert best.predict(alone.assign(code=alone["code"].astype(int))) == best.predict(alone)
    empty = later.iloc[:1].assign(**dict.fromkeys(later.columns))
    assert best.predict(empty).shape == (1,)


# --- what is kept


def sweep(settings, *overrides):
    """Run a sweep of one job; return what `capsys` can read, and how many replicas were trained."""
    job = Job.of(settings(*SMALL, "dataset=iris", *overrides))
    run_sweep([job])
    return job.folder.path, len(job.missing)


def test_a_run_that_is_finished_without_networks_is_trained_for_them_and_says_so(settings, capsys):
    run, count = sweep(settings, "save=false")
    tables = {path.name: path.read_bytes() for path in run.glob("*.csv") if path.name != "timing.csv"}
    assert count == 4
    with pytest.raises(ConfigError, match=r"keeps no networks; run: python run\.py save=true$"):
        load(run)
    capsys.readouterr()
    assert sweep(settings)[1] == 4
    assert "4 finished replicas are retrained: their networks were not kept" in capsys.readouterr().out
    assert {name: (run / name).read_bytes() for name in tables} == tables
    assert len(load(run)) == 4
    assert sweep(settings)[1] == 0
    assert "retrained" not in capsys.readouterr().out


@pytest.mark.parametrize("save", ["true", "false"])
def test_a_run_that_diverged_says_so(settings, capsys, save):
    words = (*SMALL[:3], "dataset=iris", "optimizer.lr=[1e29,1e30]", f"save={save}")
    job = Job.of(settings(*words), words)
    run_sweep([job])
    run = job.folder.path
    capsys.readouterr()
    assert main([f"run={run}"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert (
        "keeps no networks: all of its replicas diverged. Try a smaller learning rate. Run: python run.py " in message
    )
    assert message.endswith(" dataset=iris optimizer.lr=1e+28 save=true\n")
    assert message.count("optimizer.lr=") == message.count("save=") == 1


def test_networks_are_merged_and_never_those_of_other_numbers(settings):
    run, _ = sweep(settings, "seeds=[2,0]")
    first = {(each.lr, each.seed): each.network.parameters.tobytes() for each in load(run)}
    assert sweep(settings, "seeds=[1]", "save=false")[1] == 2
    assert {(each.lr, each.seed) for each in load(run)} == set(first)
    assert sweep(settings, "seeds=3")[1] == 2
    merged = {(each.lr, each.seed): each.network.parameters.tobytes() for each in load(run)}
    assert list(merged) == [(lr, seed) for lr in (0.05, 0.1) for seed in range(3)]
    assert {key: merged[key] for key in first} == first
    sweep(settings, "seeds=[0]", "save=false", "force=true")
    assert [each.seed for each in load(run)] == [1, 2, 1, 2]


def test_a_diverged_replica_has_no_network_and_is_not_asked_for_one(settings):
    diverging = ("optimizer.lr=[0.05,1e6]", "output=linear_mse", "epochs=20")
    run, _ = sweep(settings, *diverging)
    assert {each.lr for each in load(run)} == {0.05}
    assert sweep(settings, *diverging)[1] == 0
    sweep(settings, *diverging, "optimizer.lr=[0.05]", "save=false", "force=true")
    with pytest.raises(ConfigError, match="keeps no networks"):
        load(run)


def test_a_damaged_or_strange_file_is_refused(settings, folder):
    run, _ = sweep(settings)
    alone = folder / "alone.npz"
    shutil.copy(run / "network.npz", alone)
    assert len(load(alone)) == 4
    alone.write_bytes(alone.read_bytes()[:-50])
    with pytest.raises(ConfigError, match=r"is no network.npz of this version"):
        load(alone)
    (run / "network.npz").write_bytes((run / "network.npz").read_bytes()[:-50])
    with pytest.raises(ConfigError, match="holds no run whose files are as they were written"):
        load(run)
    assert sweep(settings)[1] == 4
    assert len(load(run)) == 4
    for path in ("nowhere", "/"):
        with pytest.raises(ConfigError, match=r"holds no run|there is no folder"):
            load(path)


def test_nothing_of_a_network_file_is_a_pickle(settings):
    run, _ = sweep(settings)
    with np.load(run / "network.npz", allow_pickle=False) as file:
        kinds = {name: file[name].dtype.kind for name in file.files}
        assert json.loads(str(file["about"]))["classes"] == ["setosa", "versicolor", "virginica"]
    assert "O" not in kinds.values()
    assert "network.npz" in json.loads((run / "status.json").read_text())["files"]


# --- which one is the best

DISAGREEING = {
    # By learning rate and seed: validation error and loss after the last epoch, and the error at the best epoch.
    (0.05, 0): (0.20, 0.30, 0.20),
    (0.05, 1): (0.20, 0.31, 0.20),
    (0.1, 0): (0.10, 0.42, 0.25),
    (0.1, 1): (0.10, 0.41, 0.25),
    (0.2, 0): (0.05, 0.70, 0.10),
    (0.2, 1): (0.25, 0.60, 0.10),
}


def choosing(networks, scores=DISAGREEING, tuning=(), **cells):
    """Return the networks as if the replicas of their run had these scores, and those of `tuning` seeds tuned it."""
    columns = ["final_validation_error", "final_validation_loss", "best_validation_error"]
    replicas = pd.DataFrame([dict(zip(columns, row, strict=True)) for row in scores.values()])
    keys = {"run": networks[0].run, "status": "done", "best_validation_loss": 0.1}
    replicas = replicas.assign(lr=[lr for lr, _ in scores], seed=[seed for _, seed in scores], **keys | cells)
    files = dict(networks.files) | {"replicas.csv": replicas.to_csv(index=False).encode()}
    return replace(networks, files=files | {"tuning.json": json.dumps({"seeds": list(tuning)}).encode()})


@pytest.fixture
def six(settings):
    run, _ = sweep(settings, "optimizer.lr=[0.05,0.1,0.2]")
    return load(run)


@pytest.mark.parametrize(("select", "best"), [("error", (0.1, 1)), ("loss", (0.05, 0)), ("best_epoch_error", (0.2, 0))])
def test_the_best_network_has_the_chosen_rate_and_then_the_lowest_error(six, select, best):
    networks = choosing(six)
    chosen = networks.selected(select)
    assert (chosen.lr, chosen.seed) == best
    assert select != "error" or networks.best is chosen


def test_a_tuning_seed_chooses_the_rate_but_is_not_the_best_network(six):
    networks = choosing(six, DISAGREEING | {(0.05, 1): (0.01, 0.31, 0.2)}, tuning=[1])
    assert (networks.best.lr, networks.best.seed) == (0.05, 0)


def test_a_file_alone_is_chosen_by_the_loss(six, settings):
    run = Study("default").run(six[0].run).path
    alone = load(run / "network.npz")
    losses = {(each.lr, each.seed): each.validation_loss for each in alone}
    rate = min({lr for lr, _ in losses}, key=lambda lr: losses[lr, 0] + losses[lr, 1])
    assert (alone.best.lr, alone.best.validation_loss) == (rate, min(losses[rate, 0], losses[rate, 1]))
    with pytest.raises(
        ConfigError, match=r"a file network\.npz alone holds no validation errors: allowed is select=loss"
    ):
        alone.selected("error")


def test_where_the_chosen_rate_has_no_network_the_command_that_trains_it_works(settings, capsys):
    run, _ = sweep(settings, "optimizer.lr=[0.05,0.5]", "save=false", "seeds=3", "epochs=20")
    (rate,) = chosen_rates(pd.read_csv(run / "replicas.csv"))
    other = 0.05 if rate == 0.5 else 0.5
    words = ("dataset=iris", *SMALL[:1], "epochs=20", "seeds=3", f"optimizer.lr=[{other}]", "save=true")
    run_sweep([Job.of(settings(*words), words)])
    capsys.readouterr()
    assert main([f"run={run}"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"keeps no network at its chosen learning rate {rate:g}; run: python run.py " in told
    line = shlex.split(told.partition("run: python run.py ")[2])
    assert line[-3:] == [f"optimizer.lr={rate}", "seeds=[0,1,2]", "save=true"]
    run_study(*line)
    assert load(run).best.lr == rate


def test_a_rate_that_is_chosen_but_not_reported_yet_is_trained_on_the_reported_seeds(six):
    tuned = {
        (0.05, 7): (0.2, 0.3, 0.2),
        (0.3, 7): (0.1, 0.3, 0.2),
        (0.05, 0): (0.0, 0.1, 0.0),
        (0.1, 1): (0.0, 0.1, 0.0),
    }
    with pytest.raises(
        ConfigError, match=r"chosen learning rate 0\.3; run: .* optimizer.lr=0\.3 'seeds=\[0,1\]' save=true$"
    ):
        _ = choosing(six, tuned, tuning=[7]).best


def test_where_all_replicas_of_the_chosen_rate_diverged_there_is_no_command(six):
    with pytest.raises(ConfigError, match=r"has no network at its chosen learning rate 0.05: all of them diverged"):
        _ = choosing(replace(six, members=six[2:]), status="diverged").best


# --- the command


def test_export_writes_a_file_that_names_its_inputs_and_classes(settings, capsys):
    run, _ = sweep(settings)
    capsys.readouterr()
    assert main([f"run={run}"]) == 0
    best = load(run).best
    told = f"wrote {run}/network.onnx: lr {best.lr}, seed {best.seed} (both chosen by validation data)\n"
    assert capsys.readouterr().out == told
    session = onnxruntime.InferenceSession(run / "network.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == ["setosa", "versicolor", "virginica"]
    assert json.loads(about["features"])[0] == "sepal length (cm)"
    assert Study("default").run(run.name).state()[0] == "done"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["format=onnx"], "which study or run? Allowed is study=NAME, study=FOLDER or run=results/STUDY/runs/RUN"),
        (["run=nowhere"], "there is no folder"),
        (["runs=x"], "unknown argument 'runs=x': did you mean 'run'?"),
        (["run=x", "format=onx"], "format=onx: did you mean 'onnx'?"),
        (["run=x", "select=eror"], "select=eror: did you mean 'error'?"),
    ],
)
def test_a_bad_argument_is_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("export: ")
    assert message in told
    assert told.count("\n") == 1


def test_what_has_no_expression_is_refused(trained):
    _, run = trained("dataset=iris")
    network = load(run).best

    class Mine(type(network.activation), name="mine_without_expression"):
        expression = ""

    del ACTIVATIONS["mine_without_expression"]
    with pytest.raises(ConfigError, match="activation=mine_without_expression cannot be exported: it has no"):
        to_onnx(replace(network, activation=Mine()))
