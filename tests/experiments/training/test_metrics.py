"""Metrics against scikit-learn, calibration against a simulator, independence of the stack, the columns of a run."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from experiments.tables import CLASS_METRICS, CROSSINGS, MEASURED, NUMBER_METRICS
from experiments.training import evaluation
from experiments.training.metrics import (
    BINS,
    auc,
    class_metrics,
    ece_mass,
    ece_width,
    mae,
    metric_columns,
    number_metrics,
    r2,
    reliability,
)
from experiments.training.run import Chunk, divide, train
from nets.outputs import OUTPUTS, ClippedMSE, LinearHinge, LinearMSE, SigmoidCE, SigmoidMSE, SoftmaxCE, SoftmaxMSE

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def drawn(classes, *, rows=250, replicas=3, ties=False, absent=(), seed=0):
    """Return probabilities (R, n, K) and labels (R, n); with ties many probabilities are equal."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), (replicas, rows))
    if ties:
        p = np.maximum(np.round(8 * p), 0.5)
        p /= p.sum(axis=2, keepdims=True)
    labels = rng.choice([k for k in range(classes) if k not in absent], (replicas, rows))
    return p, labels


def names(classes):
    return tuple(map(str, range(classes)))


CASES = [
    *[(classes, ties, ()) for classes in (2, 3, 10) for ties in (False, True)],
    (3, False, (0,)),
    (10, True, (2, 9)),
]


@pytest.mark.parametrize(("classes", "ties", "absent"), CASES)
def test_metrics_of_classes_equal_scikit_learns(classes, ties, absent):
    p, labels = drawn(classes, ties=ties, absent=absent)
    unit = SimpleNamespace(probabilities="given", class_probabilities=lambda z: z)
    result = class_metrics(unit, p, labels, p.argmax(axis=2), names(classes))
    for replica, (probabilities, y) in enumerate(zip(p, labels, strict=True)):
        decided, every = probabilities.argmax(axis=1), list(range(classes))
        recall = sklearn_metrics.recall_score(y, decided, labels=every, average=None, zero_division=np.nan)
        expected = {
            "balanced_error": 1 - np.nanmean(recall),
            "nll": sklearn_metrics.log_loss(y, probabilities, labels=every),
            "brier": sklearn_metrics.brier_score_loss(y, probabilities, labels=every),
            "f1": sklearn_metrics.f1_score(y, decided, average="macro", zero_division=0),
            "auc": np.nan,
            **{f"recall_{k}": value for k, value in enumerate(recall)},
        }
        if not absent:
            expected["balanced_error"] = 1 - sklearn_metrics.balanced_accuracy_score(y, decided)
            score = probabilities[:, 1] if classes == 2 else probabilities
            expected["auc"] = sklearn_metrics.roc_auc_score(y, score, multi_class="ovr")
        for name, value in expected.items():
            np.testing.assert_allclose(result[name][replica], value, err_msg=name, **EXACT)
    assert {*result} == {*CLASS_METRICS, *(f"recall_{k}" for k in range(classes))}
    assert np.isnan(result["auc"]).all() == bool(absent)
    assert [np.isnan(result[f"recall_{k}"]).all() for k in range(classes)] == [k in absent for k in range(classes)]


@pytest.mark.parametrize("output", [SigmoidCE(), SigmoidMSE(), ClippedMSE()], ids=lambda output: output.name)
def test_one_unit_for_two_classes_gives_scikit_learns_metrics_too(output):
    (p, labels) = drawn(2, ties=True)
    z = p[..., 1:] if output.probabilities == "clip" else np.log(p[..., 1:] / p[..., :1])
    decided = output.decide(z)
    result = class_metrics(output, z, labels, decided, names(2))
    for replica, (probabilities, y) in enumerate(zip(p[..., 1], labels, strict=True)):
        expected = {
            "nll": sklearn_metrics.log_loss(y, probabilities),
            "brier": sklearn_metrics.brier_score_loss(y, probabilities),
            "auc": sklearn_metrics.roc_auc_score(y, probabilities),
            "f1": sklearn_metrics.f1_score(y, decided[replica], average="macro", zero_division=0),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(result[name][replica], value, err_msg=name, **EXACT)


def test_units_of_several_sigmoids_are_normalised():
    output = SigmoidCE()
    _, labels = drawn(4)
    z = np.random.default_rng(1).normal(size=(3, 250, 4))
    p = output.class_probabilities(z)
    result = class_metrics(output, z, labels, output.decide(z), names(4))
    for replica in range(3):
        expected = sklearn_metrics.log_loss(labels[replica], p[replica], labels=range(4))
        np.testing.assert_allclose(result["nll"][replica], expected, **EXACT)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("output", [LinearMSE(), LinearHinge()], ids=lambda output: output.name)
def test_scores_that_are_no_probabilities_have_ranks_and_decisions_only(output, classes):
    units, (_, labels) = output.units("classification", classes), drawn(classes)
    z = np.random.default_rng(1).normal(size=(3, 250, units)).round(1)
    result = class_metrics(output, z, labels, output.decide(z), names(classes))
    assert {*result} == {"balanced_error", "f1", "auc", *(f"recall_{k}" for k in range(classes))}
    for replica, (scores, y) in enumerate(zip(z, labels, strict=True)):
        columns = [scores[:, -1] - (scores[:, 0] if units == 2 else 0)] if classes == 2 else scores.T
        areas = [sklearn_metrics.roc_auc_score(y == (k or classes == 2), score) for k, score in enumerate(columns)]
        np.testing.assert_allclose(result["auc"][replica], np.mean(areas), **EXACT)


@pytest.mark.parametrize("output", [SoftmaxCE(), SoftmaxMSE(), SigmoidCE(), SigmoidMSE()], ids=lambda o: o.name)
def test_nll_is_finite_where_a_probability_rounds_to_0(output):
    """A row that is wrong by a score of 800 costs 800, though exp(−800) and 1 − 1 / (1 + exp(−40)) round to 0."""
    one_unit = output.probabilities == "sigmoid"
    z = np.array([[[800.0]], [[40.0]]] if one_unit else [[[0.0, 800.0]], [[0.0, 40.0]]])
    labels = np.zeros((2, 1), int)
    result = class_metrics(output, z, labels, 1 - labels, names(2))
    np.testing.assert_allclose(result["nll"], [800, 40], rtol=1e-15)
    assert result["brier"].tolist() == [1, 1]


@pytest.mark.parametrize("output", [SigmoidCE(), SigmoidMSE()], ids=lambda o: o.name)
def test_nll_of_several_sigmoids_is_finite_where_all_of_them_round_to_0(output):
    z = np.array([[[0.0, -800.0, -800.0]], [[-800.0, -801.0, -802.0]]])
    result = class_metrics(output, z, np.array([[1], [2]]), np.zeros((2, 1), int), names(3))
    exact = [800 - np.log(2), 2 + np.log1p(np.exp(-1) + np.exp(-2))]  # the share of a class is σ(z) / Σ σ(z)
    np.testing.assert_allclose(result["nll"], exact, rtol=1e-14)


def test_a_class_that_is_said_to_be_impossible_has_an_infinite_nll():
    result = class_metrics(ClippedMSE(), np.array([[[2.0]]]), np.array([[0]]), np.array([[1]]), names(2))
    assert result["nll"].tolist() == [np.inf]


def test_auc_counts_half_of_a_tie():
    scores, labels = np.array([[[1.0], [2.0], [2.0], [3.0]]]), np.array([[0, 0, 1, 1]])
    assert auc(scores, labels).tolist() == [3.5 / 4]
    assert auc(np.zeros((1, 4, 1)), labels).tolist() == [0.5]
    assert auc(np.array([[[-0.0], [0.0]]]), np.array([[0, 1]])).tolist() == [0.5]
    assert auc(np.array([[[-np.inf], [np.inf]]]), np.array([[0, 1]])).tolist() == [1.0]


# --- calibration


def plain_ece(confidence, correct, bin_of):
    """Return the error of calibration of one replica, bin by bin."""
    total = 0.0
    for number in set(bin_of):
        rows = [row for row, where in enumerate(bin_of) if where == number]
        gap = abs(np.mean([correct[row] for row in rows]) - np.mean([confidence[row] for row in rows]))
        total += len(rows) / len(bin_of) * gap
    return total


def width_bins(confidence):
    """Return each row's bin: that m for which (m − 1)/15 < confidence ≤ m/15."""
    edges = [np.linspace(0, 1, BINS + 1)[m] for m in range(1, BINS)]
    return [sum(value > edge for edge in edges) for value in confidence]


def mass_bins(confidence):
    """Return each row's bin: the number of rows with less confidence decides."""
    return [BINS * sum(other < value for other in confidence) // len(confidence) for value in confidence]


@pytest.mark.parametrize(("function", "bins"), [(ece_width, width_bins), (ece_mass, mass_bins)])
@pytest.mark.parametrize("rows", [15, 200, 307])
@pytest.mark.parametrize("ties", [False, True])
def test_calibration_error_equals_that_of_a_loop_over_bins(function, bins, rows, ties):
    rng = np.random.default_rng(rows)
    confidence = rng.uniform(0.1, 1, (2, rows))
    confidence = confidence.round(2) if ties else confidence
    correct = rng.uniform(size=confidence.shape) < confidence**2
    expected = [plain_ece(*replica, bins(replica[0])) for replica in zip(confidence, correct, strict=True)]
    np.testing.assert_allclose(function(confidence, correct), expected, **EXACT)


def test_bins_of_equal_mass_have_equally_many_rows():
    for rows in (200, 307, 1000):
        sizes = np.bincount(mass_bins(np.random.default_rng(rows).uniform(size=rows)))
        assert len(sizes) == BINS
        assert np.ptp(sizes) <= 1


@pytest.mark.parametrize("function", [ece_width, ece_mass])
def test_calibration_error_does_not_depend_on_the_order_of_rows(function):
    rng = np.random.default_rng(3)
    confidence, order = rng.uniform(0.3, 1, (1, 250)).round(2), rng.permutation(250)
    correct = rng.uniform(size=(1, 250)) < confidence
    other = function(confidence[:, order], correct[:, order])
    np.testing.assert_allclose(other, function(confidence, correct), rtol=1e-12)


def expected_gap(confidence, bin_of, draws):
    """Return the mean of Σ |accuracy − confidence| n_m/n over independent draws, and the standard error of the mean."""
    rng = np.random.default_rng(987654321)
    members = [np.flatnonzero(np.equal(bin_of, number)) for number in set(bin_of)]
    errors = np.zeros(draws)
    for rows in members:
        accuracy = (rng.uniform(size=(draws, len(rows))) < confidence[rows]).mean(axis=1)
        errors += len(rows) / len(confidence) * np.abs(accuracy - confidence[rows].mean())
    return errors.mean(), errors.std() / np.sqrt(draws)


@pytest.mark.parametrize(("function", "bins"), [(ece_width, width_bins), (ece_mass, mass_bins)])
@pytest.mark.parametrize("classes", [2, 10])
def test_a_calibrated_simulator_has_its_own_expected_calibration_error(function, bins, classes):
    """Its error is not 0: an accuracy of few rows differs from the confidence by chance. A bold one has more."""
    rng, draws, rows = np.random.default_rng(classes), 4000, 300
    p = rng.dirichlet(np.full(classes, 0.5), rows)
    confidence = p.max(axis=1)
    uniform = rng.uniform(size=(draws, rows))
    labels = (p.cumsum(axis=1) < uniform[..., None]).sum(axis=2)  # a draw from each row's own distribution
    correct = labels == p.argmax(axis=1)
    errors = function(np.broadcast_to(confidence, correct.shape), correct)
    expected, uncertainty = expected_gap(confidence, bins(confidence), draws)
    tolerance = 4 * np.hypot(uncertainty, errors.std() / np.sqrt(draws))
    assert tolerance < 0.03 * expected
    assert errors.mean() == pytest.approx(expected, abs=tolerance)
    # By the normal distribution, E |X| = √(2/π) σ in each bin.
    variance = np.bincount(bins(confidence), confidence * (1 - confidence))
    assert expected == pytest.approx(np.sqrt(2 / np.pi * variance).sum() / rows, rel=0.1)
    bold = function(np.broadcast_to(np.sqrt(confidence), correct.shape), correct)
    assert bold.mean() > 1.5 * expected


@pytest.mark.parametrize("ties", [False, True])
def test_reliability_counts_the_bins_of_equal_width(ties):
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.full(3, 0.4), (2, 90))
    p = np.array([[0.2, 0.4, 0.4], [1, 0, 0]])[rng.integers(2, size=(2, 90))] if ties else p
    labels, unit = (
        rng.integers(3, size=(2, 90)),
        SimpleNamespace(probabilities="given", class_probabilities=lambda z: z),
    )
    decided = p.argmax(axis=2)
    result = reliability(unit, p, labels, decided)
    for counts, confidence, right in zip(result, p.max(axis=2), decided == labels, strict=True):
        number = np.array(width_bins(confidence))
        expected = [
            (rows.sum(), confidence[rows].sum(), right[rows].sum()) for rows in (number == m for m in range(BINS))
        ]
        np.testing.assert_allclose(counts, expected, **EXACT)


def test_an_output_without_probabilities_has_no_reliability():
    labels = np.zeros((2, 5), int)
    assert not reliability(LinearMSE(), np.ones((2, 5, 3)), labels, labels).any()


@pytest.mark.parametrize("output", ["softmax_ce", "sigmoid_mse", "linear_mse"])
def test_the_table_of_reliability_gives_the_calibration_error(settings, output):
    """With early stopping too, where the networks are those of another epoch than the last one."""
    words = ("dataset=digits", "net.hidden=[8]", "epochs=4", "seeds=2", "early_stopping.patience=1", f"output={output}")
    condition = settings(*words)
    frames = train(condition, condition.replicas).frames
    table = frames["reliability"]
    assert len(table) == (2 * BINS if condition.output.probabilities else 0)
    for seed, bins in table.groupby("seed"):
        gaps = bins["count"] * (bins["accuracy"] - bins["confidence"]).abs()
        (error,) = frames["replicas"].loc[frames["replicas"]["seed"] == seed, "final_test_ece_width"]
        assert gaps.fillna(0).sum() / bins["count"].sum() == pytest.approx(error, rel=0, abs=1e-12)


@pytest.mark.parametrize("rows", [199, 200])
def test_few_rows_have_no_calibration_error(rows):
    p, labels = drawn(3, rows=rows)
    result = class_metrics(SoftmaxCE(), np.log(p), labels, p.argmax(axis=2), names(3))
    assert {name for name in result if name.startswith("ece")} == ({"ece_width", "ece_mass"} if rows == 200 else set())


# --- numbers


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("rows", [2, 40, 9000])
def test_metrics_of_numbers_equal_scikit_learns(rows, targets):
    rng = np.random.default_rng(rows)
    y = rng.normal(size=(3, rows, targets))
    point = y + rng.normal(size=y.shape)
    for replica in range(3):
        expected = sklearn_metrics.mean_absolute_error(y[replica], point[replica])
        np.testing.assert_allclose(mae(point, y)[replica], expected, **EXACT)
        expected = sklearn_metrics.r2_score(y[replica], point[replica])
        np.testing.assert_allclose(r2(point, y)[replica], expected, **EXACT)


def test_r2_of_a_constant_target_is_scikit_learns():
    y = np.full((3, 7, 2), 0.1)
    point = np.stack([y[0], y[1] + [0, 1], y[2] + 1])
    assert r2(point, y).tolist() == [1.0, 0.5, 0.0]
    for replica in range(3):
        assert r2(point, y)[replica] == sklearn_metrics.r2_score(y[replica] - 0.1, point[replica] - 0.1)
    assert np.isnan(r2(point[:, :1], y[:, :1])).all()


@pytest.mark.parametrize("targets", [1, 2])
def test_a_gaussian_has_scipys_likelihood_in_the_targets_unit_and_the_coverage_of_its_interval(targets):
    rng, output = np.random.default_rng(0), LinearMSE()
    z, y = rng.normal(size=(2, 3, 50, targets))
    spread, scale = rng.uniform(1, 2, (3, 1, targets)), rng.uniform(1, 9, (3, targets))
    unit = scale[:, None] if targets == 1 else 1.0
    result = number_metrics(output, z, y, spread, scale[:, None], unit)
    for replica in range(3):
        unit = scale[replica]
        normal = stats.norm(z[replica] * unit, spread[replica] * unit)
        expected = -normal.logpdf(y[replica] * unit).sum(axis=1).mean()
        np.testing.assert_allclose(result["nll"][replica], expected, rtol=1e-12)
        low, high = normal.interval(0.9)
        inside = (low <= y[replica] * unit) & (y[replica] * unit <= high)
        assert result["coverage"][replica] == pytest.approx(inside.mean())
        error = np.abs(z[replica] - y[replica]).mean() * (unit[0] if targets == 1 else 1)
        np.testing.assert_allclose(result["mae"][replica], error, rtol=1e-12)


# --- a replica does not know its neighbours


def bits(result, replica):
    return {name: values[replica].tobytes() for name, values in result.items()}


@pytest.mark.parametrize("rows", [1, 2, 3, 200, 9001])
@pytest.mark.parametrize("units", [1, 2, 3, 7, 8, 9, 17])
def test_metrics_are_bit_identical_in_any_stack(rows, units):
    rng = np.random.default_rng(units)
    z, y = rng.normal(size=(2, 5, rows, units))
    labels = rng.integers(max(units, 2), size=(5, rows))
    spread, scale = rng.uniform(1, 2, (2, 5, 1, units))

    def of(replicas):
        results = []
        for output in (SoftmaxCE() if units > 1 else SigmoidCE(), ClippedMSE(), LinearMSE()):
            decided = output.decide(z[replicas])
            classes = names(max(units, 2))
            with np.errstate(divide="ignore"):
                results.append(class_metrics(output, z[replicas], labels[replicas], decided, classes))
                results.append({"reliability": reliability(output, z[replicas], labels[replicas], decided)})
        results.append(number_metrics(LinearMSE(), z[replicas], y[replicas], spread[replicas], scale[replicas]))
        return {(number, name): values for number, result in enumerate(results) for name, values in result.items()}

    together = of(slice(None))
    for replicas in ([0], [4], [1, 2], [3, 0, 4]):
        part = of(replicas)
        for position, replica in enumerate(replicas):
            assert bits(part, position) == bits(together, replica)


# --- the columns of a run

SMALL = ("net.hidden=[6]", "epochs=3", "seeds=2", "optimizer.lr=[0.01,0.1]", "dtype=float64")
REGRESSIONS = [name for name, output in OUTPUTS.items() if "regression" in output.tasks]
CLASSIFICATIONS = [name for name, output in OUTPUTS.items() if "classification" in output.tasks]


def predictions(condition):
    """Train, and yield each replica's row of the table with the network's scores on all rows of its seed's data."""
    (part,) = divide(condition, condition.replicas)
    chunk = Chunk(condition, part)
    with np.errstate(all="ignore"):
        assert chunk.run(lambda count: None, None, False, lambda: False)
    frame = train(condition, condition.replicas).frames["replicas"].set_index(["lr", "seed"])
    stack, rows = chunk.stack, np.arange(len(condition.data.inputs))
    work = stack.read(slice(0, len(rows)))
    scores = stack.network.forward(work).copy()
    for position, replica in enumerate(condition.replicas):
        split = {part: getattr(stack.prepared.split, part)[stack.seed_index[position]] for part in ("train", *MEASURED)}
        yield frame.loc[replica], scores[position], split, stack.seed_index[position], stack.prepared


@pytest.mark.parametrize("dataset", ["wine", "moons"])
@pytest.mark.parametrize("output", CLASSIFICATIONS)
def test_every_output_of_classes_has_scikit_learns_metrics(settings, output, dataset):
    condition = settings(*SMALL, f"output={output}", f"dataset={dataset}", "batch_size=16")
    unit, classes = condition.output, condition.data.classes
    for row, scores, split, _, _ in predictions(condition):
        assert row["status"] == "done"
        for part in MEASURED:
            y = condition.data.targets[split[part]]
            z = scores[split[part]][None]
            decided = unit.decide(z)[0]
            expected = {
                "balanced_error": 1 - sklearn_metrics.balanced_accuracy_score(y, decided),
                "f1": sklearn_metrics.f1_score(y, decided, average="macro", zero_division=0),
                **dict(
                    zip(
                        [f"recall_{name}" for name in classes],
                        sklearn_metrics.recall_score(y, decided, average=None, zero_division=0),
                        strict=True,
                    )
                ),
            }
            if unit.probabilities:
                p = unit.class_probabilities(z)[0]
                expected["brier"] = sklearn_metrics.brier_score_loss(y, p)
                expected["auc"] = sklearn_metrics.roc_auc_score(
                    y, p if len(classes) > 2 else p[:, 1], multi_class="ovr"
                )
                if p[np.arange(len(y)), y].min() > 1e-9:
                    expected["nll"] = sklearn_metrics.log_loss(y, p)
            for name, value in expected.items():
                assert row[f"final_{part}_{name}"] == pytest.approx(value, rel=1e-9, abs=1e-12), name
            blank = [name for name in ("nll", "brier", "ece_width", "ece_mass") if row[f"final_{part}_{name}"] is None]
            calibrated = ["ece_width", "ece_mass"] if len(y) < 200 else []
            assert blank == (calibrated if unit.probabilities else ["nll", "brier", "ece_width", "ece_mass"])


LIKELIHOODS = {
    "linear_mse": lambda z, residual: stats.norm(z, np.sqrt((residual**2).mean(axis=0))),
    "linear_mae": lambda z, residual: stats.laplace(z, np.abs(residual).mean(axis=0)),
    "exp_poisson": lambda z, residual: stats.poisson(np.exp(z)),
    "gaussian_nll": lambda z, residual: stats.norm(z[:, ::2], np.exp(z[:, 1::2] / 2)),
}
"""By output, the distribution of the targets as scaled, from scores and the residuals of the training part."""


@pytest.mark.parametrize("dataset", ["diabetes", "linnerud"])
@pytest.mark.parametrize("output", REGRESSIONS)
def test_every_output_of_numbers_has_the_metrics_of_scikit_learn_and_scipy(settings, output, dataset):
    condition = settings(*SMALL, f"output={output}", f"dataset={dataset}", "batch_size=5", "optimizer.lr=1e-5")
    unit, targets = condition.output, condition.data.targets
    for row, scores, split, seed, prepared in predictions(condition):
        assert row["status"] == "done"
        scale, mean, scaled = prepared.target_scale[seed], prepared.target_mean[seed], prepared.targets[seed]
        points = unit.predict(scores[None])[0]
        spread = targets[split["train"]].std(axis=0) if targets.shape[1] > 1 else 1
        for part in MEASURED:
            rows, measured = (
                split[part],
                {name: row.get(f"final_{part}_{name}") for name in (*NUMBER_METRICS, CROSSINGS)},
            )
            point = points[rows] * scale + mean
            error = sklearn_metrics.mean_absolute_error(targets[rows] / spread, point / spread)
            assert measured["mae"] == pytest.approx(error, rel=1e-9)
            assert measured["r2"] == pytest.approx(sklearn_metrics.r2_score(targets[rows], point), rel=1e-9)
            assert (f"final_{part}_{CROSSINGS}" in row) == (output == "quantile")
            if output in LIKELIHOODS:
                likelihood = LIKELIHOODS[output](scores[rows], (points - scaled)[split["train"]])
                logarithm = getattr(likelihood, "logpdf" if hasattr(likelihood.dist, "logpdf") else "logpmf")
                nll = np.log(scale).sum() - logarithm(scaled[rows]).sum(axis=1).mean()
                assert measured["nll"] == pytest.approx(nll, rel=1e-9)
                low, high = likelihood.interval(0.9)
            elif output == "quantile":
                low, middle, high = (scores[rows][:, level::3] for level in range(3))
                assert measured[CROSSINGS] == pytest.approx(((middle < low) | (high < middle)).mean())
                assert measured["nll"] is None
            else:
                assert unit.distribution(scores[None], np.ones((1, 1, targets.shape[1]))) is None
                assert measured["nll"] is measured["coverage"] is None
                continue
            inside = (low <= scaled[rows]) & (scaled[rows] <= high)
            assert measured["coverage"] == pytest.approx(inside.mean())


def test_the_loss_of_cross_entropy_is_the_nll(settings):
    for dataset in ("wine", "moons"):
        condition = settings(*SMALL, f"dataset={dataset}", "batch_size=16", "optimizer.lr=[0.1,20]")
        replicas = train(condition, condition.replicas).frames["replicas"]
        done = replicas[replicas["status"] == "done"]
        for part in MEASURED:
            losses, nll = (done[f"final_{part}_{name}"].astype(float) for name in ("loss", "nll"))
            np.testing.assert_allclose(nll, losses, rtol=1e-12)


EVERY = ("dataset=wine", "batch_size=16", "net.hidden=[6]", "epochs=4", "seeds=2", "optimizer.lr=[0.02,0.5,1e30]")


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("output=linear_mse",),
        ("early_stopping.patience=1",),
        ("dataset=diabetes", "optimizer.lr=[0.001,1e30]"),
        ("dataset=diabetes", "optimizer.lr=[0.001,0.3,1e30]", "early_stopping.patience=1"),
        ("dataset=moons", "dataset.samples=90", "epochs=0"),
    ],
    ids=" ".join,
)
def test_the_final_metrics_are_those_of_the_network_with_which_a_replica_ends(settings, overrides):
    plain, every = (settings(*EVERY, *overrides, *further) for further in ((), ("metrics.every_epoch=true",)))
    assert plain.run != every.run
    old, new = (train(condition, condition.replicas).frames for condition in (plain, every))
    columns = metric_columns(every)
    added = ["run", "metrics.every_epoch"]
    assert new["replicas"].drop(columns=added).equals(old["replicas"].drop(columns="run"))
    assert new["history"].drop(columns=["run", *columns]).equals(old["history"].drop(columns="run"))
    assert list(new["history"].columns) == [*old["history"].columns, *columns]
    for row in new["replicas"].to_dict("records"):
        history = new["history"]
        history = history[(history["lr"] == row["lr"]) & (history["seed"] == row["seed"])].set_index("epoch")
        final = [row[f"final_{column}"] for column in columns]
        if row["status"] == "diverged":
            assert final == [None] * len(columns)
            assert history[columns].iloc[-1].isna().all()
            continue
        end = row["best_epoch"] if every.early_stopping.on else every.epochs
        assert final == history.loc[end, columns].tolist()
        assert row[f"final_{columns[0]}"] is not None


def test_chunks_of_networks_are_measured_alike(settings, monkeypatch):
    condition = settings(*EVERY)
    frame = train(condition, condition.replicas).frames["replicas"]
    monkeypatch.setattr(evaluation, "METRIC_BYTES", 1)
    assert train(condition, condition.replicas).frames["replicas"].equals(frame)


def test_columns_follow_from_task_and_classes(settings):
    for overrides, metrics in (
        (("dataset=iris",), (*CLASS_METRICS, "recall_setosa", "recall_versicolor", "recall_virginica")),
        (("dataset=diabetes",), NUMBER_METRICS),
        (("task=autoencode", "dataset=iris"), NUMBER_METRICS),
        (("dataset=diabetes", "output=quantile"), (*NUMBER_METRICS, CROSSINGS)),
    ):
        columns = metric_columns(settings(*overrides))
        assert columns == [f"{part}_{metric}" for part in ("validation", "test") for metric in metrics]
